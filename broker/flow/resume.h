/* resume.h - may a session whose picture broke be shown again without its user signing on?
 *
 * Module flow. A terminal whose viewer lost its desktop asks for that by a sign-on with evidence of
 * kind RESUME. It is given a new connection while its claim still holds: the session was not
 * claimed elsewhere, neither its user nor a decision disconnected it, and core->limits.resume_ms
 * have not passed since. These facts are in the rows, so a restart of the broker changes nothing.
 * In memory only are:
 *
 *   - the user's own password (credential passthrough), from the sign-on until the claim ends or
 *     the time has passed; it is wiped then. Without it the user must sign on again.
 *   - which claim the present one replaced, because its terminal may not have heard of the present
 *     one.
 */
#ifndef BERTH_FLOW_RESUME_H
#define BERTH_FLOW_RESUME_H

#include "flow/context.h"

/* What the terminal reports of the picture that it lost. session_id 0: none. */
struct resume_claim {
    uint64_t session_id, connection_id;
    int64_t epoch;
    int64_t lost_ms; /* since it broke */
};

/* A claim is durable. resumed_epoch: the claim of the broken picture that it replaces, 0 = none.
 * password: copied unless it is empty or resuming is switched off. */
void resume_keep(struct context *context, uint64_t session_id, int64_t epoch, int64_t resumed_epoch,
                 const struct secret *password);

/* The row of the session changed, or is gone. */
void resume_notice(struct context *context, uint64_t session_id);

/* Is it on no screen, while its terminal may still resume it? */
bool resume_is_due(const struct context *context, const struct session *session);

/* Check a resume. ret_session: set on success. ret_password: the user's own where the pool passes
 * it on, else empty; the caller wipes it.
 *
 * Errors: SUPERSEDED (claimed or disconnected meanwhile), STATE (ended, too late, no password, or
 * switched off). The text is shown to the person.
 */
int resume_check(struct context *context, const struct terminal *terminal,
                 const struct resume_claim *claim, struct session **ret_session,
                 struct secret *ret_password, struct berth_error *reterr) berth_must_check;

/* At reactor_stop: wipe and free all of it. */
void resume_stop(struct context *context);

#endif
