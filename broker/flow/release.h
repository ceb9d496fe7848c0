/* release.h - the end of a session, and what becomes of its desktop.
 *
 * Module flow. ENDING is durable before anything is undone: hide, scramble the account's password,
 * end the guest's session, then ENDED with the assignment closed (a dedicated desktop stays its
 * user's). A floating desktop that has been used is refreshed before anybody else gets it; refill.c
 * sees to that from the row's `dirty` alone, so a crash in between loses nothing.
 */
#ifndef BERTH_FLOW_RELEASE_H
#define BERTH_FLOW_RELEASE_H

#include "flow/context.h"

struct ending {
    const char *action; /* for the audit trail: "session.sign_off" */
    const char *reason; /* word of `hide`: signed-off, limit, failed */
    const char *why;    /* sentence, also for the person */
    const char *actor, *role;
    bool limit;    /* only as long as a limit of the session has passed: its user may come back */
    int64_t epoch; /* only as long as this claim is the latest, 0 = whichever it is */
};

/* End a session. Completes when ENDING is durable and the terminal was told; the rest goes on by
 * itself. Errors: NOT_FOUND, STATE (it is ending already, or the reason is none any more), and
 * those of the store.
 */
int session_end(struct context *context, uint64_t session_id, const struct ending *ending,
                struct op *op) berth_must_check;

/* The same with nobody waiting; repeated until the store takes it. */
void session_end_retried(struct context *context, uint64_t session_id, const struct ending *ending);

/* Go on with a session that is ENDING: after session_end, or at the start of the broker. */
void release_start(struct context *context, struct session *session);

/* For reactor_stop. */
void session_ends_drop(struct context *context);

#endif
