/* resume.h - may a session whose picture broke be shown again without its user?
 *
 * Module flow. A terminal whose viewer lost its desktop asks by a sign-on with evidence of kind
 * RESUME. It is given a new connection while the claim that it had still holds: nobody else claimed
 * the session, neither its user nor a decision took it off the screen, and core->limits.resume_ms
 * have not passed since. These facts are in the rows, so a restart of the broker changes nothing;
 * what is kept in memory alone is said below, and its loss means that the user signs on again.
 *
 *   - the user's own password (credential passthrough), from the sign-on until the claim is over or
 *     the time has passed; it is wiped then;
 *   - which claim ours replaced: its terminal may not have heard of ours.
 */
#ifndef BERTH_FLOW_RESUME_H
#define BERTH_FLOW_RESUME_H

#include "flow/context.h"

/* What the terminal says of the picture that it lost. session_id 0: nothing. */
struct resume_claim {
    uint64_t session_id, connection_id;
    int64_t epoch;
    int64_t lost_ms; /* since it broke */
};

/* A claim is durable. resumed_epoch: of the broken picture that it replaces, 0 = none. password:
 * copied unless it is empty or nothing is ever resumed. */
void resume_keep(struct context *context, uint64_t session_id, int64_t epoch, int64_t resumed_epoch,
                 const struct secret *password);

/* A row of the session changed, or is gone. */
void resume_notice(struct context *context, uint64_t session_id);

/* On no screen, but its terminal may ask for it. */
bool resume_is_due(const struct context *context, const struct session *session);

/* Decide. *ret_session: set on success. ret_password: the user's own where the pool passes it on,
 * else empty; the caller wipes it.
 * Errors: SUPERSEDED (claimed or taken off meanwhile), STATE (over, too late, no password, or
 * switched off); the sentence is for the person.
 */
int resume_check(struct context *context, const struct terminal *terminal,
                 const struct resume_claim *claim, struct session **ret_session,
                 struct secret *ret_password, struct berth_error *reterr) berth_must_check;

/* The broker stops: all of it is wiped. */
void resume_stop(struct context *context);

#endif
