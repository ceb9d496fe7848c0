/* flow.h - multi-step procedures: tables of named steps, and the engine that runs them.
 *
 * Module shared. Thread: loop.
 *
 * A row of the table is a step, and has at most one operation:
 *
 *   begin   starts the operation: `return flow_await(flow, x_begin(..., &flow->op));`. Or it decides
 *           at once: the index of the next step, FLOW_DONE, or flow_fail.
 *   finish  looks at flow->op.result and flow->op.error and answers in the same way. A step without
 *           `finish` goes on to the row below when its operation succeeded, and fails with its
 *           error when it did not.
 *   undo    takes back what the step did, when the flow fails or is cancelled later.
 *
 * Nothing else advances a flow. To retry, or to wait for a condition, either function may wait for a
 * delay or a queue and name the step that follows: flow_await_then. A flow that fails or is
 * cancelled runs the undo functions of the steps it entered, last first; then `ended` is called,
 * once. The undo of a durable write is another write that compensates it.
 *
 * To add a flow: write its table first (name, begin, finish, undo, limit, what holds after the
 * step), then the functions.
 */
#ifndef BERTH_FLOW_H
#define BERTH_FLOW_H

#include "berth/histogram.h"
#include "berth/list.h"
#include "berth/op.h"

struct flow;
typedef int flow_begin_fn(struct flow *flow);
typedef int flow_finish_fn(struct flow *flow);
typedef void flow_undo_fn(struct flow *flow);

/* What begin and finish may return besides the index of the next step. */
enum { FLOW_WAIT = -1000, FLOW_DONE = -1001, FLOW_FAIL = -1002 };

/* Limits of a step besides milliseconds. */
enum {
    FLOW_QUEUED = -1, /* it waits in a queue: the flow's own deadline is the limit */
    /* A store write, or a host operation whose outcome must be known: no limit, never cancelled. */
    FLOW_DURABLE = -2,
};

#define FLOW_STEPS_MAX 32 /* bits of flow.entered */

struct flow_step {
    const char *name;
    flow_begin_fn *begin;
    flow_finish_fn *finish; /* NULL: see above */
    /* NULL: nothing to undo. Also called when the step itself failed half-way. */
    flow_undo_fn *undo;
    int64_t limit_ms; /* of each wait in the step; 0: the step does not wait */
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
    const struct flow_kind *kind;          /* NULL: this entry is free */
    struct histogram total;                /* of those that succeeded: from start to end */
    struct histogram own;                  /* the same without the time in `external` steps */
    struct histogram step[FLOW_STEPS_MAX]; /* of steps that were completed */
};

#define FLOW_KINDS_MAX 16

struct flow_counters {
    struct flow_durations of[FLOW_KINDS_MAX];
};

struct flow_engine {
    struct berth_timers *timers;
    struct flow_counters *counters; /* the owner's; NULL: nothing is counted */
    /* The owner's: called after the end of each flow, when the flow is not listed any more. NULL:
     * the owner does not want to know. */
    void (*flow_ended)(struct flow_engine *engine);
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
    int next;     /* the step after flow_await_then; -1: `at` finishes with its result */
    bool waiting;
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

/* In begin: `return flow_await(flow, x_begin(..., &flow->op));` waits for the operation of the step;
 * then `finish` is called. When x_begin fails, `finish` is called at once, with that result.
 */
int flow_await(struct flow *flow, int begun);

/* In begin or finish: wait for a delay or a queue (begun with &flow->op), then go on to step NEXT.
 * Fails only if it could not begin. A durable step can be cancelled in such a wait.
 */
int flow_await_then(struct flow *flow, int begun, int next);

/* From outside: restart the limit of the present step, because the operation it waits for reported
 * progress. The deadline of the flow does not move, a step without a limit stays without one, and a
 * flow that does not wait is left alone. */
void flow_wait_longer(struct flow *flow);

/* In begin or finish: fail with a sentence. */
int flow_fail(struct flow *flow, int code, const char *format, ...) berth_printf(3, 4);

/* In begin or finish: fail with the error of another operation. */
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
