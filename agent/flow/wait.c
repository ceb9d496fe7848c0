/* wait.c - op-based waiting for an event or a delay. */
#include "flow/wait.h"

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

static void timer_wait_due(struct berth_timer *timer)
{
    struct timer_wait *wait = container_of(timer, struct timer_wait, timer);
    struct op *op = berth_take(wait->op);

    op_complete(op, 0, NULL);
}

static void timer_wait_cancelled(struct op *op)
{
    struct timer_wait *wait = op->handle;

    timer_stop(wait->timers, &wait->timer);
    wait->op = NULL;
}

int timer_wait_begin(struct timer_wait *wait, struct berth_timers *timers, int64_t delay_ms,
                     struct op *op)
{
    wait->timers = timers;
    wait->op = op;
    timer_start(timers, &wait->timer, delay_ms, timer_wait_due);
    return op_begun(op, timer_wait_cancelled, wait);
}

void timer_wait_skip(struct timer_wait *wait)
{
    if (wait->op)
        timer_start(wait->timers, &wait->timer, 0, timer_wait_due);
}
