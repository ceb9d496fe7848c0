/* ucred.h - what the system knows of the people at a Unix socket.
 *
 * Module api. Apart from the rest because <grp.h> and the core both have a struct group.
 */
#ifndef BERTH_API_UCRED_H
#define BERTH_API_UCRED_H

#include <sys/types.h>

#include "berth/error.h"

/* Number of a group. Errors: CONFIG (there is none of this name). */
int ucred_group(const char *name, gid_t *ret, struct berth_error *reterr) berth_must_check;

/* Whose process is at the other end of `descriptor`: root, our own user or a member of `group` (""
 * or NULL: no group) may manage the broker. *ret_uid: whose it is, (uid_t)-1 when the kernel does
 * not say.
 */
bool ucred_may_manage(int descriptor, const char *group, uid_t *ret_uid);

#endif
