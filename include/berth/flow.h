/* flow.h - multi-step procedures: tables of named steps and the small driver that walks them.
 *
 * Module shared. Thread: loop.
 *
 * A step starts at most one operation and answers the next step, FLOW_WAIT (through flow_await),
 * FLOW_DONE or FLOW_FAIL (through flow_fail). Nothing else moves a flow. A failing or cancelled
 * flow runs the undos of the steps it entered, backwards; `ended` is its very last act. Steps
 * behind a durable write compensate, they do not cancel.
 *
 * To add a flow: write its table first (name, step, undo, limit, what is true when it is behind
 * us), then the steps.
 */
#ifndef BERTH_FLOW_H
#define BERTH_FLOW_H

#include "berth/histogram.h"
#include "berth/list.h"
#include "berth/op.h"

struct flow;
typedef int flow_step_fn(struct flow *flow);
typedef void flow_undo_fn(struct flow *flow);

/* Answers of a step besides the index of the next one. */
enum { FLOW_WAIT = -1000, FLOW_DONE = -1001, FLOW_FAIL = -1002 };

/* Limits of a step besides milliseconds. */
enum {
    FLOW_QUEUED = -1, /* a place in a queue: the flow's own deadline is the limit */
    /* a store write, or a host operation that must be known: no limit, never cancelled */
    FLOW_DURABLE = -2,
};

#define FLOW_STEPS_MAX 32 /* as many as a flow has bits to remember which were entered */

struct flow_step {
    const char *name;
    flow_step_fn *step;
    /* NULL: nothing to take back. Must cope with a step that did not get far. */
    flow_undo_fn *undo;
    int64_t limit_ms; /* of the step's waiting; 0: the step does not wait */
};

struct flow_kind {
    const char *name;
    const struct flow_step *steps;
    int count;
    /* of the whole flow; 0 = none. Checked between waits, never inside a durable step. */
    int64_t deadline_ms;
    /* Last act: the owner frees the flow here. error->code is 0 when the flow succeeded. */
    void (*ended)(struct flow *flow, const struct berth_error *error);
    /* may somebody who manages call it off? Not what must be brought to its end */
    bool admin_cancel;
    /* bit per step that waits for another's work, a host's or a guest's: that is not the flow's own
     * time */
    uint32_t external;
};

/* How long the flows of one kind took, and their steps; time as the engine's clock has it. */
struct flow_durations {
    const struct flow_kind *kind; /* NULL: this place is free */
    struct histogram total;       /* of those that succeeded: from start to end */
    struct histogram own;         /* the same without what it waited outside */
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
    char who[96]; /* for whom, as `berthctl flow list` prints it */
    int at;       /* step being run or waited in */
    int next;     /* where the awaited operation leads */
    bool waiting;
    bool any_result; /* a failed operation leads to `next` too: flow_await_any */
    /* cancelled or overtaken while in a durable wait: ends when the outcome is known */
    bool cancelling;
    uint32_t entered; /* bit per step */
    int64_t started_ms;
    int64_t step_since_ms; /* monotonic */
    int64_t external_ms;   /* spent so far in steps that wait outside */
    struct op op;
    struct berth_timer limit;
    struct berth_timer deadline;
    struct berth_error error;
};

/* An engine with no flow yet. */
void flow_engine_init(struct flow_engine *engine, struct berth_timers *timers);

/* Start at step 0. The first step runs at the end of this turn, not from inside start, so that the
 * caller may keep the pointer first. `who` names the person and place for the list.
 */
void flow_start(struct flow_engine *engine, struct flow *flow, const struct flow_kind *kind,
                const char *who);

/* In a step: `return flow_await(flow, x_begin(..., &flow->op), NEXT);`. A begin that failed fails
 * the flow with op.error.
 */
int flow_await(struct flow *flow, int begun, int next);

/* As flow_await, but a failure leads to NEXT as well, which looks at flow->op.result and
 * flow->op.error: for steps that repeat or have another way. An operation that could not begin
 * leads there at once.
 */
int flow_await_any(struct flow *flow, int begun, int next);

/* From outside: whoever the flow waits for is still at it, so the limit of the present step counts
 * anew. The flow's deadline is not moved, a step without a limit stays without one, and nothing
 * happens to a flow that does not wait. */
void flow_wait_longer(struct flow *flow);

/* In a step: fail with a sentence. */
int flow_fail(struct flow *flow, int code, const char *format, ...) berth_printf(3, 4);

/* In a step: fail with an error that exists already. */
int flow_fail_with(struct flow *flow, const struct berth_error *error);

/* Call a flow off from outside. At once when it waits for something that can be cancelled; after
 * the outcome is known when it is in a durable step. Undos run, `ended` is called with `code`. Not
 * from inside its own step.
 */
void flow_cancel(struct flow *flow, int code, const char *format, ...) berth_printf(3, 4);

/* The program ends, and whoever carries out durable steps will not be heard any more: as
 * flow_cancel, but also from within a durable step that can be cancelled at all. False when it
 * cannot: then the flow goes on waiting.
 */
bool flow_stop(struct flow *flow, int code, const char *why);

/* Name of the present step. */
const char *flow_step_name(const struct flow *flow);

#endif
