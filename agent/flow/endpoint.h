/* endpoint.h - choose one of the broker's addresses and dial it.
 *
 * Module flow of the agent, used by dial.c and join_request.c. Addresses come, in this order, from
 * the configuration file, the kernel command line and invitations (bootstrap.h puts all three into
 * the options of struct agent_flow); DNS is asked only when there are none of those.
 */
#ifndef BERTH_AGENT_FLOW_ENDPOINT_H
#define BERTH_AGENT_FLOW_ENDPOINT_H

#include "flow/agent_flow.h"

/* Make an address available: completes at the end of this turn when one is configured, else with
 * the answer of DNS. Errors: NOT_FOUND, TIMEOUT, IO.
 */
int endpoint_find_begin(struct agent_flow *agent, struct endpoint_cursor *endpoint,
                        enum uplink_listener listener, struct op *op);

/* Dial the cursor's address; call endpoint_next when that fails. Errors: NOT_FOUND (no address),
 * CONFIG (no CA to trust), and those of uplink_dial_begin.
 */
int endpoint_dial_begin(struct agent_flow *agent, struct endpoint_cursor *endpoint,
                        enum uplink_listener listener, struct op *op);

/* Dial the next address the next time. */
void endpoint_next(struct endpoint_cursor *endpoint);

#endif
