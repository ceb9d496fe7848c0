/* dial.h - find the broker and keep the link to it.
 *
 * Module flow of the agent. The flow: back-off, find an address, connect, announce. It succeeds
 * when presence is granted, and starts again when the link is lost. A terminal without an identity,
 * or one whose certificate the broker no longer accepts, joins first (join_request.c) and then
 * returns here.
 */
#ifndef BERTH_AGENT_FLOW_DIAL_H
#define BERTH_AGENT_FLOW_DIAL_H

#include "flow/agent_flow.h"

extern const struct flow_kind dial_kind;

/* Start dialling, and repeat until the broker is reached. No effect while this flow or the join
 * runs. Stop cancels it, when the agent stops.
 */
void dial_start(struct agent_flow *agent);
void dial_stop(struct agent_flow *agent);

/* End the present back-off: a person is at the terminal. */
void dial_now(struct agent_flow *agent);

/* Close the link and dial again, for example to use a renewed certificate. why: for the log. */
void dial_reconnect(struct agent_flow *agent, const char *why);

/* A new invitation: close the link, cancel dialling and joining, and join with it. */
void dial_restart(struct agent_flow *agent);

/* For the uplink: the connection was lost. owner: struct agent_flow. */
void dial_link_lost(void *owner, const struct berth_error *why);

/* The link no longer works: close it and dial again. No effect while the flow runs, whose steps
 * have limits of their own.
 */
void dial_drop_link(struct agent_flow *agent, const struct berth_error *why);

/* Announce again over the present link (the broker does not know this presence). */
void dial_announce_again(struct agent_flow *agent);

/* Handlers of granted, and of refused about announce or about nothing in particular. */
void dial_granted(struct agent_flow *agent, const struct msg *msg);
void dial_refused(struct agent_flow *agent, const struct msg_refused *refused);

#endif
