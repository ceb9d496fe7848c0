/* refill.h - keeping spare desktops ready, and the queue of users for whom there is none.
 *
 * Module flow. One rule per pool: as many desktops are ready or on their way as users wait and
 * spares are wanted. A pool is checked at the end of the turn whenever something changed that
 * matters to it; nothing polls. Waiting users come before spares, first come, first served.
 * Machines that fail are quarantined and replaced, as far as backoff.h permits.
 */
#ifndef BERTH_FLOW_REFILL_H
#define BERTH_FLOW_REFILL_H

#include "core/reservation.h"
#include "flow/context.h"

/* An entry of a pool's queue; embedded in the flow that waits. */
struct queue_entry {
    struct list node; /* pool.waiting */
    struct op *op;
    struct context *context;
    uint64_t pool_id;
    uint64_t user_id, terminal_id;
    bool person;                     /* not a kiosk that signs on by itself */
    struct reservation *reservation; /* filled before the completion; the waiting flow returns it */
    int told_position;
    /* The position or its estimate changed: for the screen. number: 1 = first. */
    void (*position_changed)(struct queue_entry *entry, int number, int64_t estimate_ms);
};

/* Reserve the best spare of the pool for the user, now or when it is their turn; an empty pool is
 * no error. entry: filled by the caller with user, terminal, person and position_changed.
 * Cancelling leaves the queue.
 *
 * Errors: CLOSING; later NOT_FOUND (the pool was deleted).
 */
int pool_request_desktop(struct context *context, struct pool *pool, struct queue_entry *entry,
                         struct op *op) berth_must_check;

/* The pool was deleted: complete all in its queue with NOT_FOUND. */
void pool_queue_close(struct context *context, struct pool *pool);

/* Check a pool, or all, at the end of this turn: hand out, refresh, delete, start, create. For the
 * reactor; what is below it announces context_mark_pool. */
void pool_mark(struct context *context, uint64_t pool_id);
void pools_mark(struct context *context);

#endif
