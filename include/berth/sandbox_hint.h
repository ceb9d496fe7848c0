/* sandbox_hint.h - folders of the machine that a service's unit hides from it (PrivateTmp, ProtectHome).
 *
 * Module shared. A file that an administrator sees there is "not there" to the service, and what the
 * service writes there nobody finds: an error or an answer about such a path must say so.
 */
#ifndef BERTH_SANDBOX_HINT_H
#define BERTH_SANDBOX_HINT_H

#include <stddef.h>

#define SANDBOX_HINT_SIZE 200

/* In `ret`: "; " and a sentence that says which folder is hidden, when `path` lies in one; else "".
 * Links and ".." of the path are followed as far as it is there. Hidden is what a private folder of
 * berthd's own unit covers, and homes where systemd started this process as a unit's main one.
 * mounts: the mounts of the process, NULL for /proc/self/mountinfo. instead: a folder that the
 * service may use for this. Returns ret.
 */
const char *sandbox_hint(const char *mounts, const char *path, const char *instead,
                         char ret[SANDBOX_HINT_SIZE]);

#endif
