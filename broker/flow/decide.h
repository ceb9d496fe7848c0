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

/* A write that is built from the present facts at every try: at once again when it loses to another
 * write (CONFLICT), every second after any other failure, until it is durable or not needed any
 * more. Where more must be known than what is here, it is the first member of a struct of its user.
 */
struct retried_write;
struct retried_write_kind {
    const char *action; /* for the audit trail */
    /* NULL without an error: nothing is to be written any more; with one: treated as a failure. */
    struct changes *(*build)(struct context *context, struct retried_write *write,
                             struct berth_error *reterr);
    /* NULL, or called once when it has ended, before it is freed; error: code 0 when it is durable
     * or not needed. Not called when retried_write_begin fails, nor by decide_stop. */
    void (*done)(struct context *context, struct retried_write *write,
                 const struct berth_error *error);
    int tries_max; /* not 0: it ends after so many delayed tries, and at a failure that no time
                    * mends (other than CONFLICT, NO_SPACE, BUSY) */
};
struct retried_write {
    const struct retried_write_kind *kind;
    uint64_t id;   /* of the row that it is about */
    int64_t epoch; /* of the claim that it is about, or 0 */
    char why[300];
};

/* A zeroed one is filled in; one is made, for a user that needs no more than this. The user sets
 * `kind`. why: copied. */
void retried_write_init(struct retried_write *write, uint64_t id, int64_t epoch, const char *why);
struct retried_write *retried_write_new(uint64_t id, int64_t epoch, const char *why);

/* Takes ownership of `write`, which was made with berth_new. It replaces an earlier one with the
 * same id and action, unless they have `done`. */
void retried_write_start(struct context *context, struct retried_write *write);

/* The same for a caller that waits: only conflicts are tried again. Takes ownership of `write`,
 * also when it fails. op: completes after `done`, or with the error of `build` or of the store; it
 * cannot be cancelled. Its `build` says why when it builds nothing. */
int retried_write_begin(struct context *context, struct retried_write *write,
                        struct op *op) berth_must_check;

/* At reactor_stop, first: complete all who wait for a decision with CLOSING, although it may still
 * be written; its outcome is not reported any more. No new decision begins.
 */
void decide_close(struct context *context);

/* At reactor_stop, last: drop the writes that wait to be tried again. */
void decide_stop(struct context *context);

#endif
