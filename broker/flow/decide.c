/* decide.c - commit, apply, tell whoever waits. */
#include "flow/decide.h"

#include "berth/log.h"
#include "flow/house.h"

struct decision {
    struct list node; /* of house.decisions */
    struct rooms *rooms;
    struct changes *changes;
    decided_fn *applied;
    void *context;
    struct op *caller; /* NULL: nobody waits */
    struct op commit;
};

static void tell_failure(struct decision *decision, const struct berth_error *error)
{
    if (decision->caller)
        op_complete(decision->caller, error->code, error);
    else
        log_failure(EV_STORE_REFUSED, error, decision->changes->audit.action);
}

static void committed(struct op *op, int result)
{
    struct decision *decision = container_of(op, struct decision, commit);

    list_remove(&decision->node);
    if (result < 0) {
        tell_failure(decision, &op->error);
        changes_free(decision->changes);
        free(decision);
        return;
    }
    core_apply(decision->rooms->core, decision->changes);
    if (decision->applied)
        decision->applied(decision->rooms, decision->context);
    if (decision->caller)
        op_complete(decision->caller, 0, NULL);
    free(decision);
}

int decide_then(struct rooms *rooms, struct changes *changes, decided_fn *applied, void *context,
                struct op *op)
{
    struct decision *decision = berth_new(struct decision);
    int r;

    *decision = (struct decision){
        .rooms = rooms, .changes = changes, .applied = applied, .context = context, .caller = op
    };
    op_init(&decision->commit, rooms->timers, committed);
    r = store_commit_begin(rooms->store, changes, &decision->commit);
    if (r < 0) {
        if (op)
            op->error = decision->commit.error;
        else
            log_failure(EV_STORE_REFUSED, &decision->commit.error, changes->audit.action);
        changes_free(changes);
        free(decision);
        return r;
    }
    list_append(&house_of(rooms)->decisions, &decision->node);
    return op ? op_begun(op, NULL, decision) : 0;
}

int decide_begin(struct rooms *rooms, struct changes *changes, struct op *op)
{
    return decide_then(rooms, changes, NULL, NULL, op);
}

void decide_stop(struct house *house)
{
    struct list *node;

    while ((node = list_shift(&house->decisions))) {
        struct decision *decision = list_entry(node, struct decision, node);

        changes_free(decision->changes);
        free(decision);
    }
}
