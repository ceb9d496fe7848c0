/* machine_stop.c - a machine is stopped. */
#include "flow/machine_work.h"

static flow_begin_fn admit;
static flow_finish_fn stopped;

enum { ADMIT = MACHINE_ADMIT, STOP, STEPS };

/* clang-format off */
const struct flow_step machine_stop_steps[STEPS] = {
    /*          name     begin               finish   undo  limit/ms        true after it */
    [ADMIT] = { "admit", admit,              NULL,    NULL, FLOW_QUEUED },  /* its host can be asked */
    [STOP]  = { "stop",  machine_stop_begin, stopped, NULL, FLOW_DURABLE }, /* it does not run */
};
/* clang-format on */

static int admit(struct flow *flow)
{
    return machine_admit(flow, STOP);
}

static int stopped(struct flow *flow)
{
    return machine_stop_finish(flow, STOP, FLOW_DONE);
}

int machine_stop_begin(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);

    work->desktop->probed_ms = 0;
    machine_set_stopping(work, "its machine is being stopped");
    return machine_call(flow, VIRT_stop, true);
}

int machine_stop_finish(struct flow *flow, int again, int next)
{
    struct machine_work *work = machine_work_of(flow);

    if (flow->op.result < 0)
        return flow_fail_with(flow, &flow->op.error);
    if (work->call.inspected && work->call.result.running)
        return again;
    desktop_set_state(work->desktop, desktop_OFF, "its machine was stopped");
    return next;
}
