/* host_inventory.h - the connection to a host, and which machines it has.
 *
 * Module flow. When a host comes up its machines are listed before anything is placed there. While
 * it is down its desktops keep their states: pictures do not need the hypervisor's daemon.
 */
#ifndef BERTH_FLOW_HOST_INVENTORY_H
#define BERTH_FLOW_HOST_INVENTORY_H

#include "flow/context.h"

/* The connection to a host through berth-virt was opened or lost. facts: NULL or capabilities and
 * memory. */
void host_connection(struct context *context, struct host *host, bool up,
                     const struct virt_result *facts, const char *reason);

/* List the machines of a host, unless that is under way. A host that is OPENING or DEGRADED is UP
 * after it. */
void host_list(struct context *context, struct host *host);

#endif
