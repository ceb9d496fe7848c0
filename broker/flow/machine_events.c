/* machine_events.c - machines that stopped, are missing, or run; and asking their host. */
#include "flow/machine_events.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"
#include "berth/wait.h"

#include "core/index.h"
#include "flow/power.h"
#include "flow/release.h"

/* ---- machines that stopped, are missing, or run ---- */

static void end_its_session(struct context *context, const struct desktop *desktop, const char *why)
{
    const struct ending ending = { .action = "session.lost",
                                   .reason = "failed",
                                   .why = why,
                                   .actor = "broker",
                                   .role = "broker" };

    list_each (index_list(context->core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id), node) {
        const struct assignment *assignment = index_at(ASSIGNMENTS_OF_DESKTOP, node, assignment);
        const struct session *session = session_on(context->core, assignment->row.id);

        /* A session that is PREPARING waits for the machine; only one that had a guest has lost
         * it. */
        if (session &&
            (session->row.state == session_ACTIVE || session->row.state == session_DISCONNECTED))
            session_end_retried(context, session->row.id, &ending);
    }
}

static void machine_off(struct context *context, struct desktop *desktop, const char *reason)
{
    char why[160];

    berth_text(why, sizeof(why), "its machine stopped: %s", reason[0] ? reason : "no reason given");
    desktop->defined = true;
    if (desktop->power) {
        machine_stopped(desktop, why);
        return; /* its power flow decides what follows */
    }
    if (desktop->state == desktop_OFF)
        return;
    desktop->probed_ms = 0;
    desktop->fingerprint[0] = '\0';
    if (desktop->state != desktop_QUARANTINED)
        desktop_set_state(desktop, desktop_OFF, why);
    end_its_session(context, desktop, "The machine of the session stopped");
}

static void machine_missing(struct context *context, struct desktop *desktop)
{
    if (desktop->power)
        return; /* it may be created at this very moment */
    desktop->defined = false;
    if (index_first(context->core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id)) {
        /* Creating it again would silently give its user an empty disk: an administrator must look
         * at it. */
        desktop_set_state(desktop, desktop_LOST, "its host does not know its machine");
        end_its_session(context, desktop, "The machine of the session is gone");
        return;
    }
    if (desktop->state == desktop_READY || desktop->state == desktop_STARTING ||
        desktop->state == desktop_LOST)
        desktop_set_state(desktop, desktop_OFF,
                          "its host does not know its machine: it is created when needed");
}

/* It runs. It is not touched, only probed. */
static void machine_on(struct context *context, struct desktop *desktop, const char *why)
{
    desktop->defined = true;
    if (desktop->power || desktop->state == desktop_READY || desktop->state == desktop_QUARANTINED)
        return;
    if (desktop->state != desktop_STARTING)
        desktop_set_state(desktop, desktop_STARTING, why);
    machine_ensure(context, desktop, MACHINE_UP);
}

/* ---- verifying one domain ---- */

/* Events come late and twice. An event about a machine is believed when its host confirms it
 * now. */
struct domain_recheck {
    struct flow flow;
    struct context *context;
    struct desktop *desktop; /* pinned */
    struct virt_args args;
    struct virt_result result;
    struct delay delay;
    char reason[160];
};

static flow_begin_fn ask;
static flow_finish_fn asked;

enum { ASK, DOMAIN_RECHECK_STEPS };

/* clang-format off */
static const struct flow_step domain_recheck_steps[] = {
    /*        name   begin finish undo  limit/ms       true after it */
    [ASK] = { "ask", ask,  asked, NULL, FLOW_QUEUED }, /* its host has said whether it runs */
};
/* clang-format on */

#define DOMAIN_RECHECK_RETRY_MS 1000

static int ask(struct flow *flow)
{
    struct domain_recheck *recheck = container_of(flow, struct domain_recheck, flow);

    return flow_await(flow, virt_begin(recheck->context->virt, recheck->desktop->row.host_id,
                                       VIRT_inspect, &recheck->args, &recheck->result, &flow->op));
}

static int asked(struct flow *flow)
{
    struct domain_recheck *recheck = container_of(flow, struct domain_recheck, flow);
    struct desktop *desktop = recheck->desktop;
    const struct host *host = host_find(recheck->context->core, desktop->row.host_id);

    if (desktop->base.dropped || !host || host_is_away(host))
        return FLOW_DONE; /* the listing when it is up again tells */
    if (flow->op.result < 0)
        return flow_await_then(
            flow, delay_begin(&recheck->delay, DOMAIN_RECHECK_RETRY_MS, &flow->op), ASK);
    if (!recheck->result.known)
        machine_missing(recheck->context, desktop);
    else if (recheck->result.running)
        machine_on(recheck->context, desktop, "its machine runs");
    else
        machine_off(recheck->context, desktop, recheck->reason);
    return FLOW_DONE;
}

static void domain_recheck_ended(struct flow *flow, const struct berth_error *error)
{
    struct domain_recheck *recheck = container_of(flow, struct domain_recheck, flow);
    struct context *context = recheck->context;

    if (error->code && !context->stopping) {
        log_failure(EV_HOST_FAILED, error, recheck->desktop->row.name);
        domain_recheck(context, recheck->desktop,
                       recheck->reason); /* otherwise the event would be lost */
    }
    entity_unpin(&recheck->desktop->base);
    free(recheck);
}

static const struct flow_kind domain_recheck_kind = { .name = "domain-recheck",
                                                      .steps = domain_recheck_steps,
                                                      .count = DOMAIN_RECHECK_STEPS,
                                                      .ended = domain_recheck_ended };

static void domain_recheck_start(struct context *context, struct desktop *desktop,
                                 const char *reason)
{
    struct domain_recheck *recheck = berth_new(struct domain_recheck);

    recheck->context = context;
    recheck->desktop = desktop;
    copy_text(recheck->args.uuid, desktop->row.uuid);
    berth_text(recheck->reason, sizeof(recheck->reason), "%s", reason);
    entity_pin(&desktop->base);
    flow_start(&context->engine, &recheck->flow, &domain_recheck_kind, desktop->row.name);
}

void domain_recheck(struct context *context, struct desktop *desktop, const char *reason)
{
    if (desktop->row.host_id && !desktop->base.dropped && !context->stopping)
        domain_recheck_start(context, desktop, reason);
}

/* An event said that it stopped or is gone. A power flow verifies that by itself when it
 * matters. */
static void machine_reported_stopped(struct context *context, struct desktop *desktop,
                                     const char *reason)
{
    if (desktop->power)
        machine_stopped(desktop, reason[0] ? reason : "no reason given");
    else
        domain_recheck_start(context, desktop, reason);
}

/* ---- events ---- */

static struct desktop *desktop_of(struct context *context, const struct host *host,
                                  const struct virt_event *event)
{
    struct desktop *desktop = desktop_by_uuid(context->core, event->uuid);

    if (desktop && desktop->row.host_id == host->row.id)
        return desktop;
    /* It has Berth's metadata, and there is no desktop for it: reported, never deleted. */
    if (event->desktop_id)
        log_event(EV_MACHINE_UNKNOWN, "host", host->row.name, "machine", event->name, "uuid",
                  event->uuid, "desktop", event->desktop_id);
    return NULL;
}

void machine_event(struct context *context, struct host *host, const struct virt_event *event)
{
    struct desktop *desktop = desktop_of(context, host, event);

    log_event(EV_MACHINE_EVENT, "host", host->row.name, "what", virt_event_kind_names[event->what],
              "machine", event->name, "reason", event->reason);
    if (!desktop)
        return;
    if (event->what == virt_event_kind_LISTED) {
        desktop->inventory_serial = host->inventory_serial;
        if (event->running)
            machine_on(context, desktop, "its machine was found running");
        else
            machine_off(context, desktop, "it was found off");
        return;
    }
    if (event->what == virt_event_kind_STARTED)
        machine_on(context, desktop, "its machine was started");
    else if (event->what == virt_event_kind_STOPPED)
        machine_reported_stopped(context, desktop, event->reason);
    else if (event->what == virt_event_kind_UNDEFINED)
        machine_reported_stopped(context, desktop, "it was undefined");
}
