/* join_request.h - obtain an identity at the join listener (ALPN berth-join/1).
 *
 * Module flow of the agent. The flow: back-off, find the listener, connect knowing only the hash of
 * the site's CA, send a request with all available evidence. The broker answers with an identity,
 * with "an administrator must approve" (the page shows a code, and the flow asks again with the
 * same key), or with a refusal. Until it has joined, the terminal holds no secret of the site but
 * the invitation or boot secret it came with.
 */
#ifndef BERTH_AGENT_FLOW_JOIN_REQUEST_H
#define BERTH_AGENT_FLOW_JOIN_REQUEST_H

#include "flow/agent_flow.h"

extern const struct flow_kind join_request_kind;

/* Make one attempt, after which the reactor decides how to go on. No effect while one runs. Stop
 * cancels it, when the agent stops.
 */
void join_request_start(struct agent_flow *agent);
void join_request_stop(struct agent_flow *agent);

/* A new invitation: cancel the attempt, and drop the delay and the page of the earlier one. */
void join_request_reset(struct agent_flow *agent);

/* The connection was lost; true when it was this flow's. */
bool join_request_link_lost(struct agent_flow *agent, const struct berth_error *why);

/* Handlers of joined, join_pending, join_wait, and of refused about join. */
void join_request_joined(struct agent_flow *agent, const struct msg *msg);
void join_request_pending(struct agent_flow *agent, const struct msg *msg);
void join_request_wait(struct agent_flow *agent, const struct msg *msg);
bool join_request_refused(struct agent_flow *agent, const struct msg_refused *refused, int code);

#endif
