/* dial.h - find the broker and announce this terminal to it.
 *
 * Module flow of the agent. The flow: back-off, find an address, connect, announce. It makes one
 * attempt, which succeeds when presence is granted (CHANGE_LINK_BACK); after a failed one
 * (CHANGE_LINK_WANTED) the reactor starts the next, or joins first when the certificates are not
 * accepted.
 */
#ifndef BERTH_AGENT_FLOW_DIAL_H
#define BERTH_AGENT_FLOW_DIAL_H

#include "flow/agent_flow.h"

extern const struct flow_kind dial_kind;

/* Make one attempt. Neither this flow nor the join may run. */
void dial_start(struct agent_flow *agent);

/* Cancel a running attempt, without another one. why: for the log. */
void dial_cancel(struct agent_flow *agent, const char *why);

/* End the present back-off: a person is at the terminal. */
void dial_now(struct agent_flow *agent);

/* The connection was lost; true when the flow waited for an answer over it, and has failed now. */
bool dial_link_lost(struct agent_flow *agent, const struct berth_error *why);

/* Handlers of granted, and of refused about announce or about nothing in particular. */
void dial_granted(struct agent_flow *agent, const struct msg *msg);
bool dial_refused(struct agent_flow *agent, const struct msg_refused *refused, int code);

#endif
