/* calls.c - the calls of a host: queue, deadline, answer. */
#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "virt/host.h"
#include "virt/wire.h"

/* The process hangs after so many missed deadlines in a row. */
#define MISSED_MAX 3

static const unsigned widths[HOST_LANES] = { [LANE_READ] = WIRE_READ_LANES,
                                             [LANE_AGENT] = WIRE_AGENT_LANES,
                                             [LANE_ACTION] = WIRE_ACTION_LANES };

/* Remove it from all lists and free it. */
static void drop(struct call *call)
{
    struct virt_host *host = call->host;

    list_remove(&call->node);
    if (call->sent)
        host->in_flight[call->lane]--;
    else
        host->waiting_count--;
    timer_stop(&host->virt->loop->timers, &call->limit);
    berth_wipe_free(call, sizeof(*call));
}

/* Complete a call last: the completion may do anything, even stop the host. */
static void complete(struct call *call, int code, const struct berth_error *error)
{
    struct op *op = call->op;

    drop(call);
    if (op)
        op_complete(op, code, error);
}

static void fail(struct call *call, int code, const char *why)
{
    struct berth_error error = { 0 };

    (void)berth_fail(&error, code, "host %s: %s: %s", call->host->name,
                     virt_call_row(call->call)->name, why);
    complete(call, code, &error);
}

/* ---- sending ---- */

void calls_send(struct virt_host *host, const char *name, uint64_t id, const struct virt_args *args)
{
    json_t *members = args ? record_encode(&virt_args_record, args, SEE_MASK_WIRE) : json_object();
    json_t *json =
        json_pack("{s:s, s:I, s:O}", "call", name, "id", (json_int_t)id, "args", members);
    unsigned char *frame;
    size_t size = 0;

    frame = wire_frame(json, &size);
    json_decref(json);
    wire_wipe_secret(members);
    json_decref(members);
    if (frame) /* args have a fixed size, well below FRAME_MAX */
        process_send(host->process, frame, size);
}

static void send_waiting(struct virt_host *host);

static void limit_passed(struct berth_timer *timer)
{
    struct call *call = container_of(timer, struct call, limit);
    struct virt_host *host = call->host;
    bool too_many = ++host->missed >= MISSED_MAX;
    char why[64];

    (void)snprintf(why, sizeof(why), "no answer in %lld ms",
                   (long long)virt_call_row(call->call)->limit_ms);
    log_event(EV_HOST_FAILED, "host", host->name, "call", virt_call_row(call->call)->name, "reason",
              why);
    fail(call, BERTH_E_UNKNOWN_OUTCOME, why);
    if (host->stopped || !host->process)
        return;
    if (too_many)
        (void)event_wait_end(&host->hanging, 0, NULL);
    else
        send_waiting(host); /* berth-virt abandons the lane of the stuck call as well */
}

static void send_call(struct virt_host *host, struct call *call)
{
    list_remove(&call->node);
    list_append(&host->sent, &call->node);
    host->waiting_count--;
    host->in_flight[call->lane]++;
    call->sent = true;
    call->id = ++host->last_id;
    calls_send(host, virt_call_row(call->call)->name, call->id, &call->args);
    secret_wipe(&call->args.secret);
    timer_start(&host->virt->loop->timers, &call->limit, virt_call_row(call->call)->limit_ms,
                limit_passed);
}

/* Send calls while lanes are free. */
static void send_waiting(struct virt_host *host)
{
    for (int lane = 0; lane < HOST_LANES; lane++) {
        while (host->in_flight[lane] < widths[lane] && !list_empty(&host->waiting[lane]))
            send_call(host, list_entry(host->waiting[lane].next, struct call, node));
    }
}

void calls_prioritise(struct virt_host *host, const char *uuid)
{
    for (int lane = 0; lane < HOST_LANES; lane++) {
        struct list *first = host->waiting[lane].next; /* the first that is not prioritised */

        list_each (&host->waiting[lane], node) {
            struct call *call = list_entry(node, struct call, node);

            if (strcmp(call->args.uuid, uuid) != 0)
                continue;
            if (node == first) {
                first = first->next;
                continue;
            }
            list_remove(node);
            list_append(first, node); /* before it */
        }
    }
}

/* ---- answers ---- */

static struct call *find_sent(struct virt_host *host, uint64_t id)
{
    list_each (&host->sent, node) {
        struct call *call = list_entry(node, struct call, node);

        if (call->id == id)
            return call;
    }
    return NULL;
}

bool calls_is_awaited(struct virt_host *host, uint64_t id)
{
    const struct call *call = find_sent(host, id);

    return call && call->op;
}

/* Code and message of a failure; an unknown code becomes HOST. */
static int read_error(const struct virt_host *host, const json_t *json, bool open,
                      struct berth_error *error)
{
    const char *symbol = json_string_value(json_object_get(json, "code"));
    const char *text = json_string_value(json_object_get(json, "text"));
    int code = symbol ? berth_error_code(symbol) : 0;

    if (code == 0)
        code = BERTH_E_HOST;
    if (!text)
        text = berth_error_row(code)->sentence;
    /* The result of an "open" is shown with the host. */
    return open ? berth_fail(error, code, "%s", text)
                : berth_fail(error, code, "host %s: %s", host->name, text);
}

static int read_answer(const struct virt_host *host, const json_t *json, bool open,
                       struct virt_result *result, struct berth_error *error)
{
    const json_t *failure = json_object_get(json, "error");

    return failure ? read_error(host, failure, open, error)
                   : record_decode(&virt_result_record, json_object_get(json, "ok"), result, error);
}

void calls_answer(struct virt_host *host, uint64_t id, const json_t *json)
{
    struct call *call = find_sent(host, id);
    struct virt_result result = { 0 };
    struct berth_error error = { 0 };
    int code;

    if (!call)
        return; /* too late: its caller was completed with UNKNOWN_OUTCOME */
    host->missed = 0;
    code = read_answer(host, json, call->call == VIRT_open, &result, &error);
    if (call->ret)
        *call->ret = result;
    complete(call, code, &error);
    if (!host->stopped && host->process)
        send_waiting(host);
}

/* ---- failing and cancelling calls ---- */

/* Completions may begin new calls: the list is moved first, so that the loop ends. */
static void fail_all(struct list *calls, int code, const char *why)
{
    struct list taken;
    struct list *node;

    list_init(&taken);
    while ((node = list_shift(calls)))
        list_append(&taken, node);
    while (!list_empty(&taken))
        fail(list_entry(taken.next, struct call, node), code, why);
}

void calls_fail_waiting(struct virt_host *host, int code, const char *why)
{
    for (int lane = 0; lane < HOST_LANES; lane++)
        fail_all(&host->waiting[lane], code, why);
}

void calls_fail_sent(struct virt_host *host, int code, const char *why)
{
    fail_all(&host->sent, code, why);
}

static void forget_all(struct list *calls)
{
    while (!list_empty(calls)) {
        struct call *call = list_entry(calls->next, struct call, node);

        if (call->op)
            call->op->in_flight = false; /* so that op_cancel has no effect any more */
        drop(call);
    }
}

void calls_forget(struct virt_host *host)
{
    forget_all(&host->sent);
    for (int lane = 0; lane < HOST_LANES; lane++)
        forget_all(&host->waiting[lane]);
}

/* A call that was not sent is dropped; of a sent one only the caller is dropped. */
static void cancel(struct op *op)
{
    struct call *call = op->handle;

    call->op = NULL;
    call->ret = NULL;
    if (!call->sent)
        drop(call);
}

void calls_add(struct virt_host *host, struct call *call, struct virt_result *ret, struct op *op)
{
    call->host = host;
    call->lane = virt_lane_of(call->call, &call->args);
    call->ret = ret;
    call->op = op;
    (void)op_begun(op, cancel, call);
    list_append(&host->waiting[call->lane], &call->node);
    host->waiting_count++;
    send_waiting(host);
}
