/* flow.h - multi-step procedures: tables of named steps, and the engine that runs them.
 *
 * Module shared. Thread: loop.
 *
 * A step starts at most one operation and returns the next step, FLOW_WAIT (by flow_await),
 * FLOW_DONE or FLOW_FAIL (by flow_fail). Nothing else advances a flow. A flow that fails or is
 * cancelled runs the undo functions of the steps it entered, last first; then `ended` is called,
 * once. The undo of a durable write is another write that compensates it.
 *
 * To add a flow: write its table first (name, step, undo, limit, what holds after the step), then
 * the steps.
 */
#ifndef BERTH_FLOW_H
#define BERTH_FLOW_H

#include "berth/histogram.h"
#include "berth/list.h"
#include "berth/op.h"

struct flow;
typedef int flow_step_fn(struct flow *flow);
typedef void flow_undo_fn(struct flow *flow);

/* What a step may return besides the index of the next one. */
enum { FLOW_WAIT = -1000, FLOW_DONE = -1001, FLOW_FAIL = -1002 };

/* Limits of a step besides milliseconds. */
enum {
    FLOW_QUEUED = -1, /* it waits in a queue: the flow's own deadline is the limit */
    /* a store write, or a host operation whose outcome must be known: no limit, never cancelled */
    FLOW_DURABLE = -2,
};

#define FLOW_STEPS_MAX 32 /* bits of flow.entered */

struct flow_step {
    const char *name;
    flow_step_fn *step;
    /* NULL: nothing to undo. Also called when the step itself failed half-way. */
    flow_undo_fn *undo;
    int64_t limit_ms; /* of the step's waiting; 0: the step does not wait */
};

struct flow_kind {
    const char *name;
    const struct flow_step *steps;
    int count;
    /* of the whole flow; 0 = none. Checked between waits, never inside a durable step. */
    int64_t deadline_ms;
    /* Called last: the owner frees the flow here. error->code is 0 when the flow succeeded. */
    void (*ended)(struct flow *flow, const struct berth_error *error);
    /* may `berthctl flow cancel` cancel it? Not a flow that must be completed */
    bool admin_cancel;
    /* bit per step that waits for a host or a guest: not counted as the flow's own time */
    uint32_t external;
};

/* How long the flows of one kind took, and their steps; time as the engine's clock has it. */
struct flow_durations {
    const struct flow_kind *kind; /* NULL: this entry is free */
    struct histogram total;       /* of those that succeeded: from start to end */
    struct histogram own;         /* the same without the time in `external` steps */
    struct histogram step[FLOW_STEPS_MAX];
};

#define FLOW_KINDS_MAX 16

struct flow_counters {
    struct flow_durations of[FLOW_KINDS_MAX];
};

struct flow_engine {
    struct berth_timers *timers;
    struct flow_counters *counters; /* the owner's; NULL: nothing is counted */
    struct list flows;
    uint64_t last_id;
    uint64_t started, succeeded, failed;
};

struct flow {
    struct list node;
    struct flow_engine *engine;
    const struct flow_kind *kind;
    uint64_t id;
    char who[96]; /* for which user and terminal, as `berthctl flow list` prints it */
    int at;       /* step being run or waited in */
    int next;     /* the step after the awaited operation */
    bool waiting;
    bool any_result; /* a failed operation leads to `next` too: flow_await_any */
    /* cancelled while in a durable wait: ends when the outcome is known */
    bool cancelling;
    uint32_t entered; /* bit per step */
    int64_t started_ms;
    int64_t step_since_ms; /* monotonic */
    int64_t external_ms;   /* spent so far in `external` steps */
    struct op op;
    struct berth_timer limit;
    struct berth_timer deadline;
    struct berth_error error;
};

/* Initialise an engine without flows. */
void flow_engine_init(struct flow_engine *engine, struct berth_timers *timers);

/* Start at step 0. The first step runs at the end of this turn, not from inside start, so that the
 * caller may store the pointer first. `who` names the user and the terminal for the list of flows.
 */
void flow_start(struct flow_engine *engine, struct flow *flow, const struct flow_kind *kind,
                const char *who);

/* In a step: `return flow_await(flow, x_begin(..., &flow->op), NEXT);`. When begin fails, the flow
 * fails with op.error.
 */
int flow_await(struct flow *flow, int begun, int next);

/* As flow_await, but a failure leads to NEXT as well, which inspects flow->op.result and
 * flow->op.error: for steps that retry or have an alternative. When begin fails, NEXT runs at once.
 */
int flow_await_any(struct flow *flow, int begun, int next);

/* From outside: restart the limit of the present step, because the operation it waits for reported
 * progress. The deadline of the flow does not move, a step without a limit stays without one, and a
 * flow that does not wait is left alone. */
void flow_wait_longer(struct flow *flow);

/* In a step: fail with a sentence. */
int flow_fail(struct flow *flow, int code, const char *format, ...) berth_printf(3, 4);

/* In a step: fail with the error of another operation. */
int flow_fail_with(struct flow *flow, const struct berth_error *error);

/* Cancel a flow from outside and roll it back: at once when it waits for something that can be
 * cancelled, else (in a durable step) when the outcome is known. Undo functions run, then `ended`
 * is called with `code`. Not to be called from inside a step of the flow.
 */
void flow_cancel(struct flow *flow, int code, const char *format, ...) berth_printf(3, 4);

/* For the end of the program, when nothing will complete a durable step any more: as flow_cancel,
 * but also for a durable step whose operation can be cancelled. False when it cannot: then the flow
 * keeps waiting.
 */
bool flow_stop(struct flow *flow, int code, const char *why);

/* Name of the present step. */
const char *flow_step_name(const struct flow *flow);

#endif
