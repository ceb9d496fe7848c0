/* screen_events.h - what people do at the screen.
 *
 * Module flow of the agent.
 */
#ifndef BERTH_AGENT_FLOW_SCREEN_EVENTS_H
#define BERTH_AGENT_FLOW_SCREEN_EVENTS_H

#include "core/greeter_protocol.h"

/* For the screen; owner is struct agent_flow. */
void screen_events_handle(void *owner, const struct greeter_event *event);

#endif
