/* join.h - getting an identity at the join door (ALPN berth-join/1).
 *
 * Module flow of the agent. The flow: wait for our turn, find the door, dial it with nothing but the
 * pin of the site's CA, ask with all evidence there is. The answer is an identity, "somebody has to
 * decide" (the code goes on the screen and we ask again with the same key), or no. Until the answer
 * is yes the terminal holds no secret but its own key.
 */
#ifndef BERTH_AGENT_FLOW_JOIN_H
#define BERTH_AGENT_FLOW_JOIN_H

#include "flow/station.h"

extern const struct flow_kind join_kind;

/* Go on until there is an identity; no effect while that is under way. Stop calls it off. */
void join_start(struct station *station);
void join_stop(struct station *station);

/* Somebody has brought another invitation: what is said of an earlier try does not hold any more.
 */
void join_forget(struct station *station);

/* The connection ended; true when it was this flow's. */
bool join_lost(struct station *station, const struct berth_error *why);

/* Messages. */
void join_joined(struct station *station, const struct msg *msg);
void join_pending(struct station *station, const struct msg *msg);
void join_must_wait(struct station *station, const struct msg *msg);
void join_refused(struct station *station, const struct msg_refused *refused);

#endif
