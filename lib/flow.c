/* flow.c - the engine: run a step, record it, wait or end. */
#include "berth/flow.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void run_steps(struct flow *flow, int step);

void flow_engine_init(struct flow_engine *engine, struct berth_timers *timers)
{
    *engine = (struct flow_engine){ .timers = timers };
    list_init(&engine->flows);
}

const char *flow_step_name(const struct flow *flow)
{
    return flow->kind->steps[flow->at].name;
}

static bool durable(const struct flow *flow)
{
    return flow->kind->steps[flow->at].limit_ms == FLOW_DURABLE;
}

/* Run undo functions from the last step entered to the first; a flow that succeeded is not undone.
 */
static void undo_entered(struct flow *flow)
{
    for (int i = flow->kind->count - 1; i >= 0; i--) {
        const struct flow_step *step = &flow->kind->steps[i];

        if ((flow->entered & (1u << i)) && step->undo)
            step->undo(flow);
    }
}

/* ---- durations ---- */

static struct flow_durations *durations_of(const struct flow *flow)
{
    struct flow_counters *counters = flow->engine->counters;

    for (size_t i = 0; counters && i < FLOW_KINDS_MAX; i++) {
        struct flow_durations *histogram = &counters->of[i];

        if (!histogram->kind)
            histogram->kind = flow->kind;
        if (histogram->kind == flow->kind)
            return histogram;
    }
    return NULL;
}

/* Count the duration of the present step. */
static void count_step(struct flow *flow)
{
    int64_t ms = flow->engine->timers->mono_ms - flow->step_since_ms;
    struct flow_durations *histogram = durations_of(flow);

    if (flow->kind->external & (1u << flow->at))
        flow->external_ms += ms;
    if (histogram)
        histogram_add(&histogram->step[flow->at], ms * 1000);
}

static void count_flow(struct flow *flow)
{
    int64_t ms = flow->engine->timers->mono_ms - flow->started_ms;
    struct flow_durations *histogram = durations_of(flow);

    if (!histogram)
        return;
    histogram_add(&histogram->total, ms * 1000);
    histogram_add(&histogram->own, (ms - flow->external_ms) * 1000);
}

/* Last: `ended` frees the flow. */
static void end(struct flow *flow)
{
    struct flow_engine *engine = flow->engine;
    struct berth_error error = flow->error;

    timer_stop(engine->timers, &flow->limit);
    timer_stop(engine->timers, &flow->deadline);
    flow->waiting = false;
    if (error.code) {
        engine->failed++;
        undo_entered(flow);
    } else {
        engine->succeeded++;
        count_flow(flow);
    }
    list_remove(&flow->node);
    flow->kind->ended(flow, &error);
}

/* Stop waiting. False when the outcome must be awaited; the flow then ends when it is known. */
static bool stop_waiting(struct flow *flow)
{
    if (flow->waiting && flow->op.in_flight && (durable(flow) || !flow->op.cancel)) {
        flow->cancelling = true;
        return false;
    }
    op_cancel(&flow->op);
    flow->waiting = false;
    return true;
}

static void limit_over(struct berth_timer *timer)
{
    struct flow *flow = container_of(timer, struct flow, limit);

    if (stop_waiting(flow)) {
        (void)berth_fail(&flow->error, BERTH_E_TIMEOUT, "%s: step '%s' took longer than %lld ms",
                         flow->who, flow_step_name(flow),
                         (long long)flow->kind->steps[flow->at].limit_ms);
        end(flow);
    }
}

static void deadline_over(struct berth_timer *timer)
{
    struct flow *flow = container_of(timer, struct flow, deadline);

    if (!flow->error.code) {
        (void)berth_fail(
            &flow->error, BERTH_E_TIMEOUT, "%s: %s was not finished in %lld ms (step '%s')",
            flow->who, flow->kind->name, (long long)flow->kind->deadline_ms, flow_step_name(flow));
    }
    if (stop_waiting(flow))
        end(flow);
}

static void op_done(struct op *op, int result)
{
    struct flow *flow = container_of(op, struct flow, op);

    timer_stop(flow->engine->timers, &flow->limit);
    flow->waiting = false;
    if (flow->cancelling) {
        end(flow);
        return;
    }
    if (result < 0 && !flow->any_result) {
        flow->error = op->error;
        end(flow);
        return;
    }
    count_step(flow);
    run_steps(flow, flow->next);
}

static void begin(struct berth_timer *timer)
{
    run_steps(container_of(timer, struct flow, limit), 0);
}

void flow_start(struct flow_engine *engine, struct flow *flow, const struct flow_kind *kind,
                const char *who)
{
    assert(kind->count > 0 && kind->count <= FLOW_STEPS_MAX);
    memset(flow, 0, sizeof(*flow));
    flow->engine = engine;
    flow->kind = kind;
    flow->id = ++engine->last_id;
    flow->started_ms = engine->timers->mono_ms;
    flow->step_since_ms = flow->started_ms;
    (void)snprintf(flow->who, sizeof(flow->who), "%s", who);
    op_init(&flow->op, engine->timers, op_done);
    list_append(&engine->flows, &flow->node);
    engine->started++;
    if (kind->deadline_ms > 0)
        timer_start(engine->timers, &flow->deadline, kind->deadline_ms, deadline_over);
    timer_start(engine->timers, &flow->limit, 0, begin);
}

static void wait_in_step(struct flow *flow)
{
    int64_t limit_ms = flow->kind->steps[flow->at].limit_ms;

    assert(limit_ms != 0); /* a step that waits must have a limit in its table */
    if (limit_ms > 0)
        timer_start(flow->engine->timers, &flow->limit, limit_ms, limit_over);
}

void flow_wait_longer(struct flow *flow)
{
    if (flow->waiting && !flow->cancelling)
        wait_in_step(flow);
}

static void run_steps(struct flow *flow, int step)
{
    while (step >= 0) {
        assert(step < flow->kind->count);
        flow->at = step;
        flow->entered |= 1u << step;
        flow->step_since_ms = flow->engine->timers->mono_ms;
        step = flow->kind->steps[step].step(flow);
        if (step != FLOW_WAIT)
            count_step(flow);
    }
    if (step == FLOW_WAIT) {
        wait_in_step(flow);
        return;
    }
    assert(step == FLOW_DONE || step == FLOW_FAIL);
    assert((step == FLOW_FAIL) == (flow->error.code != 0));
    end(flow);
}

int flow_await(struct flow *flow, int begun, int next)
{
    if (begun < 0) {
        if (flow->op.error.code)
            return flow_fail_with(flow, &flow->op.error);
        return flow_fail(flow, begun, "%s", berth_error_row(begun)->sentence);
    }
    flow->next = next;
    flow->waiting = true;
    flow->any_result = false;
    return FLOW_WAIT;
}

int flow_await_any(struct flow *flow, int begun, int next)
{
    if (begun < 0) {
        flow->op.result = begun;
        if (!flow->op.error.code)
            (void)berth_fail(&flow->op.error, begun, "%s", berth_error_row(begun)->sentence);
        return next;
    }
    (void)flow_await(flow, begun, next);
    flow->any_result = true;
    return FLOW_WAIT;
}

int flow_fail(struct flow *flow, int code, const char *format, ...)
{
    char text[BERTH_ERROR_TEXT];
    va_list arguments;

    va_start(arguments, format);
    berth_vtext(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)berth_fail(&flow->error, code, "%s", text);
    return FLOW_FAIL;
}

int flow_fail_with(struct flow *flow, const struct berth_error *error)
{
    flow->error = *error;
    return FLOW_FAIL;
}

void flow_cancel(struct flow *flow, int code, const char *format, ...)
{
    char text[BERTH_ERROR_TEXT];
    va_list arguments;

    va_start(arguments, format);
    berth_vtext(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)berth_fail(&flow->error, code, "%s", text);
    if (stop_waiting(flow))
        end(flow);
}

bool flow_stop(struct flow *flow, int code, const char *why)
{
    if (flow->waiting && flow->op.in_flight && !flow->op.cancel)
        return false;
    op_cancel(&flow->op);
    flow->waiting = false;
    if (!flow->error.code)
        (void)berth_fail(&flow->error, code, "%s", why);
    end(flow);
    return true;
}
