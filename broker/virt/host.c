/* host.c - a host: start its process, read its frames, watch it by a heartbeat, restart it. */
#include "virt/host.h"

#include <stdio.h>
#include <string.h>

#include "berth/json.h"
#include "berth/log.h"

#include "virt/wire.h"

#define RESTART_FIRST_MS 500
#define RESTART_MAX_MS 30000

/* After this uptime the back-off is reset. */
#define RESTART_RESET_MS 30000

/* A process that hangs is detected after at most the sum of the two. */
#define HEARTBEAT_INTERVAL_MS 2000
#define HEARTBEAT_LIMIT_MS 3000

#define TOO_MANY_MISSED "too many calls without an answer"

static void start(struct virt_host *host);
static void restart_process(struct virt_host *host, const char *why);

static struct berth_timers *timers(const struct virt_host *host)
{
    return &host->virt->loop->timers;
}

static void notify_listener(struct virt_host *host, bool up, const struct virt_result *facts,
                            const char *reason)
{
    const struct virt_listener *listener = &host->virt->listener;

    if (listener->host)
        listener->host(listener->context, host->id, up, facts, reason);
}

/* ---- up and down ---- */

static void ask_open(struct virt_host *host)
{
    struct call *call = berth_new(struct call);

    host->phase = HOST_CONNECTING;
    call->call = VIRT_open;
    copy_text(call->args.uri, host->uri);
    calls_add(host, call, &host->facts, &host->open);
}

static void opened(struct op *op, int code)
{
    struct virt_host *host = container_of(op, struct virt_host, open);

    if (host->stopped || !host->process)
        return;
    if (code == BERTH_E_UNKNOWN_OUTCOME) {
        restart_process(host, TOO_MANY_MISSED);
    } else if (code < 0 && host->reported_open) {
        ask_open(host); /* a "closed" that arrived before the answer */
    } else if (code < 0) {
        host->phase = HOST_DISCONNECTED;
        notify_listener(host, false, NULL, berth_error_text(&op->error));
    } else {
        host->phase = HOST_UP;
        host->up_since_ms = timers(host)->mono_ms;
        notify_listener(host, true, &host->facts, "");
    }
}

static void hypervisor_closed(struct virt_host *host, const char *reason)
{
    bool was_up = host->phase == HOST_UP;

    host->reported_open = false;
    if (!was_up && host->phase != HOST_DISCONNECTED)
        return; /* the answer to our "open" follows */
    if (!was_up) {
        notify_listener(host, false, NULL, reason); /* the reason of a failed reconnect */
        return;
    }
    host->phase = HOST_DISCONNECTED;
    notify_listener(host, false, NULL, reason);
    if (!host->stopped)
        calls_fail_waiting(host, BERTH_E_HOST_DOWN, reason);
}

static void hypervisor_open(struct virt_host *host)
{
    host->reported_open = true;
    if (host->phase == HOST_DISCONNECTED)
        ask_open(host);
}

/* ---- frames of the process ---- */

static void take_event(struct virt_host *host, const json_t *json)
{
    const struct virt_listener *listener = &host->virt->listener;
    struct virt_event event;
    struct berth_error error = { 0 };

    if (record_decode(&virt_event_record, json, &event, &error) < 0) {
        log_failure(EV_HOST_FAILED, &error, host->name);
        return;
    }
    if (event.what == virt_event_kind_OPEN)
        hypervisor_open(host);
    else if (event.what == virt_event_kind_CLOSED)
        hypervisor_closed(host, event.reason);
    else if (listener->machine)
        listener->machine(listener->context, host->id, &event);
}

static void heartbeat_due(struct berth_timer *timer);

static void pong_received(struct virt_host *host)
{
    host->ping = 0;
    timer_start(timers(host), &host->heartbeat, HEARTBEAT_INTERVAL_MS, heartbeat_due);
}

static void take_frame(void *owner, const char *frame, size_t size)
{
    berth_cleanup(json_unrefp) json_t *json = NULL;
    struct virt_host *host = owner;
    struct berth_error error = { 0 };
    const json_t *event;
    uint64_t list;
    uint64_t id;

    json = json_parse(frame, size, WIRE_JSON_DEPTH, &error);
    event = json_object_get(json, "event");
    id = (uint64_t)json_integer_value(json_object_get(json, "id"));
    list = (uint64_t)json_integer_value(json_object_get(json, WIRE_OF));
    if (event && list && !calls_is_awaited(host, list))
        return; /* part of a cancelled list: must not be mixed with a newer one */
    if (event)
        take_event(host, event);
    else if (id && id == host->ping)
        pong_received(host);
    else if (id)
        calls_answer(host, id, json);
    else
        restart_process(host, "protocol error: malformed frame");
}

/* ---- the process ---- */

static void restart_due(struct berth_timer *timer)
{
    start(container_of(timer, struct virt_host, restart));
}

/* Random jitter between half of the back-off and all of it. */
static void schedule_restart(struct virt_host *host)
{
    int64_t half = host->restart_delay_ms / 2;

    if (host->up_since_ms && timers(host)->mono_ms - host->up_since_ms > RESTART_RESET_MS)
        half = RESTART_FIRST_MS / 2;
    host->up_since_ms = 0;
    host->phase = HOST_BACKOFF;
    host->restart_delay_ms = half * 4 < RESTART_MAX_MS ? half * 4 : RESTART_MAX_MS;
    timer_start(timers(host), &host->restart,
                half + (int64_t)random_below(&host->virt->random, (uint64_t)half + 1), restart_due);
}

static void calls_hang(struct op *op, berth_unused int result)
{
    struct virt_host *host = container_of(op, struct virt_host, hang);

    restart_process(host, TOO_MANY_MISSED);
}

static void without_process(struct virt_host *host, const char *why)
{
    bool was_up = host->phase == HOST_UP;

    timer_stop(timers(host), &host->heartbeat);
    host->ping = 0;
    host->missed = 0;
    host->reported_open = false;
    schedule_restart(host);
    log_event(EV_VIRT_RESTARTED, "host", host->name, "reason", why);
    if (was_up)
        notify_listener(host, false, NULL, why);
    if (!host->stopped)
        calls_fail_sent(host, BERTH_E_UNKNOWN_OUTCOME, why);
    if (!host->stopped)
        calls_fail_waiting(host, BERTH_E_HOST_DOWN, why);
}

static void lost(void *owner, const char *why)
{
    struct virt_host *host = owner;

    host->process = NULL;
    without_process(host, why);
}

/* Kill the process and start another after the back-off. */
static void restart_process(struct virt_host *host, const char *why)
{
    if (host->process)
        process_abandon(berth_take(host->process));
    without_process(host, why);
}

/* Either it is time for the next ping, or the answer to the last one did not come. */
static void heartbeat_due(struct berth_timer *timer)
{
    struct virt_host *host = container_of(timer, struct virt_host, heartbeat);

    if (host->ping) {
        restart_process(host, "the process does not answer");
        return;
    }
    host->ping = ++host->last_id;
    calls_send(host, WIRE_PING, host->ping, NULL);
    timer_start(timers(host), &host->heartbeat, HEARTBEAT_LIMIT_MS, heartbeat_due);
}

static void start(struct virt_host *host)
{
    static const struct process_events events = { .frame = take_frame, .lost = lost };
    struct virt *virt = host->virt;
    const struct process_setup setup = { .program = virt->program,
                                         .name = host->name,
                                         .history = virt->history,
                                         .all = &virt->processes,
                                         .events = &events,
                                         .owner = host };
    struct berth_error error = { 0 };
    int r;

    r = process_start(virt->loop, &setup, &host->process, &error);
    if (r < 0) {
        log_failure(EV_HOST_FAILED, &error, host->name);
        schedule_restart(host);
        notify_listener(host, false, NULL, berth_error_text(&error));
        return;
    }
    host->starts++;
    if (!host->hang.in_flight)
        (void)event_wait_begin(&host->hanging, &host->hang);
    timer_start(timers(host), &host->heartbeat, HEARTBEAT_INTERVAL_MS, heartbeat_due);
    ask_open(host);
}

/* ---- adding and removing hosts ---- */

struct virt_host *virt_host_find(const struct virt *virt, uint64_t id)
{
    list_each (&virt->hosts, node) {
        struct virt_host *host = list_entry(node, struct virt_host, node);

        if (host->id == id)
            return host;
    }
    return NULL;
}

static void reap(struct berth_deferred *deferred)
{
    free(container_of(deferred, struct virt_host, reap));
}

struct virt_host *host_new(struct virt *virt, uint64_t id, const char *name, const char *uri)
{
    struct virt_host *host = berth_new(struct virt_host);

    host->virt = virt;
    host->id = id;
    host->restart_delay_ms = RESTART_FIRST_MS;
    copy_text(host->name, name);
    copy_text(host->uri, uri);
    op_init(&host->open, timers(host), opened);
    op_init(&host->hang, timers(host), calls_hang);
    list_init(&host->reap.node);
    list_init(&host->sent);
    for (int lane = 0; lane < HOST_LANES; lane++)
        list_init(&host->waiting[lane]);
    list_append(&virt->hosts, &host->node);
    /* At the end of the turn: the listener must not be called from inside virt_host_start. */
    timer_start(timers(host), &host->restart, 0, restart_due);
    return host;
}

void host_stop(struct virt_host *host, bool complete)
{
    host->stopped = true;
    list_remove(&host->node);
    timer_stop(timers(host), &host->restart);
    timer_stop(timers(host), &host->heartbeat);
    op_cancel(&host->hang);
    if (host->process)
        process_abandon(berth_take(host->process));
    if (complete) {
        calls_fail_sent(host, BERTH_E_UNKNOWN_OUTCOME, "the host is not in use any more");
        calls_fail_waiting(host, BERTH_E_HOST_DOWN, "the host is not in use any more");
    } else {
        calls_forget(host);
    }
    deferred_add(timers(host), &host->reap, reap);
}
