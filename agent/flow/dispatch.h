/* dispatch.h - message -> handler.
 *
 * Module flow of the agent. What a broker may say stands in messages.def; who deals with it here
 * stands in one table in dispatch.c.
 */
#ifndef BERTH_AGENT_FLOW_DISPATCH_H
#define BERTH_AGENT_FLOW_DISPATCH_H

#include "berth/message.h"

/* For the uplink; owner is struct agent_flow. */
void dispatch_broker_message(void *owner, const struct msg *msg);

#endif
