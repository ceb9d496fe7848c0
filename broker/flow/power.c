/* power.c - requests for machines, and the one power flow that works on each. */
#include "flow/power.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/desktop_class.h"
#include "core/index.h"
#include "flow/backoff.h"
#include "flow/machine_requests.h"
#include "flow/machine_start.h"
#include "flow/quarantine.h"

static void work_start(struct context *context, struct desktop *desktop);
static void preempt_waiting(const struct desktop *desktop);

/* ---- requests ---- */

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
    work_start(context, desktop);
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

void machine_ensure(struct context *context, struct desktop *desktop, enum machine_goal goal)
{
    if (context->stopping || machine_is_requested(desktop, goal))
        return;
    machine_request_add(desktop, goal, NULL);
    work_start(context, desktop);
}

void machine_requests_drop(struct context *context)
{
    list_each (core_all(context->core, ENTITY_desktop), node) {
        struct desktop *desktop = entity_at(node, desktop);
        struct list *request;

        while ((request = list_shift(&desktop->requests)) != NULL)
            free(list_entry(request, struct goal_request, node));
    }
}

/* ---- the work ---- */

static void ended(struct flow *flow, const struct berth_error *error);

/* One table for each goal; a restart is a start that stops the machine first. */
#define KIND(name_, steps_)                                                              \
    {                                                                                    \
        .name = (name_), .steps = (steps_), .count = BERTH_COUNT(steps_), .ended = ended \
    }
static const struct flow_kind kinds[] = {
    [MACHINE_GONE] = KIND("machine-delete", machine_delete_steps),
    [MACHINE_REFRESH] = KIND("machine-refresh", machine_refresh_steps),
    [MACHINE_RESTART] = KIND("machine-restart", machine_start_steps),
    [MACHINE_OFF] = KIND("machine-stop", machine_stop_steps),
    [MACHINE_UP] = KIND("machine-start", machine_start_steps),
};

static const char *const goal_names[] = { "delete", "refresh", "restart", "stop", "start" };

/* Does it wait for its host, or for its turn there? Nothing was asked of the host yet then. */
static bool waits_to_begin(const struct machine_work *work)
{
    return work->flow.at == MACHINE_ADMIT && !work->desktop->start_slot_held;
}

/* Cancel work that waits for its turn when something more urgent is requested. */
static void preempt_waiting(const struct desktop *desktop)
{
    struct machine_work *work = desktop->power ? machine_work_of(desktop->power) : NULL;
    enum machine_goal goal = machine_most_urgent(desktop);

    if (!work || goal >= work->goal || !waits_to_begin(work))
        return;
    work->untouched = true;
    flow_cancel(&work->flow, BERTH_E_CANCELLED, "desktop '%s': the %s was superseded by a %s",
                desktop->row.name, goal_names[work->goal], goal_names[goal]);
}

static void work_start(struct context *context, struct desktop *desktop)
{
    struct machine_work *work;
    char who[96];

    if (desktop->power || list_empty(&desktop->requests) || context->stopping)
        return;
    work = berth_new(struct machine_work);
    work->context = context;
    work->desktop = desktop;
    work->goal = machine_most_urgent(desktop);
    host_call_init(&work->call, context, desktop);
    entity_pin(&desktop->base);
    (void)snprintf(who, sizeof(who), "%s %s", goal_names[work->goal], desktop->row.name);
    flow_start(&context->engine, &work->flow, &kinds[work->goal], who);
    desktop->power = &work->flow;
    desktop_reclassify(desktop);
}

/* Does this outcome answer the request? */
static bool is_answered(const struct machine_work *work, const struct goal_request *request,
                        bool failed)
{
    /* Preempted by a restart, which brings it up as well. */
    if (failed && work->untouched && request->goal == MACHINE_UP &&
        machine_is_requested(work->desktop, MACHINE_RESTART))
        return false;
    if (request->goal == work->goal)
        return true;
    if (failed)
        return work->goal == MACHINE_RESTART && request->goal == MACHINE_UP;
    if (work->goal == MACHINE_RESTART && request->goal == MACHINE_UP)
        return true;
    return work->goal == MACHINE_REFRESH && request->goal == MACHINE_OFF;
}

static void answer_requests(struct machine_work *work, const struct berth_error *error)
{
    bool failed = error->code != 0;
    struct list answered;
    struct list *next;

    list_init(&answered);
    list_each (&work->desktop->requests, node) {
        struct goal_request *request = list_entry(node, struct goal_request, node);

        if (is_answered(work, request, failed)) {
            list_remove(&request->node);
            list_append(&answered, &request->node);
        }
    }
    while ((next = list_shift(&answered)) != NULL)
        machine_request_done(list_entry(next, struct goal_request, node), error->code, error);
}

#define HOST_RETRY_MS 10000   /* time before it is tried again after its host failed */
#define GONE_RETRY_MS 300000  /* after it could not be deleted */
#define MANUAL_RETRY_MS 30000 /* after an existing machine did not answer */

/* The image, the template or the storage is wrong: its pool backs off and tries again by itself. A
 * desktop that was never created is deleted, so that another one is planned from what is current
 * then. Not in the recovery window, when an earlier broker may have created it: a later attempt
 * fails again.
 */
static void shared_fault(struct machine_work *work, const struct berth_error *error)
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
static void machine_fault(struct machine_work *work, const struct berth_error *error)
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

static void work_failed(struct machine_work *work, const struct berth_error *error)
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

/* Those whose requests the work has not answered learn that there is nothing left to work on. */
static void refuse_requests(struct desktop *desktop)
{
    struct berth_error gone = { 0 };
    struct list *node;

    (void)berth_fail(&gone, BERTH_E_NOT_FOUND, "desktop '%s' was deleted", desktop->row.name);
    while ((node = list_shift(&desktop->requests)) != NULL)
        machine_request_done(list_entry(node, struct goal_request, node), gone.code, &gone);
}

static void return_start_slot(struct desktop *desktop, struct host *host)
{
    if (desktop->start_slot_held && host)
        host->starting--;
    desktop->start_slot_held = false;
}

static void ended(struct flow *flow, const struct berth_error *error)
{
    struct machine_work *work = machine_work_of(flow);
    struct desktop *desktop = work->desktop;
    struct context *context = work->context;
    struct host *host = host_find(context->core, desktop->row.host_id);
    bool frees_host = desktop->start_slot_held || desktop->base.dropped;

    desktop->power = NULL;
    return_start_slot(desktop, host);
    if (error->code)
        work_failed(work, error);
    answer_requests(work, error);
    if (desktop->base.dropped)
        refuse_requests(desktop);
    work_start(context, desktop);
    desktop_reclassify(desktop);
    if (host)
        waitq_wake(&host->waiting);
    /* The host can start, or hold, another machine: that concerns every pool that waits for it. */
    if (host && frees_host)
        core_announce(context->core, NOTICE_FREED, ENTITY_host, host->row.id);
    core_announce(context->core, NOTICE_FREED, ENTITY_desktop, desktop->row.id);
    context_mark_pool(context, desktop->row.pool_id);
    entity_unpin(&desktop->base);
    free(work);
}

void machine_stopped(struct desktop *desktop, const char *why)
{
    struct machine_work *work;

    if (!desktop->power)
        return;
    work = machine_work_of(desktop->power);
    if (work->goal != MACHINE_UP && work->goal != MACHINE_RESTART)
        return;
    work->stopped = true;
    berth_text(work->stopped_why, sizeof(work->stopped_why), "%s", why);
}
