/* limits.h - when a session's time is over, and who must leave at once.
 *
 * Module flow. Durations run on the monotonic clock; only for what passed before a restart is the
 * wall clock asked, and then nothing ends before the recovery window is over.
 */
#ifndef BERTH_FLOW_LIMITS_H
#define BERTH_FLOW_LIMITS_H

#include "flow/context.h"

/* The session's state may have changed: arm its timer for that. anew: it comes from the store at
 * start, or its pool's limits changed. */
void limits_arm(struct context *context, struct session *session, bool anew);

/* Has a limit of its pool passed, as of now? */
struct limit_over {
    bool absolute; /* else it was disconnected for too long */
    int64_t waited_ms, limit_ms;
};
bool limits_over(const struct session *session, struct limit_over *ret);

/* Its terminal said how long nobody touched anything. */
void limits_idle(struct context *context, struct session *session, int64_t input_idle_ms);

/* A user was disabled: off every screen, no sign-on goes on. */
void limits_user_disabled(struct context *context, struct user *user);

/* A user was deleted: no sign-on goes on. */
void limits_user_gone(struct context *context, const struct user *user);

/* A terminal may serve nobody any more: revoked, quarantined, deleted. */
void limits_terminal_closed(struct context *context, struct terminal *terminal, int code,
                            const char *why);

#endif
