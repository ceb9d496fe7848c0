/* join_request.h - getting an identity at the join listener (ALPN berth-join/1).
 *
 * Module flow of the agent. The flow: wait for our turn, find the listener, dial it with nothing but the
 * pin of the site's CA, ask with all evidence there is. The answer is an identity, "somebody has to
 * decide" (the code goes on the screen and we ask again with the same key), or no. Until the answer
 * is yes the terminal holds no secret but its own key.
 */
#ifndef BERTH_AGENT_FLOW_JOIN_REQUEST_H
#define BERTH_AGENT_FLOW_JOIN_REQUEST_H

#include "flow/agent_flow.h"

extern const struct flow_kind join_request_kind;

/* Go on until there is an identity; no effect while that is under way. Stop calls it off. */
void join_request_start(struct agent_flow *agent);
void join_request_stop(struct agent_flow *agent);

/* Somebody has brought another invitation: what is said of an earlier try does not hold any more.
 */
void join_request_reset(struct agent_flow *agent);

/* The connection ended; true when it was this flow's. */
bool join_request_link_lost(struct agent_flow *agent, const struct berth_error *why);

/* Messages. */
void join_request_joined(struct agent_flow *agent, const struct msg *msg);
void join_request_pending(struct agent_flow *agent, const struct msg *msg);
void join_request_wait(struct agent_flow *agent, const struct msg *msg);
void join_request_refused(struct agent_flow *agent, const struct msg_refused *refused);

#endif
