/* session_detach.h - disconnecting sessions from their terminals, and what terminals report of
 * their viewers.
 *
 * Module flow. A disconnect is decided (by an administrator, a limit, the user) or observed (the
 * viewer ended, the terminal is absent). A decided one raises the slot's epoch, which makes the
 * claim of the terminal void. An observed one leaves the claim valid: the terminal may resume the
 * session, or report that it shows it after all.
 */
#ifndef BERTH_FLOW_SESSION_DETACH_H
#define BERTH_FLOW_SESSION_DETACH_H

#include "flow/context.h"

/* How a session is disconnected, for the audit record and the terminal. */
struct detach {
    const char *action; /* for the audit trail: "session.disconnect" */
    const char *reason; /* reason in MSG_hide */
    const char *why;    /* sentence for the audit record and the person */
    const char *actor, *role;
};

/* Disconnect a session. Completes when that is durable and the terminal was told. *detach is
 * copied.
 *
 * Errors: NOT_FOUND, STATE (it is on no screen), and those of the store.
 */
int session_detach(struct context *context, uint64_t session_id, const struct detach *detach,
                   struct op *op) berth_must_check;

/* Disconnect without waiting, because of a limit or because its user leaves: the terminal is told
 * at once, and its claim becomes void when that is written, also when the terminal did not hear of
 * it.
 */
void session_detach_retried(struct context *context, struct session *session, const char *reason,
                            const char *why);

/* Record that this terminal shows nothing any more: it is absent, was revoked, or came back without
 * a picture. */
void session_detach_all(struct context *context, uint64_t terminal_id, const char *why);

/* Disconnect at once, before it is written, because a user or a terminal must be shut out: cancels
 * the flow that works on the session, too. */
void session_force_disconnect(struct context *context, struct session *session, const char *why);

/* Compare what the terminal reports to show with what is decided. Called at each announcement. */
void session_check_shown(struct context *context, struct terminal *terminal,
                         const struct msg_announce *said);

/* The row of a session changed: when it became DISCONNECTED although its terminal came back while
 * that was being written, it becomes ACTIVE again.
 */
void session_detach_recheck(struct context *context, struct session *session);

/* The terminal reports the state of its viewer. */
void session_viewer_state(struct context *context, struct terminal *terminal,
                          const struct msg_viewer *said);

/* The session that this terminal claimed last, with that epoch, or NULL. Messages of a terminal act
 * on no other session, whatever ids they carry. */
struct session *session_of_claim(struct context *context, const struct terminal *terminal,
                                 uint64_t session_id, int64_t epoch);

#endif
