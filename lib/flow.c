/* flow.c - the engine: run a step, record it, wait or end. */
#include "berth/flow.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BY_FINISH (-1) /* flow.next: its step finishes */

static void go_to(struct flow *flow, int step);

void flow_engine_init(struct flow_engine *engine, struct berth_timers *timers)
{
    *engine = (struct flow_engine){ .timers = timers };
    list_init(&engine->flows);
}

static const struct flow_step *step_of(const struct flow *flow)
{
    return &flow->kind->steps[flow->at];
}

const char *flow_step_name(const struct flow *flow)
{
    return step_of(flow)->name;
}

/* Does it wait for an operation that must not be cut short? A delay before a retry is not one. */
static bool durable(const struct flow *flow)
{
    return step_of(flow)->limit_ms == FLOW_DURABLE && flow->next == BY_FINISH;
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
    if (engine->flow_ended)
        engine->flow_ended(engine);
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
                         flow->who, flow_step_name(flow), (long long)step_of(flow)->limit_ms);
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

/* The operation, or the wait before `next`, is over: what follows? */
static int finish(struct flow *flow)
{
    if (flow->next == BY_FINISH && step_of(flow)->finish)
        return step_of(flow)->finish(flow);
    if (flow->op.result < 0)
        return flow_fail_with(flow, &flow->op.error);
    if (flow->next != BY_FINISH)
        return flow->next;
    return flow->at + 1 < flow->kind->count ? flow->at + 1 : FLOW_DONE;
}

static void op_done(struct op *op, berth_unused int result)
{
    struct flow *flow = container_of(op, struct flow, op);

    timer_stop(flow->engine->timers, &flow->limit);
    flow->waiting = false;
    if (flow->cancelling)
        end(flow);
    else
        go_to(flow, finish(flow));
}

static int enter(struct flow *flow, int step)
{
    assert(step < flow->kind->count);
    flow->at = step;
    flow->entered |= 1u << step;
    flow->step_since_ms = flow->engine->timers->mono_ms;
    return step_of(flow)->begin(flow);
}

static void begin(struct berth_timer *timer)
{
    struct flow *flow = container_of(timer, struct flow, limit);

    go_to(flow, enter(flow, 0));
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
    copy_text(flow->who, who);
    op_init(&flow->op, engine->timers, op_done);
    list_append(&engine->flows, &flow->node);
    engine->started++;
    if (kind->deadline_ms > 0)
        timer_start(engine->timers, &flow->deadline, kind->deadline_ms, deadline_over);
    timer_start(engine->timers, &flow->limit, 0, begin);
}

static void wait_in_step(struct flow *flow)
{
    int64_t limit_ms = step_of(flow)->limit_ms;

    assert(limit_ms != 0); /* a step that waits must have a limit in its table */
    if (limit_ms > 0)
        timer_start(flow->engine->timers, &flow->limit, limit_ms, limit_over);
}

void flow_wait_longer(struct flow *flow)
{
    if (flow->waiting && !flow->cancelling)
        wait_in_step(flow);
}

/* `step` is the answer of begin or finish of the present step. */
static void go_to(struct flow *flow, int step)
{
    while (step >= 0) {
        count_step(flow);
        step = enter(flow, step);
    }
    if (step == FLOW_WAIT) {
        wait_in_step(flow);
        return;
    }
    assert(step == FLOW_DONE || step == FLOW_FAIL);
    assert((step == FLOW_FAIL) == (flow->error.code != 0));
    if (step == FLOW_DONE)
        count_step(flow);
    end(flow);
}

static int await(struct flow *flow, int begun, int next)
{
    flow->next = next;
    if (begun >= 0) {
        flow->waiting = true;
        return FLOW_WAIT;
    }
    flow->op.result = begun;
    if (!flow->op.error.code)
        (void)berth_fail(&flow->op.error, begun, "%s", berth_error_row(begun)->sentence);
    return finish(flow);
}

int flow_await(struct flow *flow, int begun)
{
    return await(flow, begun, BY_FINISH);
}

int flow_await_then(struct flow *flow, int begun, int next)
{
    return await(flow, begun, next);
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
