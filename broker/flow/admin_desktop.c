/* admin_desktop.c - what people wish of desktops: recorded first, then done by the machine. */
#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/index.h"
#include "flow/admin_start.h"
#include "flow/decide.h"
#include "flow/power.h"
#include "flow/reconcile.h"

static const char *const action_names[] = {
    [DESKTOP_START] = "desktop.start",           [DESKTOP_STOP] = "desktop.stop",
    [DESKTOP_RESTART] = "desktop.restart",       [DESKTOP_REFRESH] = "desktop.refresh",
    [DESKTOP_QUARANTINE] = "desktop.quarantine", [DESKTOP_RELEASE] = "desktop.release",
    [DESKTOP_DELETE] = "desktop.delete",
};

/* Recorded; then the machine has it to do; then it is recorded that it has done it. The request's
 * id counts as done only with that: sent again before, after a failure or a restart, it is done;
 * sent again afterwards it disturbs nobody a second time.
 */
struct wish {
    struct pending_request pending;
    struct context *context;
    struct admin_actor actor;
    uint64_t desktop_id;
    enum desktop_act act;
    bool repeated; /* the request was carried out before */
    char object[96];
    struct op *caller;
    struct op recorded;
    struct op machine;
    struct op finished;
};

static enum machine_goal goal_of(enum desktop_act act)
{
    switch (act) {
    case DESKTOP_STOP:
        return MACHINE_OFF;
    case DESKTOP_RESTART:
        return MACHINE_RESTART;
    case DESKTOP_REFRESH:
        return MACHINE_REFRESH;
    case DESKTOP_DELETE:
        return MACHINE_GONE;
    case DESKTOP_START:
    case DESKTOP_QUARANTINE:
    case DESKTOP_RELEASE:
        break;
    }
    return MACHINE_UP;
}

static void end(struct wish *wish, int result, const struct berth_error *error)
{
    struct op *caller = wish->caller;
    struct berth_error why = *error;

    list_remove(&wish->pending.node);
    free(wish);
    op_complete(caller, result, &why);
}

static void drop(struct pending_request *pending)
{
    struct wish *wish = container_of(pending, struct wish, pending);
    struct op *caller = wish->caller;

    op_cancel(&wish->machine);
    free(wish);
    op_complete(caller, BERTH_E_CLOSING, NULL);
}

/* Is there something for the machine to do, beyond what the row says? */
static bool has_work(enum desktop_act act)
{
    return act != DESKTOP_QUARANTINE && act != DESKTOP_RELEASE;
}

static void finished(struct op *op, int result)
{
    struct wish *wish = container_of(op, struct wish, finished);

    /* The machine has done it, whether or not its record got to disk. */
    if (result < 0)
        log_failure(EV_STORE_REFUSED, &op->error, action_names[wish->act]);
    end(wish, 0, &op->error);
}

static void machine_done(struct op *op, int result)
{
    struct wish *wish = container_of(op, struct wish, machine);
    struct changes *changes;

    if (result < 0 || !wish->actor.request_id[0]) {
        end(wish, result, &op->error);
        return;
    }
    changes = admin_changes(&wish->actor, action_names[wish->act]);
    changes_object(changes, "%s", wish->object);
    changes_detail(changes, "its machine has done it");
    if (decide_begin(wish->context, changes, NULL, &wish->finished) < 0)
        end(wish, 0, &op->error);
}

static void recorded(struct op *op, int result)
{
    struct wish *wish = container_of(op, struct wish, recorded);
    struct desktop *desktop = desktop_find(wish->context->core, wish->desktop_id);
    int r = result;

    if (r < 0 || wish->repeated || wish->act == DESKTOP_QUARANTINE) {
        end(wish, r, &op->error);
        return;
    }
    if (!desktop) {
        end(wish, 0, &op->error); /* it went meanwhile */
        return;
    }
    if (wish->act == DESKTOP_RELEASE) {
        reconcile_released(wish->context, desktop);
        end(wish, 0, &op->error);
        return;
    }
    r = machine_request(wish->context, desktop, goal_of(wish->act), &wish->machine);
    if (r < 0)
        end(wish, r, &wish->machine.error);
}

/* May it be done to a desktop that somebody uses? */
static int check_use(struct core *core, const struct desktop *desktop,
                     const struct desktop_wish *wish, struct berth_error *reterr)
{
    const struct entity *assignment = index_first(core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id);
    bool disturbs =
        wish->act == DESKTOP_STOP || wish->act == DESKTOP_RESTART || wish->act == DESKTOP_REFRESH;
    const struct row_assignment *row = assignment ? entity_row_of_const(assignment) : NULL;
    const struct user *user = row ? user_find(core, row->user_id) : NULL;

    if (!row)
        return 0;
    if (wish->act == DESKTOP_DELETE)
        return berth_fail(reterr, BERTH_E_STATE, "desktop '%s' belongs to %s", desktop->row.name,
                          user ? user->row.name : "somebody");
    if (disturbs && !wish->force && session_on(core, row->id))
        return berth_fail(reterr, BERTH_E_STATE,
                          "desktop '%s': %s has a session on it; force it, or sign them off",
                          desktop->row.name, user ? user->row.name : "somebody");
    return 0;
}

static int check_kind(struct core *core, const struct desktop *desktop, enum desktop_act act,
                      struct berth_error *reterr)
{
    const struct pool *pool = pool_find(core, desktop->row.pool_id);

    if (pool && pool->row.kind == pool_kind_MANUAL && act != DESKTOP_QUARANTINE &&
        act != DESKTOP_RELEASE)
        return berth_fail(reterr, BERTH_E_UNSUPPORTED,
                          "desktop '%s' is a machine of somebody else's; it is not ours to %s",
                          desktop->row.name, strrchr(action_names[act], '.') + 1);
    return 0;
}

static struct changes *plan(const struct admin_actor *actor, const struct desktop *desktop,
                            const struct desktop_wish *wish)
{
    struct changes *changes = admin_changes(actor, action_names[wish->act]);
    struct row_desktop *row;

    changes->unfinished = has_work(wish->act);
    changes_object(changes, "desktop %s", desktop->row.name);
    changes_detail(changes, "%s", wish->why ? wish->why : "");
    if (wish->act == DESKTOP_QUARANTINE || wish->act == DESKTOP_RELEASE ||
        wish->act == DESKTOP_DELETE) {
        row = changes_set(changes, ENTITY_desktop, &desktop->row);
        row->quarantined = wish->act == DESKTOP_RELEASE
                               ? false
                               : row->quarantined || wish->act == DESKTOP_QUARANTINE;
        row->quarantined_by_admin =
            row->quarantined && (row->quarantined_by_admin || wish->act == DESKTOP_QUARANTINE);
        row->delete_pending = row->delete_pending || wish->act == DESKTOP_DELETE;
        row->delete_for_recompose = row->delete_for_recompose && wish->act != DESKTOP_DELETE;
        berth_text(row->reason, sizeof(row->reason), "%s", wish->why ? wish->why : "");
    }
    return changes;
}

int admin_desktop_check(struct core *core, const struct desktop_wish *wish,
                        struct berth_error *reterr)
{
    const struct desktop *desktop = desktop_find(core, wish->desktop_id);
    int r;

    if (!desktop)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no such desktop");
    r = check_kind(core, desktop, wish->act, reterr);
    return r < 0 ? r : check_use(core, desktop, wish, reterr);
}

int admin_desktop(struct context *context, const struct admin_actor *actor,
                  const struct desktop_wish *wish_, struct op *op)
{
    struct desktop *desktop = desktop_find(context->core, wish_->desktop_id);
    struct wish *wish;
    int r = admin_desktop_check(context->core, wish_, &op->error);

    if (r < 0)
        return r;
    wish = berth_new(struct wish);
    wish->context = context;
    wish->actor = *actor;
    (void)snprintf(wish->object, sizeof(wish->object), "desktop %s", desktop->row.name);
    wish->desktop_id = wish_->desktop_id;
    wish->act = wish_->act;
    wish->caller = op;
    op_init(&wish->recorded, context->timers, recorded);
    op_init(&wish->machine, context->timers, machine_done);
    op_init(&wish->finished, context->timers, finished);
    r = decide_begin(context, plan(actor, desktop, wish_),
                     &(struct decide_then){ .ret_repeated = &wish->repeated }, &wish->recorded);
    if (r < 0) {
        op->error = wish->recorded.error;
        free(wish);
        return r;
    }
    admin_pending_add(context, &wish->pending, drop);
    return op_begun(op, NULL, wish);
}
