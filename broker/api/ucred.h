/* ucred.h - the credentials of the client of a Unix socket.
 *
 * Module api. A separate file, because <grp.h> and the core both define struct group.
 */
#ifndef BERTH_API_UCRED_H
#define BERTH_API_UCRED_H

#include <sys/types.h>

#include "berth/error.h"

/* Gid of a group. Errors: CONFIG (no such group). */
int ucred_group(const char *name, gid_t *ret, struct berth_error *reterr) berth_must_check;

/* May the process at the other end of `descriptor` manage the broker? Root, the broker's own user
 * and members of `group` ("" or NULL: none) may. *ret_uid: its uid, (uid_t)-1 when unknown.
 */
bool ucred_may_manage(int descriptor, const char *group, uid_t *ret_uid);

#endif
