/* grace.h - for a while after a password a badge alone is enough.
 *
 * Module core: no I/O. Somebody who has shown a password at a terminal of a site may come back at any
 * terminal of that site by tapping a badge, until core->limits.badge_grace_ms have passed since the
 * password; taps do not prolong it. Another password, a disabled account or a disabled badge ends
 * it at once. It is kept in memory alone: after a restart of the broker everybody types once.
 */
#ifndef BERTH_CORE_GRACE_H
#define BERTH_CORE_GRACE_H

#include "core/runtime.h"

struct grace_table;

/* Nobody in it yet; the key is for its hash table. */
struct grace_table *grace_table_new(struct map_key key);
void grace_table_free(struct grace_table *table);

/* The right password of `user` was shown at `terminal` just now. */
void grace_begin(struct core *core, const struct user *user, const struct terminal *terminal);

/* The account or a badge of this user was disabled: also when it is enabled again, the password is
 * needed first. */
void grace_end(struct core *core, uint64_t user_id);

/* May `user` come in at `terminal` by a badge that is theirs? Whether the account is disabled is
 * the caller's to judge. */
bool grace_holds(struct core *core, const struct user *user, const struct terminal *terminal);

#endif
