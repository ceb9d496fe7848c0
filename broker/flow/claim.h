/* claim.h - the claim of a sign-on: a user's session is at this terminal from now on, as one
 * durable change.
 *
 * Module flow, inner header of sign_on.
 */
#ifndef BERTH_FLOW_CLAIM_H
#define BERTH_FLOW_CLAIM_H

#include "flow/context.h"

struct claim {
    uint64_t user_id, pool_id, desktop_id, terminal_id;
    int64_t slot;
    uint64_t session_id; /* the session to continue; 0: a new one, whose id is filled in */
    bool fresh;          /* the session was created by this claim */
    /* Filled by claim_changes. */
    uint64_t connection_id;
    int64_t epoch;
    /* The terminal that loses the picture, to be told once the claim is durable; 0 = none. */
    uint64_t old_terminal_id;
    struct row_session old_session; /* this session before the claim, with its older epoch */
    struct row_session here; /* another session that was shown at this terminal; id 0 = none */
};

/* Build the changes of a claim: raise the slot's epoch, open or reuse the assignment, add or move
 * the session, end the older connection, add the new one, and disconnect another session from this
 * terminal. *ret is owned by the caller.
 *
 * Errors: STATE, NOT_FOUND: the facts have changed since the desktop was chosen; choose again.
 */
int claim_changes(struct context *context, struct claim *claim, struct changes **ret,
                  struct berth_error *reterr) berth_must_check;

#endif
