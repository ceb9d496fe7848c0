/* claim.h - the decision that a user's session is at a terminal now: one durable change.
 *
 * Module flow, inner header of sign_on.
 */
#ifndef BERTH_FLOW_CLAIM_H
#define BERTH_FLOW_CLAIM_H

#include "flow/context.h"

struct claim {
    uint64_t user_id, pool_id, desktop_id, terminal_id;
    int64_t slot;
    uint64_t session_id; /* that goes on, or 0: a new one, whose number is filled in */
    bool fresh;          /* the session was made by this claim */
    /* What the claim gives. */
    uint64_t connection_id;
    int64_t epoch;
    /* Whom it takes the picture from: to be told once it is durable. 0 = nobody. */
    uint64_t old_terminal_id;
    struct row_session old_session; /* this session as it was, with its older epoch */
    struct row_session here;        /* another session that was on this terminal; id 0 = none */
};

/* Raise the slot's epoch, open or reuse the assignment, add or move the session, end the older
 * connection, add the new one, and take off the screen whatever else this terminal showed. Errors:
 * STATE, NOT_FOUND: the facts have changed; look again.
 */
int claim_changes(struct context *context, struct claim *claim, struct changes **ret,
                  struct berth_error *reterr) berth_must_check;

#endif
