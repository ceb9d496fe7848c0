/* presence.h - the promise to be there, renewed as the broker dictates it.
 *
 * Module flow of the agent. Every grant says how long it holds and when to renew; the newest grant
 * alone counts. We count from sending, the broker from receipt, so we always think first that it is
 * over. Deadlines are monotonic; a suspend, which that clock does not see, is found by the device's
 * own count, and then the presence is treated as dead if it slept past it.
 */
#ifndef BERTH_AGENT_FLOW_PRESENCE_H
#define BERTH_AGENT_FLOW_PRESENCE_H

#include "flow/agent_flow.h"

/* A grant arrived for what was sent at sent_ms. */
void presence_granted(struct agent_flow *agent, const struct msg_granted *granted, int64_t sent_ms);

/* The broker does not know this presence (any more). */
void presence_unknown(struct agent_flow *agent, const struct msg *msg);

/* The link is gone: no renewals until it is back. The id stays good for resuming until its
 * deadline. */
void presence_lost(struct agent_flow *agent);

/* The id to resume, or "" when there is none or its time is over. */
const char *presence_resume_id(const struct agent_flow *agent);

/* Renew now, because what the screen shows has changed or a person came back. */
void presence_renew_now(struct agent_flow *agent);

/* What the greeter said about keys and pointer. */
void presence_set_input_idle(struct agent_flow *agent, int64_t idle_ms);

/* On purpose: a presence of 0 ms. */
void presence_goodbye(struct agent_flow *agent);

#endif
