/* fake_virt.c - the port virt over fake hypervisors: calls, deadlines, restarts of berth-virt. */
#include "fakes/fake_virt.h"

#include <stdio.h>
#include <string.h>

#include "fakes/fake_hypervisors_internal.h"

#define LANES 3
#define MISSED_MAX 3
#define CONNECT_LEAST_MS 50
#define CONNECT_MOST_MS 200
#define CONNECT_AGAIN_MS 2000
#define KEEPALIVE_MS 6000

/* Calls in flight per lane, as in berth-virt. */
static const unsigned widths[LANES] = { [LANE_READ] = 1, [LANE_AGENT] = 2, [LANE_ACTION] = 3 };

struct fake_host {
    struct list node;
    struct virt *virt;
    uint64_t id;
    char name[64];
    struct hypervisor *hypervisor;
    bool up;
    bool told_down;
    int missed;
    struct berth_timer connect, keepalive;
    struct list sent;
    struct list waiting[LANES];
    unsigned in_flight[LANES];
};

struct fake_call {
    struct list node;
    struct fake_host *host;
    enum virt_call call;
    enum virt_lane lane;
    struct virt_args args;
    struct virt_result *ret;
    struct op *op;
    struct hypervisor_job *job; /* NULL: not sent yet */
    struct berth_timer limit;
};

/* clang-format off */
static const struct virt_call_row rows[VIRT_CALLS] = {
#define CALL(name_, lane_, limit_ms_, sentence) \
    [VIRT_##name_] = { .name = #name_, .lane = LANE_##lane_, .limit_ms = (limit_ms_) },
#include "virt/calls.def"
};
/* clang-format on */

const struct virt_call_row *virt_call_row(enum virt_call call)
{
    return &rows[call];
}

static void pump(struct fake_host *host);
static void connect_now(struct berth_timer *timer);

/* ---- calls ---- */

static void call_drop(struct fake_call *call)
{
    list_remove(&call->node);
    if (call->job)
        call->host->in_flight[call->lane]--;
    timer_stop(call->host->virt->timers, &call->limit);
    secret_wipe(&call->args.secret);
    free(call);
}

static void call_complete(struct fake_call *call, int result, const struct berth_error *error)
{
    struct op *op = call->op;

    call_drop(call);
    if (op)
        op_complete(op, result, error);
}

static void call_fail(struct fake_call *call, int code, const char *why)
{
    struct berth_error error = { 0 };

    (void)berth_fail(&error, code, "host %s: %s: %s", call->host->name,
                     virt_call_row(call->call)->name, why);
    call_complete(call, code, &error);
}

static void answered(void *context, int result, const struct virt_result *facts,
                     const struct berth_error *error)
{
    struct fake_call *call = context;
    struct fake_host *host = call->host;
    struct op *op = call->op;

    host->missed = 0;
    if (call->ret)
        *call->ret = *facts;
    call_drop(call);
    pump(host); /* first: the callback may stop the host */
    if (op)
        op_complete(op, result, error);
}

static void fail_all(struct list *calls, int code, const char *why)
{
    struct list taken;
    struct list *node;

    list_init(&taken);
    while ((node = list_shift(calls)) != NULL)
        list_append(&taken, node);
    while (!list_empty(&taken)) {
        struct fake_call *call = list_entry(taken.next, struct fake_call, node);

        if (call->job)
            hypervisor_job_abandon(call->job, false);
        call_fail(call, code, why);
    }
}

static void go_down(struct fake_host *host, const char *why)
{
    if (!host->up)
        return;
    host->up = false;
    host->missed = 0;
    host->hypervisor->broker_end = NULL;
    timer_start(host->virt->timers, &host->connect, CONNECT_AGAIN_MS, connect_now);
    host->virt->listener.host(host->virt->listener.context, host->id, false, NULL, why);
    fail_all(&host->sent, BERTH_E_UNKNOWN_OUTCOME, why);
    for (int lane = 0; lane < LANES; lane++)
        fail_all(&host->waiting[lane], BERTH_E_HOST_DOWN, why);
}

static void limit_passed(struct berth_timer *timer)
{
    struct fake_call *call = container_of(timer, struct fake_call, limit);
    struct fake_host *host = call->host;
    bool too_many = ++host->missed >= MISSED_MAX;

    environment_note(host->virt->hypervisors->environment, "%s: no answer to %s in time",
                     host->name, virt_call_row(call->call)->name);
    hypervisor_job_abandon(call->job, false);
    call_fail(call, BERTH_E_UNKNOWN_OUTCOME, "no answer in time");
    if (too_many) {
        host->hypervisor->process++;
        go_down(host, "too many calls without an answer");
    } else {
        pump(host);
    }
}

static void send_call(struct fake_host *host, struct fake_call *call)
{
    list_remove(&call->node);
    list_append(&host->sent, &call->node);
    host->in_flight[call->lane]++;
    call->job = hypervisor_call(host->hypervisor, call->call, &call->args, answered, call);
    secret_wipe(&call->args.secret);
    timer_start(host->virt->timers, &call->limit, virt_call_row(call->call)->limit_ms,
                limit_passed);
}

static void pump(struct fake_host *host)
{
    if (!host->up)
        return;
    for (int lane = 0; lane < LANES; lane++)
        while (host->in_flight[lane] < widths[lane] && !list_empty(&host->waiting[lane]))
            send_call(host, list_entry(host->waiting[lane].next, struct fake_call, node));
}

/* ---- hosts ---- */

/* A berth-virt runs. */
static void record_run(const struct hypervisor *hypervisor)
{
    struct fake_hypervisors *hypervisors = hypervisor->hypervisors;
    struct history_line line = { .kind = HISTORY_run, .run = { .whole = true } };

    (void)snprintf(line.run.program, sizeof(line.run.program), "berth-virt");
    line.run.pid = hypervisor_process_id(hypervisor, hypervisors->life, hypervisor->process);
    environment_record(hypervisors->environment, &line);
}

static void connect_now(struct berth_timer *timer)
{
    struct fake_host *host = container_of(timer, struct fake_host, connect);
    struct hypervisor *hypervisor = host->hypervisor;
    const struct virt_result facts = {
        .memory_mib = 65536,
        .capabilities = VIRT_CAN_AGENT | VIRT_CAN_STORAGE | VIRT_CAN_EVENTS | VIRT_CAN_PASSWORD |
                        VIRT_CAN_LEASE,
        .text = "fake",
    };

    if (!hypervisor || !hypervisor->up || hypervisor->hung) {
        timer_start(host->virt->timers, &host->connect, CONNECT_AGAIN_MS, connect_now);
        if (!host->told_down) {
            host->told_down = true;
            host->virt->listener.host(host->virt->listener.context, host->id, false, NULL,
                                      "there is nobody to connect to");
        }
        return;
    }
    host->up = true;
    host->told_down = false;
    hypervisor->broker_end = host;
    record_run(hypervisor);
    host->virt->listener.host(host->virt->listener.context, host->id, true, &facts, "");
}

static void event_arrives(struct fake_host *host, const struct virt_event *event)
{
    host->virt->listener.machine(host->virt->listener.context, host->id, event);
}

static struct fake_host *host_by_id(struct virt *virt, uint64_t id)
{
    list_each (&virt->hosts, node) {
        struct fake_host *host = list_entry(node, struct fake_host, node);

        if (host->id == id)
            return host;
    }
    return NULL;
}

static void forget_calls(struct list *calls)
{
    while (!list_empty(calls)) {
        struct fake_call *call = list_entry(calls->next, struct fake_call, node);

        if (call->job)
            hypervisor_job_abandon(call->job, true);
        if (call->op)
            call->op->in_flight = false; /* a late op_cancel finds nothing to do */
        call_drop(call);
    }
}

static void host_free(struct fake_host *host)
{
    forget_calls(&host->sent);
    for (int lane = 0; lane < LANES; lane++)
        forget_calls(&host->waiting[lane]);
    timer_stop(host->virt->timers, &host->connect);
    timer_stop(host->virt->timers, &host->keepalive);
    if (host->hypervisor && host->hypervisor->broker_end == host)
        host->hypervisor->broker_end = NULL;
    list_remove(&host->node);
    free(host);
}

struct virt *fake_virt_new(struct fake_hypervisors *hypervisors, struct berth_timers *timers,
                           const struct virt_listener *listener)
{
    struct virt *virt = berth_new(struct virt);

    virt->hypervisors = hypervisors;
    virt->timers = timers;
    virt->listener = *listener;
    list_init(&virt->hosts);
    hypervisors->event = event_arrives;
    return virt;
}

void fake_virt_free(struct virt *virt)
{
    list_each (&virt->hosts, node)
        host_free(list_entry(node, struct fake_host, node));
    free(virt);
}

void fake_virt_noticed(struct virt *virt, struct hypervisor *hypervisor)
{
    list_each (&virt->hosts, node) {
        struct fake_host *host = list_entry(node, struct fake_host, node);

        if (host->hypervisor == hypervisor && !hypervisor->up)
            go_down(host, "the connection was closed");
    }
}

void fake_virt_killed(struct virt *virt, struct hypervisor *hypervisor)
{
    list_each (&virt->hosts, node) {
        struct fake_host *host = list_entry(node, struct fake_host, node);

        if (host->hypervisor != hypervisor || !host->up)
            continue;
        hypervisor->process++;
        go_down(host, "its berth-virt ended");
    }
}

static void keepalive_over(struct berth_timer *timer)
{
    go_down(container_of(timer, struct fake_host, keepalive), "it does not answer");
}

void fake_virt_hangs(struct virt *virt, struct hypervisor *hypervisor, bool hangs)
{
    list_each (&virt->hosts, node) {
        struct fake_host *host = list_entry(node, struct fake_host, node);

        if (host->hypervisor == hypervisor && hangs)
            timer_start(virt->timers, &host->keepalive, KEEPALIVE_MS, keepalive_over);
        else if (host->hypervisor == hypervisor)
            timer_stop(virt->timers, &host->keepalive);
    }
}

/* ---- the port ---- */

void virt_host_start(struct virt *virt, uint64_t host_id, const char *name, const char *uri)
{
    struct fake_host *host = host_by_id(virt, host_id);

    if (host && host->hypervisor && strcmp(host->hypervisor->uri, uri) == 0)
        return;
    if (host)
        virt_host_stop(virt, host_id);
    host = berth_new(struct fake_host);
    host->virt = virt;
    host->id = host_id;
    host->hypervisor = hypervisor_by_uri(virt->hypervisors, uri);
    (void)snprintf(host->name, sizeof(host->name), "%s", name);
    list_init(&host->sent);
    for (int lane = 0; lane < LANES; lane++)
        list_init(&host->waiting[lane]);
    list_append(&virt->hosts, &host->node);
    timer_start(
        virt->timers, &host->connect,
        environment_draw_ms(virt->hypervisors->environment, CONNECT_LEAST_MS, CONNECT_MOST_MS),
        connect_now);
}

void virt_host_stop(struct virt *virt, uint64_t host_id)
{
    struct fake_host *host = host_by_id(virt, host_id);

    if (!host)
        return;
    fail_all(&host->sent, BERTH_E_UNKNOWN_OUTCOME, "the host is not in use any more");
    for (int lane = 0; lane < LANES; lane++)
        fail_all(&host->waiting[lane], BERTH_E_HOST_DOWN, "the host is not in use any more");
    host_free(host);
}

/* A call that was not sent never happens; one that was sent only loses its caller. */
static void cancel(struct op *op)
{
    struct fake_call *call = op->handle;

    call->op = NULL;
    call->ret = NULL;
    if (!call->job)
        call_drop(call);
}

int virt_begin(struct virt *virt, uint64_t host_id, enum virt_call call,
               const struct virt_args *args, struct virt_result *ret, struct op *op)
{
    struct fake_host *host = host_by_id(virt, host_id);
    struct fake_call *made;

    op->error = (struct berth_error){ 0 };
    if (!host || !host->up || virt->dead)
        return berth_fail(&op->error, BERTH_E_HOST_DOWN, "host %s is down",
                          host ? host->name : "?");
    made = berth_new(struct fake_call);
    made->host = host;
    made->call = call;
    made->lane = virt_call_row(call)->lane;
    if (call == VIRT_address && args->address == pool_address_AGENT)
        made->lane = LANE_AGENT;
    made->args = *args;
    made->ret = ret;
    made->op = op;
    list_append(&host->waiting[made->lane], &made->node);
    (void)op_begun(op, cancel, made);
    pump(host);
    return 0;
}

/* No file is read here: a template is bad when the story says so. */
int virt_check_template(struct virt *virt, const char *file, berth_unused bool forwarded,
                        struct op *op)
{
    struct berth_error error = { 0 };
    int r = 0;

    if (strcmp(file, virt->hypervisors->bad_template) == 0)
        r = berth_fail(&error, BERTH_E_INVALID, "template '%s': No such file or directory", file);
    op_complete_deferred(op, r, &error);
    return 0;
}

/* As in broker/virt/calls.c. */
void virt_prioritise(struct virt *virt, uint64_t host_id, const char *uuid)
{
    struct fake_host *host = host_by_id(virt, host_id);

    for (int lane = 0; host && lane < LANES; lane++) {
        struct list *first = host->waiting[lane].next;

        list_each (&host->waiting[lane], node) {
            if (strcmp(list_entry(node, struct fake_call, node)->args.uuid, uuid) != 0)
                continue;
            if (node == first) {
                first = first->next;
                continue;
            }
            list_remove(node);
            list_append(first, node);
        }
    }
}
