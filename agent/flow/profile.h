/* profile.h - apply the terminal's profile, the settings that an administrator chose for it.
 *
 * Module flow of the agent. A profile is applied completely or not at all: check every value, store
 * the profile durably, put it in force, confirm it to the broker. Versions never go back. The
 * stored profile is loaded at the start, so that a terminal has its idle lock before the broker
 * answers.
 */
#ifndef BERTH_AGENT_FLOW_PROFILE_H
#define BERTH_AGENT_FLOW_PROFILE_H

#include "flow/agent_flow.h"

/* Load the stored profile. When it cannot be read, that is logged and the defaults apply until the
 * broker sends the profile again.
 */
void profile_load(struct agent_flow *agent);

/* Handler of profile. */
void profile_received(struct agent_flow *agent, const struct msg *msg);

#endif
