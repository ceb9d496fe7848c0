/* admin_desktop.c - actions of administrators on desktops: recorded first, then carried out by
 * power flows. */
#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/index.h"
#include "core/reservation.h"
#include "flow/admin_job.h"
#include "flow/decide.h"
#include "flow/power.h"
#include "flow/quarantine.h"

static const char *const action_names[] = {
    [DESKTOP_START] = "desktop.start",           [DESKTOP_STOP] = "desktop.stop",
    [DESKTOP_RESTART] = "desktop.restart",       [DESKTOP_REFRESH] = "desktop.refresh",
    [DESKTOP_QUARANTINE] = "desktop.quarantine", [DESKTOP_RELEASE] = "desktop.release",
    [DESKTOP_DELETE] = "desktop.delete",
};

/* An action on its way: its start is recorded, its machine carries it out, and its end is recorded.
 * The request's id counts as done only with the end. So a repeated request is carried out again
 * after a failure or a restart, and does not disturb a user a second time after success.
 */
struct desktop_job {
    struct admin_job job; /* its steps: the decision, the work of the machine, the second record */
    struct desktop_action action;
    bool repeated; /* the request was carried out before */
    char object[96];
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

/* Does the machine have to do something, or only the row? */
static bool has_work(enum desktop_act act)
{
    return act != DESKTOP_QUARANTINE && act != DESKTOP_RELEASE;
}

static void finished(struct op *op, int result)
{
    struct desktop_job *job = container_of(op, struct desktop_job, job.step);

    /* The machine has done it, even if that could not be recorded. */
    if (result < 0)
        log_failure(EV_STORE_REFUSED, &op->error, action_names[job->action.act]);
    admin_job_end(&job->job, 0);
}

static void machine_done(struct op *op, int result)
{
    struct desktop_job *job = container_of(op, struct desktop_job, job.step);
    struct context *context = job->job.context;
    struct changes *changes;

    if (result < 0 || !job->job.actor.request_id[0]) {
        admin_job_end(&job->job, result);
        return;
    }
    changes = admin_changes(&job->job.actor, action_names[job->action.act]);
    changes_object(changes, "%s", job->object);
    changes_detail(changes, "carried out by its machine");
    op_init(op, context->timers, finished);
    if (decide_begin(context, changes, NULL, op) < 0)
        admin_job_end(&job->job, 0);
}

/* May it be done to a desktop that is in use, or is being given to somebody? */
static int check_use(struct core *core, const struct desktop *desktop,
                     const struct desktop_action *action, struct berth_error *reterr)
{
    const struct entity *assignment = index_first(core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id);
    bool disturbs = action->act == DESKTOP_STOP || action->act == DESKTOP_RESTART ||
                    action->act == DESKTOP_REFRESH;
    const struct row_assignment *row = assignment ? entity_row_of_const(assignment) : NULL;
    const struct reservation *reserved = desktop->reserved;
    const struct user *user =
        row || reserved ? user_find(core, row ? row->user_id : reserved->user_id) : NULL;
    const char *name = user ? user->row.name : "another user";

    if (action->act == DESKTOP_DELETE && row)
        return berth_fail(reterr, BERTH_E_STATE, "desktop '%s' belongs to %s", desktop->row.name,
                          name);
    if (reserved && (action->act == DESKTOP_DELETE || (disturbs && !action->force)))
        return berth_fail(reterr, BERTH_E_STATE, "desktop '%s' is being given to %s at this moment",
                          desktop->row.name, name);
    if (row && disturbs && !action->force && session_on(core, row->id))
        return berth_fail(reterr, BERTH_E_STATE,
                          "desktop '%s': %s has a session on it; use force, or sign them off first",
                          desktop->row.name, name);
    return 0;
}

static void recorded(struct op *op, int result)
{
    struct desktop_job *job = container_of(op, struct desktop_job, job.step);
    struct context *context = job->job.context;
    struct desktop *desktop = desktop_find(context->core, job->action.desktop_id);
    int r = result;

    if (r < 0 || job->repeated || job->action.act == DESKTOP_QUARANTINE) {
        admin_job_end(&job->job, r);
        return;
    }
    if (!desktop) {
        admin_job_end(&job->job, 0); /* it was deleted meanwhile */
        return;
    }
    if (job->action.act == DESKTOP_RELEASE) {
        desktop_released(context, desktop);
        admin_job_end(&job->job, 0);
        return;
    }
    op_init(op, context->timers, machine_done);
    /* Somebody may have got it while this was written. A deletion is in the desktop's row, which
     * their claim writes too: it came first, and they get another. */
    if (job->action.act != DESKTOP_DELETE)
        r = check_use(context->core, desktop, &job->action, &op->error);
    if (r >= 0)
        r = machine_request(context, desktop, goal_of(job->action.act), op);
    if (r < 0)
        admin_job_end(&job->job, r);
}

static int check_kind(struct core *core, const struct desktop *desktop, enum desktop_act act,
                      struct berth_error *reterr)
{
    const struct pool *pool = pool_find(core, desktop->row.pool_id);

    if (pool && pool->row.kind == pool_kind_MANUAL && act != DESKTOP_QUARANTINE &&
        act != DESKTOP_RELEASE)
        return berth_fail(reterr, BERTH_E_UNSUPPORTED,
                          "desktop '%s' is an existing machine that Berth does not run; %s it "
                          "outside of Berth",
                          desktop->row.name, strrchr(action_names[act], '.') + 1);
    return 0;
}

static struct changes *plan(const struct admin_actor *actor, const struct desktop *desktop,
                            const struct desktop_action *action)
{
    struct changes *changes = admin_changes(actor, action_names[action->act]);
    struct row_desktop *row;

    changes->unfinished = has_work(action->act);
    changes_object(changes, "desktop %s", desktop->row.name);
    changes_detail(changes, "%s", action->why ? action->why : "");
    if (action->act == DESKTOP_QUARANTINE || action->act == DESKTOP_RELEASE ||
        action->act == DESKTOP_DELETE) {
        row = changes_set(changes, ENTITY_desktop, &desktop->row);
        row->quarantined = action->act == DESKTOP_RELEASE
                               ? false
                               : row->quarantined || action->act == DESKTOP_QUARANTINE;
        row->quarantined_by_admin =
            row->quarantined && (row->quarantined_by_admin || action->act == DESKTOP_QUARANTINE);
        row->delete_pending = row->delete_pending || action->act == DESKTOP_DELETE;
        row->delete_for_recompose = row->delete_for_recompose && action->act != DESKTOP_DELETE;
        berth_text(row->reason, sizeof(row->reason), "%s", action->why ? action->why : "");
    }
    return changes;
}

int admin_desktop_check(struct core *core, const struct desktop_action *action,
                        struct berth_error *reterr)
{
    const struct desktop *desktop = desktop_find(core, action->desktop_id);
    int r;

    if (!desktop)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no desktop with the id %llu",
                          (unsigned long long)action->desktop_id);
    r = check_kind(core, desktop, action->act, reterr);
    return r < 0 ? r : check_use(core, desktop, action, reterr);
}

int admin_desktop(struct context *context, const struct admin_actor *actor,
                  const struct desktop_action *action, struct op *op)
{
    struct desktop *desktop = desktop_find(context->core, action->desktop_id);
    struct desktop_job *job;
    int r = admin_desktop_check(context->core, action, &op->error);

    if (r < 0)
        return r;
    job = admin_job_new(context, actor, sizeof(*job));
    (void)snprintf(job->object, sizeof(job->object), "desktop %s", desktop->row.name);
    job->action = *action;
    job->action.why = NULL; /* the caller's */
    op_init(&job->job.step, context->timers, recorded);
    r = decide_begin(context, plan(actor, desktop, action),
                     &(struct decide_then){ .ret_repeated = &job->repeated }, &job->job.step);
    return admin_job_begun(&job->job, r, op);
}
