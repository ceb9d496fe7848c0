/* wait.c - operations that complete by an event, when a queue is woken, or after some time. */
#include "berth/wait.h"

static void event_wait_cancelled(struct op *op)
{
    struct event_wait *wait = op->handle;

    wait->op = NULL;
}

int event_wait_begin(struct event_wait *wait, struct op *op)
{
    wait->op = op;
    return op_begun(op, event_wait_cancelled, wait);
}

bool event_wait_end(struct event_wait *wait, int result, const struct berth_error *error)
{
    struct op *op = berth_take(wait->op);

    if (!op)
        return false;
    op_complete(op, result, error);
    return true;
}

static void waitq_left(struct op *op)
{
    struct waitq_entry *wait = op->handle;

    list_remove(&wait->node);
}

int waitq_wait(struct list *waitq, struct waitq_entry *wait, struct op *op)
{
    wait->op = op;
    list_append(waitq, &wait->node);
    return op_begun(op, waitq_left, wait);
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

void delay_skip(struct delay *delay)
{
    if (timer_armed(&delay->timer))
        timer_start(delay->op->timers, &delay->timer, 0, delay_over);
}
