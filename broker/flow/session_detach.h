/* session_detach.h - what a terminal shows: taking a session off a screen, and what terminals tell of their
 * viewers.
 *
 * Module flow.
 */
#ifndef BERTH_FLOW_SESSION_DETACH_H
#define BERTH_FLOW_SESSION_DETACH_H

#include "flow/context.h"

/* Tell a terminal to stop showing a session. reason: a word of messages.def; text: for the person.
 * Nothing happens when the terminal is not there: the guest's own rules and the next announcement
 * see to it.
 */
void session_hide(struct context *context, uint64_t terminal_id, const struct row_session *session,
                  const char *reason, const char *text);

/* How a session comes off its screen. */
struct detach {
    const char *action; /* for the audit trail: "session.disconnect" */
    const char *reason; /* word of `hide` */
    const char *why;    /* sentence, also for the person */
    const char *actor, *role;
};

/* Durable first, then the terminal is told; completes when both are done. Errors: NOT_FOUND, STATE
 * (it is on no screen). */
int session_detach(struct context *context, uint64_t session_id, const struct detach *detach,
                   struct op *op) berth_must_check;

/* The same as a fact: the terminal vanished, its viewer ended. Nobody waits; written as soon as the
 * store can. epoch: of the claim that is over; a later one is left alone.
 */
void session_detach_observed(struct context *context, const struct connection *connection,
                             const char *why, int64_t exit_code);

/* A decision that needs no answer, such as a limit, or that its user leaves: the terminal is told
 * at once, and its claim is void as soon as that is on disk, also when it did not hear of it.
 */
void session_detach_retried(struct context *context, struct session *session, const char *reason,
                            const char *why);

/* Nothing of this terminal is on a screen any more: it went, was revoked, or shows nothing after
 * coming back. */
void session_detach_all(struct context *context, uint64_t terminal_id, const char *why);

/* At once and before anything is written, because a person must be kept out: a disabled user, a
 * revoked terminal. */
void session_force_disconnect(struct context *context, struct session *session, const char *why);

/* The terminal says what it shows: compare with what is decided. Called at each announcement. */
void session_check_shown(struct context *context, struct terminal *terminal,
                         const struct msg_announce *said);

/* A session's row has changed: when it became disconnected although its terminal came back while
 * that was on its way to disk, the terminal is right.
 */
void session_detach_recheck(struct context *context, struct session *session);

/* How the viewer fares. */
void session_viewer_state(struct context *context, struct terminal *terminal,
                          const struct msg_viewer *said);

/* The session that this terminal claimed last, with that epoch, or NULL: whatever a message says,
 * it acts only for that. */
struct session *session_of_claim(struct context *context, const struct terminal *terminal,
                                 uint64_t session_id, int64_t epoch);

#endif
