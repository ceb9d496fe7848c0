/* attend.h - what people do at the screen.
 *
 * Module flow of the agent.
 */
#ifndef BERTH_AGENT_FLOW_ATTEND_H
#define BERTH_AGENT_FLOW_ATTEND_H

#include "core/greeter_protocol.h"

/* For the screen; owner is struct station. */
void attend_event(void *owner, const struct greeter_event *event);

#endif
