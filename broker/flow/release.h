/* release.h - the end of a session, and what becomes of its desktop.
 *
 * Module flow. ENDING is durable before anything is undone. Then: hide the session at its terminal,
 * set an unknown password for the account, end the guest's session; then ENDED is written and the
 * assignment closed (a dedicated desktop stays assigned). A floating desktop that was used is
 * refreshed before another user gets it: refill.c decides that from the row alone, so a crash in
 * between loses nothing.
 */
#ifndef BERTH_FLOW_RELEASE_H
#define BERTH_FLOW_RELEASE_H

#include "flow/context.h"

struct ending {
    const char *action; /* for the audit trail: "session.sign_off" */
    const char *reason; /* word of `hide`: signed-off, limit, failed */
    const char *why;    /* sentence for the audit record and the person */
    const char *actor, *role;
    bool limit;    /* only while a limit of the session is exceeded: its user may come back */
    int64_t epoch; /* only while the claim with this epoch is the latest; 0 = any */
};

/* End a session. Completes when ENDING is durable and the terminal was told; the release goes on by
 * itself. *ending is copied.
 *
 * Errors: NOT_FOUND, STATE (it is ending already, or the reason does not hold any more), and those
 * of the store.
 */
int session_end(struct context *context, uint64_t session_id, const struct ending *ending,
                struct op *op) berth_must_check;

/* The same without a caller that waits; repeated while the store refuses. */
void session_end_retried(struct context *context, uint64_t session_id, const struct ending *ending);

/* Start the release of a session that is ENDING: after session_end, or at the start of the broker.
 * Does nothing for any other. */
void release_start(struct context *context, struct session *session);

#endif
