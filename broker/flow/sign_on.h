/* sign_on.h - sign-on: from evidence of a person to a desktop on the screen.
 *
 * Module flow. Claim and abort: of two sign-ons of one user the later decision wins with the higher
 * epoch and the earlier is called off, unless the pool's roaming policy forbids it, which refuses
 * the later. What happened after the claim was durable is made good: the session becomes
 * disconnected, or is released when this sign-on had made it.
 */
#ifndef BERTH_FLOW_SIGN_ON_H
#define BERTH_FLOW_SIGN_ON_H

#include "flow/context.h"

/* A person at a terminal shows evidence. An earlier sign-on at the same terminal is called off. The
 * answer goes out as progress, choose, show or refused, with `ref`.
 */
void sign_on_start(struct context *context, struct terminal *terminal, uint64_t ref,
                   const struct msg_sign_on *said);

/* The sign-on at this terminal, if any, is of no use any more: called off by the person, replaced
 * by another, its link is gone. Nothing is answered.
 */
void sign_on_abort(struct terminal *terminal, const char *why);

/* A row changed on which the right of a sign-on rests: those that have lost it are refused. */
void sign_on_notice(struct context *context, const struct notice *notice);

/* A session is `preparing` and no sign-on works on it any more: make it disconnected. */
void session_disconnect_orphan(struct context *context, struct session *session);

/* A password that nobody chose and nobody needs to remember: 120 random bits. */
void random_password(struct berth_random *random, struct secret *ret);

#endif
