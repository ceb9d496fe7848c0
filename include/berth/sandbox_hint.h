/* sandbox_hint.h - folders of the machine that a service's unit hides from it (PrivateTmp,
 * ProtectHome).
 *
 * Module shared. The service does not see files there that an administrator sees, and the reverse;
 * so an error or an answer about such a path must say that the folder is hidden.
 */
#ifndef BERTH_SANDBOX_HINT_H
#define BERTH_SANDBOX_HINT_H

#include <stddef.h>

#define SANDBOX_HINT_SIZE 200

/* Write to `ret` "; " and a sentence that names the hidden folder when `path` lies in one, else "".
 * Links and ".." are resolved for the part of the path that exists. A folder is hidden when a
 * private mount of berthd's own unit covers it; home folders also when this process is the main
 * process of any unit. mounts: file with the mounts of the process; NULL: /proc/self/mountinfo.
 * instead: a folder that the service may use. Returns ret.
 */
const char *sandbox_hint(const char *mounts, const char *path, const char *instead,
                         char ret[SANDBOX_HINT_SIZE]);

#endif
