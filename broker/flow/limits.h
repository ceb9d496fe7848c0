/* limits.h - time limits of sessions, and users and terminals that lose their right at once.
 *
 * Module flow. Durations run on the monotonic clock. Only for the time before a restart the wall
 * clock is used, and then nothing ends before the recovery window is over.
 */
#ifndef BERTH_FLOW_LIMITS_H
#define BERTH_FLOW_LIMITS_H

#include "flow/context.h"

/* The session's state may have changed: arm its timer for the present state. rearm: the session was
 * loaded at the start, or its pool's limits changed. */
void limits_arm(struct context *context, struct session *session, bool rearm);

/* Its terminal reported how long there was no input. */
void limits_idle(struct context *context, struct session *session, int64_t input_idle_ms);

/* A user was disabled: disconnect all their sessions, cancel their sign-ons. */
void limits_user_disabled(struct context *context, struct user *user);

/* A user was deleted: cancel their sign-ons. */
void limits_user_gone(struct context *context, const struct user *user);

/* A terminal may not be used any more (revoked, quarantined, deleted): disconnect what it shows,
 * cancel its sign-on with `code` and `why`. */
void limits_terminal_closed(struct context *context, struct terminal *terminal, int code,
                            const char *why);

#endif
