/* recording.h - what a terminal shows and obeys, as lines of a history.
 *
 * Module flow of the agent. The screen's lines follow from what the status paints, in one place: each
 * page is looked at, and a line is written where it ends or begins a desktop. Nothing is written
 * while nobody records.
 */
#ifndef BERTH_AGENT_FLOW_RECORDING_H
#define BERTH_AGENT_FLOW_RECORDING_H

#include "flow/agent_flow.h"

/* The agent starts. Viewers die with their agent: whatever an earlier life has shown is gone. */
void recording_start(struct agent_flow *agent);

/* A page was painted. */
void recording_page_shown(struct agent_flow *agent);

/* The agent stops, and its viewer with it. */
void recording_stop(struct agent_flow *agent);

/* A profile is in force. sent: settings in it; applied: those of them that were set. */
void recording_profile(struct agent_flow *agent, int64_t version, size_t sent, int applied);

#endif
