/* power.c - requests for machines, and the one power flow that works on each. */
#include "flow/power.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/desktop_class.h"
#include "core/index.h"
#include "flow/backoff.h"
#include "flow/decide.h"
#include "flow/power_work.h"
#include "flow/quarantine.h"

struct machine_request {
    struct list node; /* desktop.requests */
    enum machine_goal goal;
    struct op *op; /* NULL: no caller waits */
};

static void power_start(struct context *context, struct desktop *desktop);
static void preempt_waiting(const struct desktop *desktop);

/* ---- requests ---- */

static void machine_request_cancelled(struct op *op)
{
    struct machine_request *request = op->handle;

    list_remove(&request->node);
    free(request);
    /* Its desktop is reclassified when the work for it has ended. */
}

static void machine_request_add(struct desktop *desktop, enum machine_goal goal, struct op *op)
{
    struct machine_request *request = berth_new(struct machine_request);

    request->goal = goal;
    request->op = op;
    list_append(&desktop->requests, &request->node);
    desktop_reclassify(desktop);
    if (op)
        (void)op_begun(op, machine_request_cancelled, request);
}

/* The request was removed from its list. */
static void machine_request_done(struct machine_request *request, int result,
                                 const struct berth_error *error)
{
    struct op *op = request->op;

    free(request);
    if (op)
        op_complete_deferred(op, result, error); /* deferred: the op can still be cancelled */
}

int machine_request(struct context *context, struct desktop *desktop, enum machine_goal goal,
                    struct op *op)
{
    if (context->stopping)
        return berth_fail(&op->error, BERTH_E_CLOSING, "the broker is stopping");
    if (!desktop->row.host_id && goal != MACHINE_UP && goal != MACHINE_GONE)
        return berth_fail(&op->error, BERTH_E_UNSUPPORTED,
                          "desktop '%s' is an existing machine that Berth does not run",
                          desktop->row.name);
    machine_request_add(desktop, goal, op);
    preempt_waiting(desktop);
    power_start(context, desktop);
    return 0;
}

int desktop_request_up(struct context *context, struct desktop *desktop, struct op *op)
{
    int r;

    if (desktop->state == desktop_READY && !desktop->power) {
        op_complete_deferred(op, 0, NULL);
        return 0;
    }
    r = machine_request(context, desktop, MACHINE_UP, op);
    if (r >= 0 && desktop->row.host_id)
        virt_prioritise(context->virt, desktop->row.host_id, desktop->row.uuid);
    return r;
}

bool machine_is_awaited(const struct desktop *desktop)
{
    list_each (&desktop->requests, node)
        if (list_entry(node, struct machine_request, node)->op)
            return true;
    return desktop_is_free(desktop);
}

static bool is_requested(const struct desktop *desktop, enum machine_goal goal)
{
    list_each (&desktop->requests, node)
        if (list_entry(node, struct machine_request, node)->goal == goal)
            return true;
    return false;
}

void machine_ensure(struct context *context, struct desktop *desktop, enum machine_goal goal)
{
    if (context->stopping || is_requested(desktop, goal))
        return;
    machine_request_add(desktop, goal, NULL);
    power_start(context, desktop);
}

void machine_requests_drop(struct context *context)
{
    list_each (core_all(context->core, ENTITY_desktop), node) {
        struct entity *entity = entity_of(node);
        struct desktop *desktop = container_of(entity, struct desktop, base);
        struct list *request;

        while ((request = list_shift(&desktop->requests)) != NULL)
            free(list_entry(request, struct machine_request, node));
    }
}

/* ---- the work ---- */

static enum machine_goal most_urgent(const struct desktop *desktop)
{
    enum machine_goal goal = MACHINE_UP;

    list_each (&desktop->requests, node) {
        const struct machine_request *request = list_entry(node, struct machine_request, node);

        if (request->goal < goal)
            goal = request->goal;
    }
    return goal;
}

static const char *const goal_names[] = { "delete", "refresh", "restart", "stop", "start" };

/* Cancel work that waits for its turn when something more urgent is requested. */
static void preempt_waiting(const struct desktop *desktop)
{
    struct power_work *work = desktop->power ? power_work_of(desktop->power) : NULL;
    enum machine_goal goal = most_urgent(desktop);

    if (!work || goal >= work->goal || !power_waits_to_begin(work))
        return;
    work->untouched = true;
    flow_cancel(&work->flow, BERTH_E_CANCELLED, "desktop '%s': the %s was superseded by a %s",
                desktop->row.name, goal_names[work->goal], goal_names[goal]);
}

static void power_start(struct context *context, struct desktop *desktop)
{
    struct power_work *work;
    char who[96];

    if (desktop->power || list_empty(&desktop->requests) || context->stopping)
        return;
    work = berth_new(struct power_work);
    work->context = context;
    work->desktop = desktop;
    work->goal = most_urgent(desktop);
    entity_pin(&desktop->base);
    (void)snprintf(who, sizeof(who), "%s %s", goal_names[work->goal], desktop->row.name);
    flow_start(&context->engine, &work->flow, &power_kind, who);
    desktop->power = &work->flow;
    desktop_reclassify(desktop);
}

/* Does this outcome answer the request? */
static bool is_answered(const struct power_work *work, const struct machine_request *request,
                        bool failed)
{
    /* Preempted by a restart, which brings it up as well. */
    if (failed && work->untouched && request->goal == MACHINE_UP &&
        is_requested(work->desktop, MACHINE_RESTART))
        return false;
    if (request->goal == work->goal)
        return true;
    if (failed)
        return work->goal == MACHINE_RESTART && request->goal == MACHINE_UP;
    if (work->goal == MACHINE_RESTART && request->goal == MACHINE_UP)
        return true;
    return work->goal == MACHINE_REFRESH && request->goal == MACHINE_OFF;
}

static void answer_requests(struct power_work *work, const struct berth_error *error)
{
    bool failed = error->code != 0;
    struct list answered;
    struct list *next;

    list_init(&answered);
    list_each (&work->desktop->requests, node) {
        struct machine_request *request = list_entry(node, struct machine_request, node);

        if (is_answered(work, request, failed)) {
            list_remove(&request->node);
            list_append(&answered, &request->node);
        }
    }
    while ((next = list_shift(&answered)) != NULL)
        machine_request_done(list_entry(next, struct machine_request, node), error->code, error);
}

bool failure_is_hosts(int code)
{
    return code == BERTH_E_UNKNOWN_OUTCOME || code == BERTH_E_HOST_DOWN || code == BERTH_E_BUSY;
}

bool failure_is_machines(int code)
{
    switch (code) {
    case BERTH_E_BUSY:
    case BERTH_E_HOST_DOWN:
    case BERTH_E_UNKNOWN_OUTCOME:
    case BERTH_E_CANCELLED:
    case BERTH_E_CLOSING:
    case BERTH_E_NO_SPACE:
    case BERTH_E_STORE:
    case BERTH_E_CONFLICT:
    case BERTH_E_SUPERSEDED:
    case BERTH_E_CONFIG: /* image, template or storage pool: shared by many machines */
        return false;
    default:
        return true;
    }
}

#define HOST_RETRY_MS 10000   /* time before it is tried again after its host failed */
#define GONE_RETRY_MS 300000  /* after it could not be deleted */
#define MANUAL_RETRY_MS 30000 /* after an existing machine did not answer */

/* The image, the template or the storage is wrong: its pool backs off and tries again by itself. A
 * desktop that was never created is deleted, so that another one is planned from what is current
 * then. Not in the recovery window, when an earlier broker may have created it: a later attempt
 * fails again.
 */
static void shared_fault(struct power_work *work, const struct berth_error *error)
{
    struct desktop *desktop = work->desktop;

    backoff_shared_fault(work->context, desktop, error->text);
    if (work->goal == MACHINE_UP && !desktop->defined && !context_recovering(work->context) &&
        !index_first(work->context->core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id))
        machine_ensure(work->context, desktop, MACHINE_GONE);
}

/* The machine goes into quarantine until an administrator releases it, or `pool retry` recreates
 * it.
 */
static void machine_fault(struct power_work *work, const struct berth_error *error)
{
    struct desktop *desktop = work->desktop;
    struct context *context = work->context;

    if (work->goal == MACHINE_GONE) {
        desktop->not_before_ms = context->timers->mono_ms + GONE_RETRY_MS;
        if (desktop->row.quarantined)
            return; /* already counted when it failed first */
    }
    desktop_quarantine(context, desktop, error->text);
    backoff_machine_failed(context, desktop, error->text);
}

static void power_failed(struct power_work *work, const struct berth_error *error)
{
    struct desktop *desktop = work->desktop;
    struct context *context = work->context;

    if (work->untouched) {
        if (error->code == BERTH_E_STATE)
            desktop->not_before_ms = context->timers->mono_ms + HOST_RETRY_MS;
        return;
    }
    log_failure(EV_HOST_FAILED, error, work->flow.who);
    if (!desktop->row.host_id) {
        desktop->not_before_ms = context->timers->mono_ms + MANUAL_RETRY_MS;
        if (desktop->state == desktop_STARTING)
            desktop_set_state(desktop, desktop_OFF, error->text);
        return;
    }
    if (!failure_is_machines(error->code)) {
        /* Its state is known when its host was asked again. */
        if (desktop->state == desktop_STARTING || desktop->state == desktop_STOPPING)
            desktop_set_state(desktop, desktop_LOST, error->text);
        desktop->not_before_ms = context->timers->mono_ms + HOST_RETRY_MS;
        if (error->code == BERTH_E_CONFIG)
            shared_fault(work, error);
        context_doubt_machine(context, desktop, "the outcome of the last operation is unknown");
        return;
    }
    machine_fault(work, error);
}

void power_ended(struct flow *flow, const struct berth_error *error)
{
    struct power_work *work = power_work_of(flow);
    struct desktop *desktop = work->desktop;
    struct context *context = work->context;
    struct host *host = host_find(context->core, desktop->row.host_id);
    const struct notice freed = { .kind = NOTICE_FREED,
                                  .entity = ENTITY_desktop,
                                  .id = desktop->row.id };
    /* The host can start, or hold, another machine: that concerns every pool that waits for it. */
    const struct notice host_freed = { .kind = NOTICE_FREED,
                                       .entity = ENTITY_host,
                                       .id = desktop->row.host_id };
    bool frees_host = desktop->start_slot_held || desktop->base.dropped;

    desktop->power = NULL;
    if (desktop->start_slot_held) {
        desktop->start_slot_held = false;
        if (host)
            host->starting--;
    }
    if (error->code)
        power_failed(work, error);
    answer_requests(work, error);
    if (desktop->base.dropped) {
        struct berth_error gone = { 0 };
        struct list *node;

        (void)berth_fail(&gone, BERTH_E_NOT_FOUND, "desktop '%s' was deleted", desktop->row.name);
        while ((node = list_shift(&desktop->requests)) != NULL)
            machine_request_done(list_entry(node, struct machine_request, node), gone.code, &gone);
    }
    power_start(context, desktop);
    desktop_reclassify(desktop);
    if (host)
        waitq_wake(&host->waiting);
    if (host && frees_host)
        core_notify(context->core, &host_freed);
    core_notify(context->core, &freed);
    context_mark_pool(context, desktop->row.pool_id);
    entity_unpin(&desktop->base);
    free(work);
}

void machine_stopped(struct context *context, struct desktop *desktop, const char *why)
{
    struct power_work *work;

    (void)context;
    if (!desktop->power)
        return;
    work = power_work_of(desktop->power);
    if (work->goal != MACHINE_UP && work->goal != MACHINE_RESTART)
        return;
    work->stopped = true;
    berth_text(work->stopped_why, sizeof(work->stopped_why), "%s", why);
}
