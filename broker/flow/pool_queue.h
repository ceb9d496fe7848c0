/* pool_queue.h - users who wait for a desktop of a pool.
 *
 * Module flow. First come, first served; persons before kiosks that sign on by themselves.
 */
#ifndef BERTH_FLOW_POOL_QUEUE_H
#define BERTH_FLOW_POOL_QUEUE_H

#include "core/reservation.h"
#include "flow/context.h"

/* An entry of a pool's queue; embedded in the flow that waits. */
struct queue_entry {
    struct list node; /* pool.waiting */
    struct op *op;
    struct context *context;
    uint64_t pool_id;
    uint64_t user_id, terminal_id;
    uint64_t ref;                    /* for MSG_progress: of the message that it waits for */
    bool person;                     /* not a kiosk that signs on by itself */
    struct reservation *reservation; /* filled before the completion; the waiting flow returns it */
    int told_position;
};

/* Reserve the best spare of the pool for the user, now or when it is their turn; an empty pool is
 * no error. entry: filled by the caller with user, terminal, ref and person. The terminal is told its
 * position. Cancelling leaves the queue.
 *
 * Errors: CLOSING; later NOT_FOUND (the pool was deleted).
 */
int pool_request_desktop(struct context *context, struct pool *pool, struct queue_entry *entry,
                         struct op *op) berth_must_check;

/* The pool was deleted: complete all in its queue with NOT_FOUND. */
void pool_queue_close(struct pool *pool);

/* Parts of the check of a pool (refill.c): reserve spares for those who wait longest; then tell all
 * others their new positions. */
void pool_queue_serve(struct context *context, struct pool *pool);
void pool_queue_tell(struct context *context, struct pool *pool);

#endif
