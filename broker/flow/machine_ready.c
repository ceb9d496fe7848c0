/* machine_ready.c - a machine that runs: it answers, its certificate is known, and nobody else is in
 * it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/desktop_class.h"
#include "flow/machine_requests.h"
#include "flow/machine_start.h"
#include "flow/recompose.h"

#define RETRY_ADDRESS_MS 500
#define RETRY_PROBE_MS 250
#define RETRY_SCRAMBLE_MS 500 /* the guest agent may start after the RDP server */

static int64_t start_limit_ms(const struct machine_work *work)
{
    const struct pool *pool = machine_pool(work);

    return (pool && pool->row.start_limit_s > 0 ? pool->row.start_limit_s : 120) * 1000;
}

/* The reported stop may be of an earlier run: ask whether it runs now. */
static int verify_running(struct machine_work *work)
{
    work->stopped = false;
    work->verifying = true;
    return UP_INSPECT;
}

/* The start limit is long: say in the desktop's reason what is missing. */
static void set_reason_unanswered(struct machine_work *work, int64_t left_ms)
{
    char why[sizeof(work->desktop->reason)];

    if (work->desktop->state != desktop_STARTING)
        return;
    if (host_is_away(machine_host(work))) {
        host_away_reason(work->desktop, machine_host(work));
        return;
    }
    berth_text(why, sizeof(why),
               "its machine runs, but does not answer yet (given up in %" PRId64 " s): %s",
               left_ms / 1000, berth_error_text(&work->flow.op.error));
    desktop_set_reason(work->desktop, why);
}

/* Try again, or fail when the start limit is over. While the host is away the machine may be, too;
 * its limit begins again when the host has said that it runs.
 */
static int again(struct flow *flow, int64_t delay_ms, int next)
{
    struct machine_work *work = machine_work_of(flow);
    int64_t spent_ms = work->context->timers->mono_ms - work->up_since_ms;
    bool over = spent_ms >= start_limit_ms(work);

    if (work->stopped)
        return verify_running(work);
    if (host_is_away(machine_host(work)))
        work->call.host_was_away = true;
    else if (work->call.host_was_away)
        return UP_AWAIT_HOST;
    if (over && work->call.host_was_away)
        return UP_AWAIT_HOST;
    if (over)
        return flow_fail(flow, BERTH_E_TIMEOUT, "desktop '%s' did not answer in %" PRId64 " s: %s",
                         work->desktop->row.name, spent_ms / 1000,
                         berth_error_text(&flow->op.error));
    set_reason_unanswered(work, start_limit_ms(work) - spent_ms);
    return flow_await_then(flow, delay_begin(&work->delay, delay_ms, &flow->op), next);
}

/* A query to the host failed. When the host answers for the machine but not for its guest, the
 * guest hangs, and the start limit counts.
 */
static int ask_again(struct flow *flow, int64_t delay_ms, int next)
{
    struct machine_work *work = machine_work_of(flow);

    if (!failure_is_hosts(flow->op.result) ||
        (flow->op.result != BERTH_E_HOST_DOWN && ++work->call.failures > HOST_CALL_FAILURES_MAX))
        return again(flow, delay_ms, next);
    work->call.host_was_away = true;
    return flow_await_then(flow, delay_begin(&work->delay, HOST_CALL_RETRY_MS, &flow->op),
                           UP_AWAIT_HOST);
}

/* Send a query to the host. It may fail and be repeated. */
static int ask(struct flow *flow, enum virt_call call)
{
    struct machine_work *work = machine_work_of(flow);
    struct virt_args args;
    int begun;

    machine_args(work, &args);
    work->result = (struct virt_result){ 0 };
    begun = virt_begin(work->context->virt, work->desktop->row.host_id, call, &args, &work->result,
                       &flow->op);
    if (begun >= 0 && machine_is_awaited(work->desktop))
        virt_prioritise(work->context->virt, work->desktop->row.host_id, work->desktop->row.uuid);
    return flow_await(flow, begun);
}

int up_address(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    struct desktop *desktop = work->desktop;

    desktop->defined = true;
    if (desktop->state != desktop_STARTING)
        desktop_set_state(desktop, desktop_STARTING, "its machine runs");
    if (desktop->row.port > 0) /* forwarded or fixed: the address is in the row */
        return UP_PROBE;
    return ask(flow, VIRT_address);
}

int up_address_found(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    struct desktop *desktop = work->desktop;
    const struct pool *pool = machine_pool(work);

    if (flow->op.result < 0)
        return ask_again(flow, RETRY_ADDRESS_MS, UP_ADDRESS);
    copy_text(desktop->address, work->result.address);
    desktop->port = (int)work->result.port;
    if (desktop->port == 0)
        desktop->port = pool && pool->row.port > 0 ? (int)pool->row.port : 3389;
    return UP_PROBE;
}

int up_probe(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    const struct probe_target target = { .address = work->desktop->address,
                                         .port = work->desktop->port };
    int begun = probe_begin(work->context->probe, &target, &work->probe, &flow->op);

    return flow_await(flow, begun);
}

int up_probed(struct flow *flow)
{
    if (flow->op.result == BERTH_E_BUSY)
        machine_work_of(flow)->up_since_ms += RETRY_PROBE_MS; /* it was not probed at all */
    if (flow->op.result < 0)
        return again(flow, RETRY_PROBE_MS, UP_PROBE);
    return UP_FINGERPRINT;
}

/* The certificate that the guest reports has precedence over the one on the network, if the guest
 * can be asked. */
int up_fingerprint(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    const struct host *host = machine_host(work);

    if (!host || !(host->capabilities & VIRT_CAN_AGENT) || host->state != host_UP) {
        flow->op.result = BERTH_E_UNSUPPORTED;
        return up_fingerprint_read(flow);
    }
    return ask(flow, VIRT_fingerprint);
}

static void note_ready(struct machine_work *work)
{
    struct pool *pool = machine_pool(work);
    int64_t took_ms = work->context->timers->mono_ms - work->flow.started_ms;

    if (!pool)
        return;
    recompose_proved(work->context->core, pool, work->desktop);
    if (pool->ready_ms_estimate == 0)
        pool->ready_ms_estimate = took_ms;
    else
        pool->ready_ms_estimate = (pool->ready_ms_estimate * 3 + took_ms) / 4;
}

/* Is it free, and its disk refreshed before the next user gets it? What the guest has is lost with
 * that. */
static bool refreshed_for_next(const struct desktop *desktop)
{
    return desktop_is_free(desktop) && desktop_must_refresh(desktop);
}

/* Does the guest have an account that a user was signed on with since its disk was made? */
static bool has_used_account(const struct machine_work *work)
{
    const struct desktop *desktop = work->desktop;
    const struct pool *pool = machine_pool(work);

    return desktop->row.dirty && desktop->row.host_id && !refreshed_for_next(desktop) && pool &&
           pool->row.credential == pool_credential_PER_SESSION;
}

/* Does it still have the password of a session that has ended? A machine that stopped under a
 * session could not be given another one.
 */
static bool has_old_password(const struct machine_work *work)
{
    return has_used_account(work) && !machine_session(work);
}

/* May a session that has ended still run in it? An administrator of the host can start a machine
 * from saved memory. Not when the next user is the same one. A session that is ENDING is left to
 * its release, which retries by itself and then stops the machine.
 */
static bool has_old_session(const struct machine_work *work)
{
    const struct session *session = machine_session(work);

    if (!has_used_account(work) || machine_memory_is_its_users(work))
        return false;
    if (session && session->row.state == session_ENDING)
        return false;
    /* A new session that waits for nothing any more is being shown at this moment. */
    return !session || machine_is_awaited(work->desktop);
}

int up_fingerprint_read(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    struct desktop *desktop = work->desktop;
    const char *pinned = desktop->row.fingerprint;

    if (flow->op.result >= 0 && strcmp(work->result.text, work->probe.fingerprint) != 0)
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "desktop '%s' shows another certificate than its guest has",
                         desktop->row.name);
    if (pinned[0] && strcmp(pinned, work->probe.fingerprint) != 0)
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "desktop '%s' shows another certificate than the pinned one",
                         desktop->row.name);
    if (work->stopped)
        return verify_running(work);
    if (has_old_password(work))
        return UP_SCRAMBLE;
    return has_old_session(work) ? UP_SIGN_OFF : UP_SERVE;
}

/* A call to the guest about the account that users are signed on with. */
static int ask_account(struct flow *flow, enum virt_call call, bool new_password)
{
    struct machine_work *work = machine_work_of(flow);
    struct virt_args args;
    int begun;

    machine_args(work, &args);
    copy_text(args.account, machine_pool(work)->row.account);
    if (new_password)
        secret_random(work->context->random, &args.secret);
    work->result = (struct virt_result){ 0 };
    begun = virt_begin(work->context->virt, work->desktop->row.host_id, call, &args, &work->result,
                       &flow->op);
    secret_wipe(&args.secret);
    return flow_await(flow, begun);
}

int up_scramble(struct flow *flow)
{
    return ask_account(flow, VIRT_password, true);
}

int up_scrambled(struct flow *flow)
{
    /* Without a guest agent no password was ever set. */
    if (flow->op.result < 0 && flow->op.result != BERTH_E_UNSUPPORTED)
        return ask_again(flow, RETRY_SCRAMBLE_MS, UP_SCRAMBLE);
    return has_old_session(machine_work_of(flow)) ? UP_SIGN_OFF : UP_SERVE;
}

int up_sign_off(struct flow *flow)
{
    return ask_account(flow, VIRT_sign_off, false);
}

int up_signed_off(struct flow *flow)
{
    if (flow->op.result < 0 && flow->op.result != BERTH_E_UNSUPPORTED)
        return ask_again(flow, RETRY_SCRAMBLE_MS, UP_SIGN_OFF);
    return UP_SERVE;
}

int up_serve(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    struct desktop *desktop = work->desktop;

    if (work->stopped)
        return verify_running(work);
    copy_text(desktop->fingerprint, work->probe.fingerprint);
    desktop->probed_ms = work->context->timers->mono_ms;
    /* A desktop in quarantine stays there, also when it was put there while it started. */
    if (desktop->row.quarantined)
        desktop_set_state(desktop, desktop_QUARANTINED, desktop->row.reason);
    else
        desktop_set_state(desktop, desktop_READY, "its RDP server answered");
    note_ready(work);
    return FLOW_DONE;
}
