/* host_inventory.c - a host's connection opens or ends, and its machines are listed. */
#include "flow/host_inventory.h"

#include <stdio.h>

#include "berth/log.h"
#include "berth/wait.h"

#include "core/index.h"
#include "flow/host_health.h"
#include "flow/machine_events.h"

struct host_inventory {
    struct flow flow;
    struct context *context;
    struct host *host; /* pinned */
    struct virt_args args;
    struct virt_result result;
    struct delay delay;
    int tries;
};

static flow_begin_fn list;
static flow_finish_fn listed;

enum { LIST, STEPS };

/* clang-format off */
static const struct flow_step steps[STEPS] = {
    /*         name    begin finish  undo  limit/ms       true after it */
    [LIST] = { "list", list, listed, NULL, FLOW_QUEUED }, /* an event came for every machine of Berth that is there */
};
/* clang-format on */

#define LIST_RETRY_MS 1000
/* Longer than a hypervisor takes to carry out a start that it has accepted. */
#define HOST_SETTLES_MS 3000
#define LIST_SLOW_RETRY_MS 15000

static int list(struct flow *flow)
{
    struct host_inventory *inventory = container_of(flow, struct host_inventory, flow);
    int begun;

    inventory->host->inventory_serial++;
    begun = virt_begin(inventory->context->virt, inventory->host->row.id, VIRT_list,
                       &inventory->args, &inventory->result, &flow->op);
    return flow_await(flow, begun);
}

static int listed(struct flow *flow)
{
    struct host_inventory *inventory = container_of(flow, struct host_inventory, flow);
    struct host *host = inventory->host;

    if (host->base.dropped)
        return FLOW_DONE;
    if (flow->op.result < 0) {
        /* Nothing is placed on a host whose machines are not known: it is listed until it answers
         * or is gone. */
        if (inventory->tries++ == 0)
            log_failure(EV_HOST_FAILED, &flow->op.error, host->row.name);
        return flow_await_then(
            flow,
            delay_begin(&inventory->delay,
                        inventory->tries < 10 ? LIST_RETRY_MS : LIST_SLOW_RETRY_MS, &flow->op),
            LIST);
    }
    list_each (index_list(inventory->context->core, DESKTOPS_OF_HOST, host->row.id), node) {
        struct desktop *desktop = index_at(DESKTOPS_OF_HOST, node, desktop);

        /* A listing may be stale: a desktop that it leaves out is looked up by its UUID before
         * anything is concluded. */
        if (desktop->inventory_serial != host->inventory_serial &&
            desktop->state != desktop_PLANNED && !desktop->power)
            domain_recheck(inventory->context, desktop, "it is missing in the listing of its host");
    }
    return FLOW_DONE;
}

static void ended(struct flow *flow, const struct berth_error *error)
{
    struct host_inventory *inventory = container_of(flow, struct host_inventory, flow);
    struct context *context = inventory->context;
    struct host *host = inventory->host;

    if (host->inventory == flow)
        host->inventory = NULL;
    if (!host->settled_ms)
        host->settled_ms = context->timers->mono_ms + HOST_SETTLES_MS;
    if (!host->base.dropped && error->code == 0) {
        host->unknown_outcomes = 0;
        if (host->state == host_OPENING)
            host_set_state(host, host_UP, "its machines are known");
        else if (host->state == host_DEGRADED)
            host_set_state(host, host_UP, "it answers again");
    }
    /* It was cancelled when the host went down, and ended only after the host had come back. */
    if (!host->base.dropped && error->code && !context->stopping)
        host_list_later(host, HOST_OPENING_RETRY_MS);
    entity_unpin(&host->base);
    free(inventory);
}

static const struct flow_kind inventory_kind = {
    .name = "host-inventory", .steps = steps, .count = STEPS, .ended = ended
};

void host_list(struct context *context, struct host *host)
{
    struct host_inventory *inventory;

    if (host->inventory || context->stopping)
        return;
    inventory = berth_new(struct host_inventory);
    inventory->context = context;
    inventory->host = host;
    copy_text(inventory->args.storage, host->row.storage);
    entity_pin(&host->base);
    flow_start(&context->engine, &inventory->flow, &inventory_kind, host->row.name);
    host->inventory = &inventory->flow;
}

void host_connection(struct context *context, struct host *host, bool up,
                     const struct virt_result *facts, const char *reason)
{
    if (!up) {
        if (host->inventory)
            flow_cancel(host->inventory, BERTH_E_HOST_DOWN, "%s", reason);
        /* Its desktops keep their states: pictures do not need the hypervisor's daemon. */
        host_set_state(host, host_DOWN, reason);
        return;
    }
    if (facts) {
        host->capabilities = (unsigned)facts->capabilities;
        host->memory_mib = facts->memory_mib;
    }
    if (host->state != host_DOWN)
        host_set_state(host, host_DOWN, "its connection was opened again");
    host_set_state(host, host_OPENING, "connected; its machines are being listed");
    host_list(context, host);
}
