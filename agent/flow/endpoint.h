/* endpoint.h - which of the broker's addresses is next, and dialling it.
 *
 * Module flow of the agent. Shared by dial.c and join_request.c. Addresses come, in this order, from the
 * configuration file, the kernel command line, the invitation (all three in the options of struct agent_flow) and,
 * when there are none of those, from DNS.
 */
#ifndef BERTH_AGENT_FLOW_ENDPOINT_H
#define BERTH_AGENT_FLOW_ENDPOINT_H

#include "flow/agent_flow.h"

/* Make sure that there is an address; completes at once when one is configured. Errors: NOT_FOUND.
 */
int endpoint_find_begin(struct agent_flow *agent, struct endpoint_cursor *endpoint,
                        enum uplink_listener listener, struct op *op);

/* Dial the address whose turn it is. Call endpoint_next when it did not lead anywhere. */
int endpoint_dial_begin(struct agent_flow *agent, struct endpoint_cursor *endpoint,
                        enum uplink_listener listener, struct op *op);

/* The next one next time. */
void endpoint_next(struct endpoint_cursor *endpoint);

#endif
