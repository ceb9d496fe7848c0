/* dispatch.h - call the handler of a message from the broker.
 *
 * Module flow of the agent. messages.def lists the messages and the states in which they are
 * permitted; a table in dispatch.c names the handler of each.
 */
#ifndef BERTH_AGENT_FLOW_DISPATCH_H
#define BERTH_AGENT_FLOW_DISPATCH_H

#include "berth/message.h"

/* For the uplink. owner: struct agent_flow. Messages that are not permitted are dropped. */
void dispatch_broker_message(void *owner, const struct msg *msg);

#endif
