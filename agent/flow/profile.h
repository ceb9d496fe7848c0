/* profile.h - the settings that an administrator wants here.
 *
 * Module flow of the agent. A profile applies wholly or not at all: every value is checked first,
 * then the whole is kept durably, then it counts, then the broker is told. Versions never go back.
 * The last applied profile is recalled at the start, so a terminal keeps its idle lock without its
 * broker.
 */
#ifndef BERTH_AGENT_FLOW_PROFILE_H
#define BERTH_AGENT_FLOW_PROFILE_H

#include "flow/agent_flow.h"

/* At the start. A kept profile that cannot be read is as none: logged, defaults apply, the broker
 * sends it anew. */
void profile_load(struct agent_flow *agent);

/* Message. */
void profile_received(struct agent_flow *agent, const struct msg *msg);

#endif
