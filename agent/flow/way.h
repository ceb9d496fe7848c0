/* way.h - the way to one of the broker's doors: which address, and dialling it.
 *
 * Module flow of the agent. Shared by reach.c and join.c. Addresses come, in this order, from the
 * configuration file, the kernel command line, the invitation (all three in station.options) and,
 * when there are none of those, from DNS.
 */
#ifndef BERTH_AGENT_FLOW_WAY_H
#define BERTH_AGENT_FLOW_WAY_H

#include "flow/station.h"

/* Make sure that there is an address; completes at once when one is configured. Errors: NOT_FOUND.
 */
int way_find_begin(struct station *station, struct way *way, enum uplink_door door, struct op *op);

/* Dial the address whose turn it is. Call way_failed when it did not lead anywhere. */
int way_dial_begin(struct station *station, struct way *way, enum uplink_door door, struct op *op);

/* The next one next time. */
void way_failed(struct way *way);

#endif
