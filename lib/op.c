/* op.c - operations complete exactly once, later, or not at all. */
#include "berth/op.h"

#include <assert.h>
#include <string.h>

void op_init(struct op *op, struct berth_timers *timers, op_done_fn *done)
{
    memset(op, 0, sizeof(*op));
    op->timers = timers;
    op->done = done;
    list_init(&op->deferred.node);
}

int op_begun(struct op *op, op_cancel_fn *cancel, void *handle)
{
    assert(!op->in_flight);
    op->in_flight = true;
    op->cancel = cancel;
    op->handle = handle;
    op->error = (struct berth_error){ 0 };
    return 0;
}

static void note_result(struct op *op, int result, const struct berth_error *error)
{
    op->result = result;
    if (result >= 0)
        return;
    if (error && error->code)
        op->error = *error;
    else
        (void)berth_fail(&op->error, result, "%s", berth_error_row(result)->sentence);
}

void op_complete(struct op *op, int result, const struct berth_error *error)
{
    assert(op->in_flight);
    note_result(op, result, error);
    op->in_flight = false;
    op->cancel = NULL;
    op->handle = NULL;
    op->done(op, result);
}

static void complete_now(struct berth_deferred *deferred)
{
    struct op *op = container_of(deferred, struct op, deferred);

    op_complete(op, op->result, &op->error);
}

static void cancel_deferred(struct op *op)
{
    deferred_cancel(&op->deferred);
}

void op_complete_deferred(struct op *op, int result, const struct berth_error *error)
{
    if (!op->in_flight)
        (void)op_begun(op, cancel_deferred, NULL);
    op->cancel = op->cancel ? cancel_deferred : NULL;
    note_result(op, result, error);
    deferred_add(op->timers, &op->deferred, complete_now);
}

void op_cancel(struct op *op)
{
    op_cancel_fn *cancel = op->cancel;

    if (!op->in_flight)
        return;
    assert(cancel); /* the owner must wait for a durable write */
    op->in_flight = false;
    op->cancel = NULL;
    cancel(op);
    op->handle = NULL;
}
