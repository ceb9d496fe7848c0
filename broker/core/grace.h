/* grace.h - badge grace: for a while after a password, a badge alone is enough.
 *
 * Module core: no I/O. A user who gave a password at a terminal of a site may sign on at any
 * terminal of that site by badge alone, until core->limits.badge_grace_ms have passed since the
 * password; taps do not extend that. A new password, a disabled account or a disabled badge ends it
 * at once. It is kept in memory only: after a restart of the broker every user types a password
 * once.
 */
#ifndef BERTH_CORE_GRACE_H
#define BERTH_CORE_GRACE_H

#include "core/terminal.h"
#include "core/user.h"

struct grace_table;

/* A new empty table. key: seeds its hash table. */
struct grace_table *grace_table_new(struct map_key key);
void grace_table_free(struct grace_table *table);

/* `user` has just given the right password at `terminal`. */
void grace_begin(struct core *core, const struct user *user, const struct terminal *terminal);

/* The account or a badge of this user was disabled: a password is needed first, also after it is
 * enabled again. */
void grace_end(struct core *core, uint64_t user_id);

/* May `user` sign on at `terminal` by a badge of theirs alone? The caller checks whether the
 * account is disabled. */
bool grace_holds(struct core *core, const struct user *user, const struct terminal *terminal);

#endif
