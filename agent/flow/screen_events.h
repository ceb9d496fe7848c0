/* screen_events.h - handle what people do at the greeter: submit, cancel, pick, dismiss, input.
 *
 * Module flow of the agent.
 */
#ifndef BERTH_AGENT_FLOW_SCREEN_EVENTS_H
#define BERTH_AGENT_FLOW_SCREEN_EVENTS_H

#include "core/greeter_protocol.h"

/* For the screen. owner: struct agent_flow. */
void screen_events_handle(void *owner, const struct greeter_event *event);

#endif
