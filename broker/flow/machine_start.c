/* machine_start.c - a machine is brought up until users can be served; a restart stops it first. */
#include "flow/machine_start.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/address.h"
#include "core/desktop_class.h"
#include "flow/decide.h"

static flow_begin_fn admit, create, start, readdress, await_host, inspect;
static flow_finish_fn stopped, created, started, readdressed, inspected;

#define LIMIT_PROBE_MS 12000 /* a little more than the probe's own deadline */
/* Queries to the host have a deadline that begins when they are sent. Before that they may wait
 * behind those of a thousand other machines, as after a restart, which is not this machine's fault.
 */
#define LIMIT_QUERIED FLOW_QUEUED

/* clang-format off */
const struct flow_step machine_start_steps[UP_STEPS] = {
    /*                   name           begin               finish         undo  limit/ms          true after it */
    [UP_ADMIT]       = { "admit",       admit,              NULL,          NULL, FLOW_QUEUED },    /* its host is up and has room to start it */
    [UP_STOP]        = { "stop",        machine_stop_begin, stopped,       NULL, FLOW_DURABLE },   /* restart: it does not run */
    [UP_CREATE]      = { "create",      create,             created,       NULL, FLOW_DURABLE },   /* disk and domain exist */
    [UP_START]       = { "start",       start,              started,       NULL, FLOW_DURABLE },   /* it runs */
    [UP_READDRESS]   = { "readdress",   readdress,          readdressed,   NULL, FLOW_DURABLE },   /* its host's new address is in its row */
    [UP_ADDRESS]     = { "address",     up_address,         up_address_found, NULL, LIMIT_QUERIED },  /* its address is known */
    [UP_PROBE]       = { "probe",       up_probe,           up_probed,     NULL, LIMIT_PROBE_MS }, /* its RDP server answered */
    [UP_FINGERPRINT] = { "fingerprint", up_fingerprint,     up_fingerprint_read, NULL, LIMIT_QUERIED },  /* its certificate is known; the guest was asked, if it can be */
    [UP_SCRAMBLE]    = { "scramble",    up_scramble,        up_scrambled,  NULL, LIMIT_QUERIED },  /* earlier users cannot log in any more */
    [UP_SIGN_OFF]    = { "sign-off",    up_sign_off,        up_signed_off, NULL, LIMIT_QUERIED },  /* no earlier session runs in it */
    [UP_SERVE]       = { "serve",       up_serve,           NULL,          NULL, 0 },              /* it may be handed out */
    [UP_AWAIT_HOST]  = { "await-host",  await_host,         inspected,     NULL, FLOW_QUEUED },    /* its host can be asked again, and has said how it is */
    [UP_INSPECT]     = { "inspect",     inspect,            inspected,     NULL, LIMIT_QUERIED },  /* its host has said how it is */
};
/* clang-format on */

/* ---- how the machine is ---- */

static int await_host(struct flow *flow)
{
    return flow_await(flow, host_await_begin(&machine_work_of(flow)->call, &flow->op));
}

static int inspect(struct flow *flow)
{
    return flow_await(flow, host_inspect_begin(&machine_work_of(flow)->call, &flow->op));
}

/* Its host was away, and the machine, which this flow has not started, does not run any more. */
static int found_off(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    const struct host *host = machine_host(work);

    return flow_fail(flow, BERTH_E_HOST_DOWN, "host '%s' was away, and desktop '%s' is off now",
                     host ? host->row.name : "?", work->desktop->row.name);
}

static int still_to_come_up(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    bool verified = work->verifying && !work->call.host_was_away;

    work->verifying = false;
    work->call.host_was_away = false;
    if (!verified)
        work->up_since_ms = work->context->timers->mono_ms;
    if (work->call.result.running)
        return UP_ADDRESS; /* the event was about an earlier run */
    if (verified)
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "desktop '%s': its machine stopped while starting (%s)",
                         work->desktop->row.name, work->stopped_why);
    if (!work->desktop->start_slot_held)
        return found_off(flow);
    return work->call.result.known ? UP_START : UP_CREATE;
}

/* What the host has said decides what is still to be done. */
static int inspected(struct flow *flow)
{
    return flow->op.result < 0 ? flow_fail_with(flow, &flow->op.error) : still_to_come_up(flow);
}

/* A call was carried out, or failed for good, or the host said instead how the machine is. */
static int called(struct flow *flow, int next)
{
    if (flow->op.result < 0 || machine_work_of(flow)->call.inspected)
        return inspected(flow);
    return next;
}

/* ---- first steps ---- */

static int first_step(const struct machine_work *work)
{
    const struct desktop *desktop = work->desktop;

    if (work->goal == MACHINE_RESTART)
        return UP_STOP;
    if (desktop->state == desktop_STARTING && desktop->defined)
        return UP_ADDRESS; /* it runs already: adopted, or started outside of Berth */
    return desktop->defined ? UP_START : UP_CREATE;
}

/* An earlier broker may have called for the same start just before it was killed, and the host may
 * still work on it: two starts of one machine must never be in flight (I15). So wait, then ask the
 * host for the state of the machine.
 */
static int await_predecessor(struct flow *flow, const struct host *host)
{
    struct machine_work *work = machine_work_of(flow);
    int64_t left_ms = host->settled_ms - work->context->timers->mono_ms;
    bool preexisting = work->desktop->preexisting;

    work->desktop->preexisting = false;
    if (!preexisting || left_ms <= 0 || first_step(work) == UP_ADDRESS)
        return first_step(work);
    return flow_await_then(flow, delay_begin(&work->delay, left_ms, &flow->op), UP_INSPECT);
}

/* Fail rather than wait until the host is active again: that may take days, and nothing else could
 * be done to the machine meanwhile. */
static int in_maintenance(struct flow *flow, const struct host *host)
{
    machine_work_of(flow)->untouched = true;
    return flow_fail(flow, BERTH_E_STATE,
                     "host '%s' is in maintenance: desktop '%s' can be started when the host is "
                     "active again",
                     host->row.name, machine_work_of(flow)->desktop->row.name);
}

/* Take one of the starts that the host allows at a time. 0: taken. */
static int take_start_slot(struct flow *flow, struct host *host)
{
    struct machine_work *work = machine_work_of(flow);

    if (host->row.mode == host_mode_MAINTENANCE)
        return in_maintenance(flow, host);
    if (!host_may_start(host))
        return flow_await_then(flow, waitq_wait(&host->waiting, &work->wait, &flow->op), UP_ADMIT);
    work->desktop->start_slot_held = true;
    host->starting++;
    return 0;
}

static int admit(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    struct desktop *desktop = work->desktop;
    struct host *host = machine_host(work);
    int answer;

    work->up_since_ms = work->context->timers->mono_ms;
    if (!desktop->row.host_id) {
        if (desktop->state != desktop_STARTING)
            desktop_set_state(desktop, desktop_STARTING, "it is being probed");
        return UP_PROBE;
    }
    answer = machine_admit(flow, first_step(work));
    if (answer < 0)
        return answer;
    if (desktop->state == desktop_LOST && !desktop->defined)
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "host '%s' does not know the machine of desktop '%s' any more",
                         host->row.name, desktop->row.name);
    if (answer != UP_ADDRESS && !desktop->start_slot_held) {
        answer = take_start_slot(flow, host);
        if (answer < 0)
            return answer;
    }
    return await_predecessor(flow, host);
}

static int stopped(struct flow *flow)
{
    return machine_stop_finish(flow, UP_STOP, UP_START);
}

/* ---- it is made to run ---- */

static int create(struct flow *flow)
{
    return machine_call(flow, VIRT_create, false);
}

static int created(struct flow *flow)
{
    return called(flow, UP_START);
}

/* The host got another address since the desktop was planned: its port is forwarded at the new
 * one. */
static bool has_old_address(const struct machine_work *work)
{
    const struct row_desktop *row = &work->desktop->row;
    const struct pool *pool = machine_pool(work);
    const struct host *host = machine_host(work);

    return host && pool && pool->row.address == pool_address_FORWARDED && row->port > 0 &&
           strcmp(row->address, address_of_host(host)) != 0;
}

static int start(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);

    work->desktop->defined = true;
    if (has_old_address(work))
        return UP_READDRESS;
    work->stopped = false;
    if (work->desktop->state != desktop_STARTING)
        desktop_set_state(work->desktop, desktop_STARTING, "its machine is being started");
    work->up_since_ms = work->context->timers->mono_ms;
    return machine_call(flow, VIRT_start, false);
}

static int started(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);

    /* The start limit counts from now: before, the call may have waited in a queue. */
    if (flow->op.result >= 0 && !work->call.inspected)
        work->up_since_ms = work->context->timers->mono_ms;
    return called(flow, UP_ADDRESS);
}

static int readdress(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    const struct host *host = machine_host(work);
    struct row_desktop row = work->desktop->row;
    const struct desktop *other;
    struct changes *changes;

    if (!host)
        return flow_fail(flow, BERTH_E_HOST_DOWN, "the host of desktop '%s' is gone", row.name);
    other = address_taken(work->context->core, row.id, address_of_host(host), row.port);
    if (other)
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "desktop '%s': host '%s' has a new address, %s, and desktop '%s' is "
                         "reached at its port %" PRId64 " already",
                         row.name, host->row.name, address_of_host(host), other->row.name,
                         row.port);
    changes = changes_new("broker", "broker", "desktop.readdress");
    changes_object(changes, "desktop %s", row.name);
    changes_detail(changes, "from %s to %s, the address of host %s", row.address,
                   address_of_host(host), host->row.name);
    copy_text(row.address, address_of_host(host));
    changes_set(changes, ENTITY_desktop, &row);
    return flow_await(flow, decide_begin(work->context, changes, NULL, &flow->op));
}

static int readdressed(struct flow *flow)
{
    return flow->op.result < 0 ? machine_write_again(flow, UP_START) : UP_START;
}
