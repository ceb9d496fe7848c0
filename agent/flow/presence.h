/* presence.h - keep the broker's presence lease, renewed as the broker dictates.
 *
 * Module flow of the agent. Every grant says how long it is valid and when to renew; only the
 * newest one counts. The agent counts from sending and the broker from receipt, so the lease never
 * expires later here than there. Deadlines are monotonic. That clock stops during a suspend, so the
 * time asleep is taken from device_slept_ms; a terminal that slept past its deadline locks its
 * screen.
 */
#ifndef BERTH_AGENT_FLOW_PRESENCE_H
#define BERTH_AGENT_FLOW_PRESENCE_H

#include "flow/agent_flow.h"

/* A grant arrived that answers what was sent at sent_ms (monotonic). */
void presence_granted(struct agent_flow *agent, const struct msg_granted *granted, int64_t sent_ms);

/* Handler of presence_unknown: announce again. */
void presence_unknown(struct agent_flow *agent, const struct msg *msg);

/* The link was lost: no renewals until it is back. The id can be resumed until its deadline. */
void presence_lost(struct agent_flow *agent);

/* The id to resume, or "" when there is none or it has expired. */
const char *presence_resume_id(const struct agent_flow *agent);

/* Renew now, because what the screen shows has changed, or after a suspend. */
void presence_renew_now(struct agent_flow *agent);

/* The greeter reported the time since the last input. */
void presence_set_input_idle(struct agent_flow *agent, int64_t idle_ms);

/* The agent stops: send bye, which ends the presence at once. */
void presence_goodbye(struct agent_flow *agent);

#endif
