/* session.h - a user's session on a desktop, and what is written or timed for it.
 *
 * Module core.
 */
#ifndef BERTH_CORE_SESSION_H
#define BERTH_CORE_SESSION_H

#include "core/registry.h"

struct flow;
struct context; /* of module flow */

struct session {
    struct entity base;
    struct row_session row;
    struct berth_timer limit;       /* the next limit to end: disconnected or absolute */
    struct context *context;        /* for its timers; set when one is armed */
    enum session_state limit_state; /* the state that `limit` was armed for */
    int64_t begun_ms, since_ms;     /* start of the session, and of limit_state: monotonic */
    int64_t input_idle_ms;          /* as its terminal last reported */
    int64_t input_said_ms;          /* when it reported that, monotonic */
    bool detach_pending;            /* a disconnect that was observed is being written */
    /* The disconnect came before the write that it is shown: when that is written, write the
     * disconnect again. */
    bool detach_after_show;
    /* The terminal reported meanwhile that it shows the claim with this epoch; 0 = it did not. */
    int64_t reattach_epoch;
    int64_t voided_epoch; /* the claim with this epoch is void; that is being written */
    /* Its terminal was told to show the claim with this epoch, which makes the session ACTIVE once
     * that is written. */
    int64_t show_sent_epoch;
    /* Account for which its guest was given a password; empty: none since this broker started. */
    char account[64];
    struct flow *flow;                /* the running sign-on or release, or NULL */
    struct berth_timer release_retry; /* ENDING, and its release failed: start it again */
    struct list waiting;              /* wait queue of flows that wait for its end: berth/wait.h */
};
DEFINE_FIND(session)

/* The session that has not ended on an assignment; or of a user, in this pool or, with 0, in any
 * (the oldest). NULL when there is none. */
struct session *session_on(struct core *core, uint64_t assignment_id);
struct session *session_of_user(struct core *core, uint64_t user_id, uint64_t pool_id);

/* Change the state: check the transition and put the changed row into `changes`. It is visible after
 * core_apply, which logs and announces it.
 *
 * ret_row: NULL, or set to the row in `changes`, which may be changed further before the commit.
 * Errors: STATE when states.def does not permit the transition; `changes` are untouched then.
 */
int session_transition(struct session *session, enum session_state next, const char *why,
                       struct changes *changes, struct row_session **ret_row,
                       struct berth_error *reterr) berth_must_check;

#endif
