/* op.h - an asynchronous operation: the contract between a flow and a module.
 *
 * Module shared. Thread: loop.
 *
 * x_begin(..., struct op *op) either returns < 0 and nothing was started (op->error says why), or
 * completes exactly once, later, on the loop, by calling op->done - unless op_cancel() was called,
 * after which op->done is not called. A begin function never calls back. The module copies what it
 * needs; op->handle is its own. A durable write cannot be cancelled: its module leaves `cancel`
 * NULL and op_cancel asserts.
 */
#ifndef BERTH_OP_H
#define BERTH_OP_H

#include "berth/error.h"
#include "berth/timer.h"

struct op;
typedef void op_done_fn(struct op *op, int result);
typedef void op_cancel_fn(struct op *op);

struct op {
    op_done_fn *done;     /* set once by the owner with op_init */
    op_cancel_fn *cancel; /* set by the module in op_begun; NULL = cannot be cancelled */
    void *handle;         /* the module's own handle while in flight */
    bool in_flight;
    int result;
    struct berth_timers *timers;
    struct berth_deferred deferred; /* for op_complete_deferred */
    struct berth_error error;
};

/* Call it before the first use; `done` is called for every completion. */
void op_init(struct op *op, struct berth_timers *timers, op_done_fn *done);

/* For modules: mark as started. Returns 0, so that begin may `return op_begun(...)`. */
int op_begun(struct op *op, op_cancel_fn *cancel, void *handle);

/* For modules: complete now, on the loop and never from inside begin. `done` may reuse or free the
 * op. */
void op_complete(struct op *op, int result, const struct berth_error *error);

/* For modules: complete at the end of this turn; for a begin function that has its result already.
 */
void op_complete_deferred(struct op *op, int result, const struct berth_error *error);

/* For owners: `done` will not be called. No effect when nothing is in flight. */
void op_cancel(struct op *op);

#endif
