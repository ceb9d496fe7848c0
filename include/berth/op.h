/* op.h - one operation in flight: the contract between a flow and a module.
 *
 * Module shared. Thread: loop.
 *
 * x_begin(..., struct op *op) either returns < 0 and nothing was started (op->error says why), or
 * completes exactly once, later, on the loop, by calling op->done - unless op_cancel() was called,
 * after which nothing comes. Never a callback from inside begin. The module keeps what it needs by
 * value; op->handle is its handle. A durable write cannot be cancelled: its module leaves `cancel` NULL
 * and op_cancel asserts.
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

/* Before the first use; `done` hears of every completion. */
void op_init(struct op *op, struct berth_timers *timers, op_done_fn *done);

/* For modules: mark as started. Returns 0, so that begin may `return op_begun(...)`. */
int op_begun(struct op *op, op_cancel_fn *cancel, void *handle);

/* For modules: complete now (we are on the loop and not inside begin). The op may be reused or freed
 * by done. */
void op_complete(struct op *op, int result, const struct berth_error *error);

/* For modules: complete at the end of this turn; the way to answer at once from inside begin. */
void op_complete_deferred(struct op *op, int result, const struct berth_error *error);

/* For owners: nothing comes any more. No effect when nothing is in flight. */
void op_cancel(struct op *op);

#endif
