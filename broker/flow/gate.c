/* gate.c - see gate.h. */
#include "flow/gate.h"

static void wait_cancelled(struct op *op)
{
    struct gate_wait *wait = op->room;

    list_remove(&wait->node);
}

int gate_wait(struct list *gate, struct gate_wait *wait, struct op *op)
{
    wait->op = op;
    list_append(gate, &wait->node);
    return op_begun(op, wait_cancelled, wait);
}

void gate_open(struct list *gate)
{
    struct list *node;

    while ((node = list_shift(gate)) != NULL)
        op_complete_soon(list_entry(node, struct gate_wait, node)->op, 0, NULL);
}

static void pause_cancelled(struct op *op)
{
    struct pause *pause = op->room;

    timer_stop(op->timers, &pause->timer);
}

static void pause_over(struct berth_timer *timer)
{
    op_complete(container_of(timer, struct pause, timer)->op, 0, NULL);
}

int pause_begin(struct pause *pause, int64_t delay_ms, struct op *op)
{
    pause->op = op;
    timer_start(op->timers, &pause->timer, delay_ms, pause_over);
    return op_begun(op, pause_cancelled, pause);
}
