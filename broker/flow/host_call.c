/* host_call.c - call; if the outcome is unknown, await the host and ask it about the machine. */
#include "flow/host_call.h"

#include <stdio.h>

#include "flow/host_health.h"
#include "flow/machine_requests.h"

static void await_host(struct host_call *call);

static struct host *host_of(const struct host_call *call)
{
    return host_find(call->context->core, call->desktop->row.host_id);
}

/* The earlier reason of its state is out of date. */
void host_away_reason(struct desktop *desktop, const struct host *host)
{
    char why[sizeof(desktop->reason)];

    if (desktop->state != desktop_STARTING)
        return;
    berth_text(why, sizeof(why), "host '%s' does not answer", host->row.name);
    desktop_set_reason(desktop, why);
}

static void host_call_done(struct host_call *call, int result)
{
    op_complete(berth_take(call->caller), result, &call->op.error);
}

/* Send a call; `done` judges its result. */
static int send(struct host_call *call, enum virt_call what, const struct virt_args *args,
                op_done_fn *done)
{
    const struct row_desktop *row = &call->desktop->row;
    int begun;

    call->result = (struct virt_result){ 0 };
    op_init(&call->op, call->context->timers, done);
    begun = virt_begin(call->context->virt, row->host_id, what, args, &call->result, &call->op);
    if (begun >= 0 && machine_is_awaited(call->desktop))
        virt_prioritise(call->context->virt, row->host_id, row->uuid);
    return begun;
}

/* ---- the machine is inspected ---- */

static void host_may_be_back(struct op *op, berth_unused int result)
{
    await_host(container_of(op, struct host_call, op));
}

static void await_host_later(struct host_call *call)
{
    op_init(&call->op, call->context->timers, host_may_be_back);
    (void)!delay_begin(&call->delay, HOST_CALL_RETRY_MS, &call->op);
}

static void inspected(struct op *op, int result)
{
    struct host_call *call = container_of(op, struct host_call, op);

    if (result < 0) {
        call->host_was_away = true;
        await_host_later(call);
        return;
    }
    call->desktop->defined = call->result.known;
    call->inspected = true;
    host_call_done(call, 0);
}

static void inspect(struct host_call *call)
{
    struct virt_args args = { 0 };
    int begun;

    copy_text(args.uuid, call->desktop->row.uuid);
    begun = send(call, VIRT_inspect, &args, inspected);
    if (begun < 0)
        inspected(&call->op, begun);
}

static int host_gone(const struct host_call *call, struct berth_error *reterr)
{
    return berth_fail(reterr, BERTH_E_HOST_DOWN, "the host of desktop '%s' is gone",
                      call->desktop->row.name);
}

static void await_host(struct host_call *call)
{
    struct host *host = host_of(call);

    if (!host) {
        host_call_done(call, host_gone(call, &call->op.error));
    } else if (host_is_away(host)) {
        host_away_reason(call->desktop, host);
        op_init(&call->op, call->context->timers, host_may_be_back);
        (void)!waitq_wait(&host->waiting, &call->wait, &call->op);
    } else {
        inspect(call);
    }
}

/* ---- beginnings ---- */

static void host_call_cancelled(struct op *op)
{
    struct host_call *call = op->handle;

    op_cancel(&call->op);
}

static int host_call_begun(struct host_call *call, struct op *op)
{
    call->caller = op;
    call->inspected = false;
    return op_begun(op, host_call_cancelled, call);
}

void host_call_init(struct host_call *call, struct context *context, struct desktop *desktop)
{
    *call = (struct host_call){ .context = context, .desktop = desktop };
    list_init(&call->wait.node);
}

/* Is the outcome unknown, so that the machine must be inspected? */
static bool is_unknown(struct host_call *call, int result)
{
    struct host *host = host_of(call);

    if (host)
        host_note_outcome(host, result);
    return failure_is_hosts(result) && ++call->failures <= HOST_CALL_FAILURES_MAX;
}

static void answered(struct op *op, int result)
{
    struct host_call *call = container_of(op, struct host_call, op);

    if (is_unknown(call, result))
        await_host_later(call);
    else
        host_call_done(call, result);
}

int host_call_begin(struct host_call *call, enum virt_call what, const struct virt_args *args,
                    struct op *op)
{
    int begun = send(call, what, args, answered);

    if (begun < 0 && !is_unknown(call, begun)) {
        op->error = call->op.error;
        return begun;
    }
    if (begun < 0)
        await_host_later(call);
    return host_call_begun(call, op);
}

int host_inspect_begin(struct host_call *call, struct op *op)
{
    (void)host_call_begun(call, op);
    inspect(call);
    return 0;
}

int host_await_begin(struct host_call *call, struct op *op)
{
    if (!host_of(call))
        return host_gone(call, &op->error);
    (void)host_call_begun(call, op);
    await_host(call);
    return 0;
}

/* ---- whose fault ---- */

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
