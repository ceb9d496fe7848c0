/* inbox.h - message -> handler.
 *
 * Module flow of the agent. What a broker may say stands in messages.def; who deals with it here
 * stands in one table in inbox.c.
 */
#ifndef BERTH_AGENT_FLOW_INBOX_H
#define BERTH_AGENT_FLOW_INBOX_H

#include "berth/message.h"

/* For the uplink; owner is struct station. */
void inbox_message(void *owner, const struct msg *msg);

#endif
