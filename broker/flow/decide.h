/* decide.h - one durable decision that needs no flow around it: committed, applied, announced.
 *
 * Module flow. Flows with more than one step commit by themselves; what people change, and small
 * facts such as the state of a command, go through here.
 */
#ifndef BERTH_FLOW_DECIDE_H
#define BERTH_FLOW_DECIDE_H

#include "flow/context.h"

struct reactor;

/* Called with the result: after the apply or the failure, before the completion. Not when
 * decide_begin itself fails. */
struct decide_then {
    void (*decided)(struct context *context, uint64_t id, int result);
    uint64_t id;
    bool *ret_repeated; /* NULL, or filled before the completion of `op`: the request with this id
                           was done before, and nothing was applied now */
    /* What to do when the request was done before: the id that was given to the row now, and any
     * secret that was made for it, are of a row that is not there. */
    enum entity_kind adds;  /* not ENTITY_NONE: `op` fails with EXISTS and names the row of then */
    uint64_t *ret_added_id; /* not NULL: set to the row of then */
};

/* Commit `changes` (owned from now on, also when this fails) and apply them. then: NULL or by
 * value. op: completes after the apply, or with the store's error and nothing changed; it cannot be
 * cancelled. NULL when nobody waits: a failure is logged.
 */
int decide_begin(struct context *context, struct changes *changes, const struct decide_then *then,
                 struct op *op);

/* A fact that must get to disk whenever it can be: tried again every second until it is there or
 * `build` finds that it is not needed any more (NULL). Facts of one id and action do not pile up.
 */
struct retried_write {
    struct changes *(*build)(struct context *context, const struct retried_write *write);
    uint64_t id;
    uint64_t other_id; /* these three mean what `build` makes of them */
    int64_t number;
    int64_t number2;
    const char *action;
    char text[300];
};
void retried_write_start(struct context *context, const struct retried_write *write);

/* At reactor_stop, first: whoever waits for a decision is told CLOSING now, although it may still get
 * to disk; when the store comes back to it nobody hears of that any more. From now on nothing is
 * decided.
 */
void decide_close(struct reactor *reactor);

/* At reactor_stop, last: the facts that were to be tried again are forgotten. */
void decide_stop(struct reactor *reactor);

#endif
