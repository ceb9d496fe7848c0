/* reactor.h - start and stop the agent's flows, and react to what changed in a turn.
 *
 * Module flow of the agent; above all other files of it. Flows note what others must hear of
 * (core/changes.h); here each note is passed on to every part that it concerns, and what happens on
 * a lost link, on a link that is back or after a suspend reads as one list each.
 */
#ifndef BERTH_AGENT_FLOW_REACTOR_H
#define BERTH_AGENT_FLOW_REACTOR_H

#include "flow/agent_flow.h"

/* Load the stored profile, show the first page and begin to dial the broker. Ports, random, timers
 * and options must be set, the rest zero.
 */
void agent_flow_start(struct agent_flow *agent);

/* Say bye to the broker, cancel every flow and tell the viewer to end. The viewer's process may
 * outlive this call: viewer_is_running.
 */
void agent_flow_stop(struct agent_flow *agent);

/* A new invitation is in the options: close the link, cancel dialling and joining, and join with it.
 */
void agent_flow_rejoin(struct agent_flow *agent);

#endif
