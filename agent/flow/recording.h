/* recording.h - record in a history what this terminal shows and which profile is in force.
 *
 * Module flow of the agent. Lines about the screen are derived in one place: every page that is
 * shown is compared with the last recorded desktop, and a line is written when a desktop appears or
 * disappears. Without a history (agent_flow.history is NULL) nothing is written.
 */
#ifndef BERTH_AGENT_FLOW_RECORDING_H
#define BERTH_AGENT_FLOW_RECORDING_H

#include "flow/agent_flow.h"

/* The agent starts. Viewers end with their agent, so the screen shows no desktop. */
void recording_start(struct agent_flow *agent);

/* A page was sent to the greeter. */
void recording_page_shown(struct agent_flow *agent);

/* The agent stops, and its viewer ends with it. */
void recording_stop(struct agent_flow *agent);

/* A profile is in force. sent: settings in it; applied: those of them that were set. */
void recording_profile(struct agent_flow *agent, int64_t version, size_t sent, int applied);

#endif
