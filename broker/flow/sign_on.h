/* sign_on.h - sign-on: from a user's evidence to a desktop on the screen.
 *
 * Module flow. Of two sign-ons of one user the later one wins with the higher epoch, and the
 * earlier one is cancelled; if the pool's roaming policy forbids that, the later one is refused.
 * When a sign-on fails after its claim was durable, the session becomes DISCONNECTED, or is ended
 * when this sign-on had created it.
 */
#ifndef BERTH_FLOW_SIGN_ON_H
#define BERTH_FLOW_SIGN_ON_H

#include "flow/context.h"

/* A person at a terminal presents evidence. An earlier sign-on at the same terminal is cancelled.
 * The answers are MSG_progress, MSG_choose, MSG_show or MSG_refused, with `ref`.
 */
void sign_on_start(struct context *context, struct terminal *terminal, uint64_t ref,
                   const struct msg_sign_on *said);

/* Cancel the sign-on at this terminal, if there is one: the person cancelled it, another one
 * replaces it, or the connection is gone. No answer is sent.
 */
void sign_on_abort(struct terminal *terminal, const char *why);

/* A row changed that the right of a sign-on depends on: refuse the sign-ons that have lost it. */
void sign_on_notice(struct context *context, const struct notice *notice);

/* A session is PREPARING and no sign-on works on it any more: make it DISCONNECTED. */
void session_disconnect_orphan(struct context *context, struct session *session);

#endif
