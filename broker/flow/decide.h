/* decide.h - one durable decision: committed, applied, announced.
 *
 * Module flow. Flows commit through it as one of their steps; so do administrative changes, and
 * observations that must be recorded, such as the state of a command.
 */
#ifndef BERTH_FLOW_DECIDE_H
#define BERTH_FLOW_DECIDE_H

#include "flow/context.h"

/* What the caller of a request that may be repeated learns before `op` completes. */
struct decide_then {
    /* NULL, or set before `op` completes: the request with this id was done before, and nothing was
     * applied now. */
    bool *ret_repeated;
    /* When the request was done before, the id that was assigned now, and a secret that was made
     * for it, belong to no row. Not ENTITY_NONE: `op` fails with EXISTS and names the row of that
     * time. */
    enum entity_kind adds;
    uint64_t *ret_added_id; /* not NULL: set to the id of the row of that time */
};

/* Commit `changes` and apply them. Takes ownership of `changes`, also when it fails.
 *
 * then: NULL, or copied.
 * op: completes after the apply, or with the store's error and nothing changed; it cannot be
 * cancelled. NULL: the caller does not wait; a failure is logged.
 * Errors: CLOSING (module flow is being stopped), and those of the store.
 */
int decide_begin(struct context *context, struct changes *changes, const struct decide_then *then,
                 struct op *op);

/* A write that is tried again every second until it is durable, or until `build` finds that it is
 * not needed any more and returns NULL. It is the first member of a struct of its user, made with
 * berth_new, in which `build` finds what is to be written.
 */
struct retried_write;
struct retried_write_kind {
    const char *action; /* for the audit trail */
    struct changes *(*build)(struct context *context, struct retried_write *write);
};
struct retried_write {
    const struct retried_write_kind *kind;
    uint64_t id; /* of the row that it is about */
};

/* Takes ownership of `write`. It replaces an earlier one with the same id and action. */
void retried_write_start(struct context *context, struct retried_write *write);

/* At reactor_stop, first: complete all who wait for a decision with CLOSING, although it may still
 * be written; its outcome is not reported any more. No new decision begins.
 */
void decide_close(struct context *context);

/* At reactor_stop, last: drop the writes that wait to be tried again. */
void decide_stop(struct context *context);

#endif
