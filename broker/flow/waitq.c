/* waitq.c - operations that complete when a queue is woken or a time has passed. */
#include "flow/waitq.h"

static void wait_cancelled(struct op *op)
{
    struct waitq_entry *wait = op->handle;

    list_remove(&wait->node);
}

int waitq_wait(struct list *waitq, struct waitq_entry *wait, struct op *op)
{
    wait->op = op;
    list_append(waitq, &wait->node);
    return op_begun(op, wait_cancelled, wait);
}

void waitq_wake(struct list *waitq)
{
    struct list *node;

    while ((node = list_shift(waitq)) != NULL)
        op_complete_deferred(list_entry(node, struct waitq_entry, node)->op, 0, NULL);
}

static void delay_cancelled(struct op *op)
{
    struct delay *delay = op->handle;

    timer_stop(op->timers, &delay->timer);
}

static void delay_over(struct berth_timer *timer)
{
    op_complete(container_of(timer, struct delay, timer)->op, 0, NULL);
}

int delay_begin(struct delay *delay, int64_t delay_ms, struct op *op)
{
    delay->op = op;
    timer_start(op->timers, &delay->timer, delay_ms, delay_over);
    return op_begun(op, delay_cancelled, delay);
}
