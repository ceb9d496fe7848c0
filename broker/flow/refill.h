/* refill.h - keeping spares up, and the queue of those who find none.
 *
 * Module flow. For each pool one rule: as many desktops as there are users waiting and spares wanted
 * shall be ready or on their way. It is looked at, at the end of the turn, whenever a fact changed
 * that matters to it; nothing polls. Waiting users go before spares, first come first served.
 * Machines that fail are quarantined and replaced, as far as backoff.h lets the pool.
 */
#ifndef BERTH_FLOW_REFILL_H
#define BERTH_FLOW_REFILL_H

#include "core/reservation.h"
#include "flow/context.h"

/* An entry of a pool's queue; lives in the flow that waits. */
struct queue_entry {
    struct list node; /* pool.waiting */
    struct op *op;
    struct context *context;
    uint64_t pool_id;
    uint64_t user_id, terminal_id;
    bool person;                     /* and no kiosk by itself */
    struct reservation *reservation; /* filled before completion; the waiting flow returns it */
    int told_position;
    /* The position or its estimate changed: for the screen. */
    void (*position_changed)(struct queue_entry *entry, int number, int64_t estimate_ms);
};

/* Reserve the best spare of the pool for the user, now or when it is their turn. Never an error for
 * an empty pool. Cancelling leaves the queue.
 */
int pool_request_desktop(struct context *context, struct pool *pool, struct queue_entry *entry,
                         struct op *op) berth_must_check;

/* The pool was deleted: whoever waits in its queue is told. */
void pool_queue_close(struct context *context, struct pool *pool);

/* Look at a pool: hand out, refresh, delete, start, make. Called by the reactor at the end of a turn.
 */
void pool_refill(struct context *context, uint64_t pool_id);

/* Look at it again after a while. */
void pool_refill_later(struct context *context, struct pool *pool, int64_t delay_ms);

#endif
