/* decide.c - commit, apply, complete; and writes that are tried until they are durable. */
#include "flow/decide.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#define WRITE_RETRY_MS 1000
#define WRITE_CONFLICTS_MAX 20 /* consecutive; more are no race, so the retry is delayed then */

struct decision {
    struct list node; /* of context.decisions */
    struct context *context;
    struct changes *changes;
    struct decide_then then;
    struct op *caller; /* NULL: no caller waits */
    struct op commit;
    char action[48]; /* for the log, when no caller waits */
    bool dropped;    /* module flow was stopped meanwhile: drop the outcome */
};

/* The request was done before: what does the caller get of that? */
static int judge_repeated(const struct decision *decision, struct berth_error *reterr)
{
    const struct decide_then *then = &decision->then;
    uint64_t added_id = decision->changes->added_id;
    bool is_secret = then->adds == ENTITY_token || then->adds == ENTITY_invitation;

    if (then->ret_added_id)
        *then->ret_added_id = added_id;
    if (then->adds == ENTITY_NONE)
        return 0;
    return berth_fail(reterr, BERTH_E_EXISTS, "this request was done before and made %s %llu%s",
                      entity_row(then->adds)->name, (unsigned long long)added_id,
                      is_secret ? "; its secret was shown once, so delete it and make another"
                                : "");
}

static void committed(struct op *op, int result)
{
    struct decision *decision = container_of(op, struct decision, commit);
    struct context *context = decision->context;

    if (decision->dropped) { /* module flow ends before the store does */
        changes_free(decision->changes);
        free(decision);
        return;
    }
    list_remove(&decision->node);
    if (decision->then.ret_repeated)
        *decision->then.ret_repeated = result >= 0 && decision->changes->repeated;
    if (result >= 0 && decision->changes->repeated)
        result = judge_repeated(decision, &op->error);
    if (result < 0)
        changes_free(decision->changes);
    else
        core_apply(decision->context->core, decision->changes);
    if (decision->caller)
        op_complete(decision->caller, result, &op->error);
    else if (result < 0)
        log_failure(EV_STORE_REFUSED, &op->error, decision->action);
    free(decision);
    context_work_ended(context);
}

static int refuse_closed(struct changes *changes, struct op *op)
{
    struct berth_error error = { 0 };

    changes_free(changes);
    return berth_fail(op ? &op->error : &error, BERTH_E_CLOSING, "the broker is stopping");
}

int decide_begin(struct context *context, struct changes *changes, const struct decide_then *then,
                 struct op *op)
{
    struct decision *decision;
    int r;

    if (context->closed)
        return refuse_closed(changes, op);
    decision = berth_new(struct decision);
    decision->context = context;
    decision->changes = changes;
    decision->caller = op;
    if (then)
        decision->then = *then;
    memcpy(decision->action, changes->audit.action, sizeof(decision->action));
    op_init(&decision->commit, context->timers, committed);
    r = store_commit_begin(context->store, changes, &decision->commit);
    if (r < 0) {
        if (op)
            op->error = decision->commit.error;
        else
            log_failure(EV_STORE_REFUSED, &decision->commit.error, decision->action);
        changes_free(changes);
        free(decision);
        return r;
    }
    list_append(&context->decisions, &decision->node);
    return op ? op_begun(op, NULL, decision) : 0;
}

/* ---- retried writes ---- */

struct pending_write {
    struct list node; /* of context.retried_writes */
    struct context *context;
    struct retried_write *write;
    struct op *caller; /* NULL: no caller waits */
    int conflicts;
    int delayed; /* tries after a delay */
    bool again;  /* a write with the same id and action was asked for meanwhile: build again */
    struct op op;
    struct berth_timer retry;
};

static void pending_write_free(struct pending_write *pending)
{
    list_remove(&pending->node);
    free(pending->write);
    free(pending);
}

/* op.error: why, or empty. */
static void pending_write_end(struct pending_write *pending)
{
    const struct berth_error error = pending->op.error;
    struct op *caller = pending->caller;

    if (pending->write->kind->done)
        pending->write->kind->done(pending->context, pending->write, &error);
    pending_write_free(pending);
    if (caller)
        op_complete(caller, error.code, &error);
}

static bool may_be_delayed(struct pending_write *pending)
{
    int code = pending->op.error.code;
    int tries_max = pending->write->kind->tries_max;

    if (pending->caller)
        return false;
    if (!tries_max)
        return true;
    return (code == BERTH_E_CONFLICT || code == BERTH_E_NO_SPACE || code == BERTH_E_BUSY) &&
           ++pending->delayed < tries_max && !pending->context->stopping;
}

/* False: nothing was begun; op.error says why, or is empty when nothing is to be written. */
static bool pending_write_begun(struct pending_write *pending)
{
    struct changes *changes;

    pending->again = false;
    pending->op.error = (struct berth_error){ 0 };
    changes = pending->write->kind->build(pending->context, pending->write, &pending->op.error);
    return changes && decide_begin(pending->context, changes, NULL, &pending->op) >= 0;
}

static void pending_write_retry(struct berth_timer *timer);

/* No try is under way now: the next one comes later, or none. */
static void pending_write_rest(struct pending_write *pending)
{
    if (pending->op.error.code && may_be_delayed(pending))
        timer_start(pending->context->timers, &pending->retry, WRITE_RETRY_MS, pending_write_retry);
    else
        pending_write_end(pending);
}

static void pending_write_try(struct pending_write *pending)
{
    if (!pending_write_begun(pending))
        pending_write_rest(pending);
}

static void pending_write_retry(struct berth_timer *timer)
{
    pending_write_try(container_of(timer, struct pending_write, retry));
}

static void pending_write_committed(struct op *op, int result)
{
    struct pending_write *pending = container_of(op, struct pending_write, op);
    bool raced = result == BERTH_E_CONFLICT && pending->conflicts++ < WRITE_CONFLICTS_MAX;

    if (raced || (result >= 0 && pending->again))
        pending_write_try(pending);
    else
        pending_write_rest(pending);
}

static struct pending_write *pending_write_new(struct context *context, struct retried_write *write)
{
    struct pending_write *pending = berth_new(struct pending_write);

    pending->context = context;
    pending->write = write;
    op_init(&pending->op, context->timers, pending_write_committed);
    list_append(&context->retried_writes, &pending->node);
    return pending;
}

static bool replaces(const struct retried_write *write, const struct retried_write *earlier)
{
    return !write->kind->done && !earlier->kind->done && write->id == earlier->id &&
           strcmp(write->kind->action, earlier->kind->action) == 0;
}

void retried_write_init(struct retried_write *write, uint64_t id, int64_t epoch, const char *why)
{
    write->id = id;
    write->epoch = epoch;
    berth_text(write->why, sizeof(write->why), "%s", why);
}

struct retried_write *retried_write_new(uint64_t id, int64_t epoch, const char *why)
{
    struct retried_write *write = berth_new(struct retried_write);

    retried_write_init(write, id, epoch, why);
    return write;
}

void retried_write_start(struct context *context, struct retried_write *write)
{
    list_each (&context->retried_writes, node) {
        struct pending_write *pending = list_entry(node, struct pending_write, node);

        if (replaces(write, pending->write)) {
            free(pending->write);
            pending->write = write;
            pending->again = true;
            return;
        }
    }
    pending_write_try(pending_write_new(context, write));
}

int retried_write_begin(struct context *context, struct retried_write *write, struct op *op)
{
    struct pending_write *pending = pending_write_new(context, write);

    if (!pending_write_begun(pending)) {
        op->error = pending->op.error;
        pending_write_free(pending);
        return op->error.code;
    }
    pending->caller = op;
    return op_begun(op, NULL, pending);
}

void decide_close(struct context *context)
{
    struct berth_error closing = { 0 };
    struct list *node;

    context->closed = true;
    (void)berth_fail(&closing, BERTH_E_CLOSING, "the broker is stopping");
    while ((node = list_shift(&context->decisions))) {
        struct decision *decision = list_entry(node, struct decision, node);
        struct op *caller = decision->caller;

        decision->dropped = true;
        decision->caller = NULL;
        if (caller)
            op_complete(caller, closing.code, &closing);
    }
}

void decide_stop(struct context *context)
{
    struct list *node;

    while ((node = list_shift(&context->retried_writes))) {
        struct pending_write *pending = list_entry(node, struct pending_write, node);

        timer_stop(context->timers, &pending->retry);
        pending_write_free(pending);
    }
}
