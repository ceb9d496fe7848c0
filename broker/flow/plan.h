/* plan.h - new desktops: row, UUID, disk name and port are durable before any host hears of them.
 *
 * Module flow, inner header of refill and recompose.
 */
#ifndef BERTH_FLOW_PLAN_H
#define BERTH_FLOW_PLAN_H

#include "flow/context.h"

/* Begin to record one more desktop of the pool, on the best host, made from this version of its
 * image (0: the pool has none). When the row is durable the pool is checked again, which starts its
 * machine. False when no host can take it now, or the pool is not of a kind whose machines are made
 * here.
 */
bool plan_desktop(struct context *context, struct pool *pool, uint64_t version_id);

/* The port that the next forwarded desktop of the host would get; 0 when none is free. */
int64_t plan_free_port(struct core *core, const struct host *host);

#endif
