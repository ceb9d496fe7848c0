/* refill.h - keeping spare desktops ready.
 *
 * Module flow. One rule per pool: as many desktops are ready or on their way as users wait and
 * spares are wanted. A pool is checked at the end of the turn whenever something changed that
 * matters to it; nothing polls. Waiting users (pool_queue.h) come before spares.
 * Machines that fail are quarantined and replaced, as far as backoff.h permits.
 */
#ifndef BERTH_FLOW_REFILL_H
#define BERTH_FLOW_REFILL_H

#include "flow/context.h"

/* Check a pool, or all, at the end of this turn: hand out, refresh, delete, start, create. For the
 * reactor; what is below it announces context_mark_pool. */
void pool_mark(struct context *context, uint64_t pool_id);
void pools_mark(struct context *context);

#endif
