/* awaited.c - see awaited.h. */
#include "flow/awaited.h"

static void forget_awaited(struct op *op)
{
    struct awaited *awaited = op->handle;

    awaited->op = NULL;
}

int awaited_begin(struct awaited *awaited, struct op *op)
{
    awaited->op = op;
    return op_begun(op, forget_awaited, awaited);
}

bool awaited_end(struct awaited *awaited, int result, const struct berth_error *error)
{
    struct op *op = berth_take(awaited->op);

    if (!op)
        return false;
    op_complete(op, result, error);
    return true;
}

static void pause_over(struct berth_timer *timer)
{
    struct pause *pause = container_of(timer, struct pause, timer);
    struct op *op = berth_take(pause->op);

    op_complete(op, 0, NULL);
}

static void forget_pause(struct op *op)
{
    struct pause *pause = op->handle;

    timer_stop(pause->timers, &pause->timer);
    pause->op = NULL;
}

int pause_begin(struct pause *pause, struct berth_timers *timers, int64_t delay_ms, struct op *op)
{
    pause->timers = timers;
    pause->op = op;
    timer_start(timers, &pause->timer, delay_ms, pause_over);
    return op_begun(op, forget_pause, pause);
}

void pause_cut(struct pause *pause)
{
    if (pause->op)
        timer_start(pause->timers, &pause->timer, 0, pause_over);
}
