/* dial.h - finding the broker, and holding the link to it.
 *
 * Module flow of the agent. The flow: wait as long as it is our turn, find an address, dial,
 * announce. When it succeeds, presence is granted and the link is simply there; when the link is
 * lost, the flow starts anew. A terminal without an identity, or one whose certificate is not
 * accepted any more, goes to the join listener first (join_request.c) and comes back here.
 */
#ifndef BERTH_AGENT_FLOW_DIAL_H
#define BERTH_AGENT_FLOW_DIAL_H

#include "flow/agent_flow.h"

extern const struct flow_kind dial_kind;

/* Go on until the broker is reached. No effect while that is under way. */
void dial_start(struct agent_flow *agent);
void dial_stop(struct agent_flow *agent);

/* Do not wait for our turn any longer: a person is there now. */
void dial_now(struct agent_flow *agent);

/* Let go of the link and take a new one in its turn, such as with the next key. */
void dial_reconnect(struct agent_flow *agent, const char *why);

/* Whom to trust or where to go has changed (an invitation): let go of everything and begin at the
 * beginning. */
void dial_restart(struct agent_flow *agent);

/* For the uplink: the connection ended by itself. */
void dial_link_lost(void *owner, const struct berth_error *why);

/* We do not believe in the connection any more: close it and begin anew. */
void dial_drop_link(struct agent_flow *agent, const struct berth_error *why);

/* Announce anew over the link that stands (presence unknown, or slept too long). */
void dial_announce_again(struct agent_flow *agent);

/* Messages. */
void dial_granted(struct agent_flow *agent, const struct msg *msg);
void dial_refused(struct agent_flow *agent, const struct msg_refused *refused);

#endif
