/* power_steps.c - the steps of the power flow, for all goals. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/address.h"
#include "core/desktop_class.h"
#include "core/index.h"
#include "flow/decide.h"
#include "flow/host_health.h"
#include "flow/power_work.h"
#include "flow/recompose.h"

static flow_begin_fn admit, create, start, readdress, address, probe, fingerprint, scramble,
    sign_off, serve, stop, stopped, refresh, record, delete_machine, forget, await_host, inspect;
static flow_finish_fn outcome, readdressed, found, probed, known, scrambled, signed_off, recorded,
    forgotten, inspected;

enum {
    ADMIT,
    CREATE,
    START,
    READDRESS,
    ADDRESS,
    PROBE,
    FINGERPRINT,
    SCRAMBLE,
    SIGN_OFF,
    SERVE,
    STOP,
    STOPPED,
    REFRESH,
    RECORD,
    DELETE,
    FORGET,
    AWAIT_HOST,
    INSPECT,
    STEPS
};

#define RETRY_ADDRESS_MS 500
#define RETRY_PROBE_MS 250
#define RETRY_INSPECT_MS 1000
#define RETRY_HOST_MS 1000
#define RETRY_SCRAMBLE_MS 500 /* the guest agent may start after the RDP server */
#define RETRY_WRITE_MS 1000
#define LIMIT_QUERY_MS 12000 /* for queries: a little more than the call's own deadline */
/* Queries to the host have a deadline that begins when they are sent. Before that they may wait
 * behind those of a thousand other machines, as after a restart, which is not this machine's fault.
 */
#define LIMIT_QUERIED FLOW_QUEUED

/* clang-format off */
static const struct flow_step steps[STEPS] = {
    /*                name           begin           finish       undo  limit/ms          true after it */
    [ADMIT]       = { "admit",       admit,          NULL,        NULL, FLOW_QUEUED },    /* its host is up and has room to start it */
    [CREATE]      = { "create",      create,         outcome,     NULL, FLOW_DURABLE },   /* disk and domain exist */
    [START]       = { "start",       start,          outcome,     NULL, FLOW_DURABLE },   /* it runs */
    [READDRESS]   = { "readdress",   readdress,      readdressed, NULL, FLOW_DURABLE },   /* its host's new address is in its row */
    [ADDRESS]     = { "address",     address,        found,       NULL, LIMIT_QUERIED },  /* its address is known */
    [PROBE]       = { "probe",       probe,          probed,      NULL, LIMIT_QUERY_MS }, /* its RDP server answered */
    [FINGERPRINT] = { "fingerprint", fingerprint,    known,       NULL, LIMIT_QUERIED },  /* its certificate is known; the guest was asked, if it can be */
    [SCRAMBLE]    = { "scramble",    scramble,       scrambled,   NULL, LIMIT_QUERIED },  /* earlier users cannot log in any more */
    [SIGN_OFF]    = { "sign-off",    sign_off,       signed_off,  NULL, LIMIT_QUERIED },  /* no earlier session runs in it */
    [SERVE]       = { "serve",       serve,          NULL,        NULL, 0 },              /* it may be handed out */
    [STOP]        = { "stop",        stop,           outcome,     NULL, FLOW_DURABLE },   /* the host was told to stop it */
    [STOPPED]     = { "stopped",     stopped,        NULL,        NULL, 0 },              /* it does not run */
    [REFRESH]     = { "refresh",     refresh,        outcome,     NULL, FLOW_DURABLE },   /* its disk is new */
    [RECORD]      = { "record",      record,         recorded,    NULL, FLOW_DURABLE },   /* that is durable */
    [DELETE]      = { "delete",      delete_machine, outcome,     NULL, FLOW_DURABLE },   /* machine and disk are gone */
    [FORGET]      = { "forget",      forget,         forgotten,   NULL, FLOW_DURABLE },   /* its row is gone */
    [AWAIT_HOST]  = { "await-host",  await_host,     NULL,        NULL, FLOW_QUEUED },    /* the host can be asked again */
    [INSPECT]     = { "inspect",     inspect,        inspected,   NULL, LIMIT_QUERIED },  /* it has said how this machine is */
};
/* clang-format on */

const struct flow_kind power_kind = {
    .name = "power", .steps = steps, .count = STEPS, .ended = power_ended
};

static struct host *host_of(const struct power_work *work)
{
    return host_find(work->context->core, work->desktop->row.host_id);
}

static struct pool *pool_of(const struct power_work *work)
{
    return pool_find(work->context->core, work->desktop->row.pool_id);
}

/* ---- calls to the host ---- */

/* The version for a new disk is chosen when the host is told to create it; an existing disk keeps
 * its version. */
static uint64_t version_for_refresh(const struct power_work *work)
{
    const struct pool *pool = pool_of(work);

    return pool ? recompose_version_for(work->context->core, pool, work->desktop)
                : work->desktop->row.image_version_id;
}

static const struct image_version *version_of(const struct power_work *work)
{
    return image_version_find(work->context->core, work->version_id
                                                       ? work->version_id
                                                       : work->desktop->row.image_version_id);
}

static const struct session *session_of(const struct power_work *work)
{
    struct core *core = work->context->core;
    const struct assignment *assignment = assignment_on(core, work->desktop->row.id, 0);

    return assignment ? session_on(core, assignment->row.id) : NULL;
}

/* Does the memory of the guest belong to the user who sees the desktop next? Either the desktop is
 * dedicated to them, or their session is on it; a session that was never shown has nothing in
 * memory.
 */
static bool memory_is_its_users(const struct power_work *work)
{
    const struct pool *pool = pool_of(work);
    const struct session *session = session_of(work);

    if (pool && pool->row.kind == pool_kind_DEDICATED &&
        assignment_on(work->context->core, work->desktop->row.id, 0))
        return true;
    if (!session || session->row.state == session_ENDING)
        return false;
    return session->row.state != session_PREPARING ||
           session->row.changed_ms != session->row.started_ms;
}

#define COPY(to, from) (void)snprintf((to), sizeof(to), "%s", (from))

static void fill(const struct power_work *work, struct virt_args *args)
{
    const struct row_desktop *desktop = &work->desktop->row;
    const struct pool *pool = pool_of(work);
    const struct host *host = host_of(work);
    const struct image_version *version = version_of(work);

    *args =
        (struct virt_args){ .desktop_id = desktop->id, .keep_saved = memory_is_its_users(work) };
    COPY(args->uuid, desktop->uuid);
    COPY(args->name, desktop->name);
    COPY(args->volume, desktop->volume);
    if (host)
        COPY(args->storage, host->row.storage);
    if (version) {
        COPY(args->image, version->row.path);
        COPY(args->kernel, version->row.kernel);
        COPY(args->initrd, version->row.initrd);
    }
    if (!pool)
        return;
    COPY(args->pool, pool->row.name);
    COPY(args->template, pool->row.template);
    args->memory_mib = pool->row.memory_mib;
    args->vcpus = pool->row.vcpus;
    args->guest_port = pool->row.port;
    args->address = pool->row.address;
    if (pool->row.address == pool_address_FORWARDED) {
        args->forward_port = desktop->port;
        COPY(args->forward_address, desktop->address);
    }
}

/* Send a call for this machine. */
static int ask(struct flow *flow, enum virt_call call, bool force)
{
    struct power_work *work = power_work_of(flow);
    struct virt_args args;
    int begun;

    fill(work, &args);
    args.force = force;
    work->result = (struct virt_result){ 0 };
    begun = virt_begin(work->context->virt, work->desktop->row.host_id, call, &args, &work->result,
                       &flow->op);
    if (begun >= 0 && machine_is_awaited(work->desktop))
        virt_prioritise(work->context->virt, work->desktop->row.host_id, work->desktop->row.uuid);
    return flow_await(flow, begun);
}

static int call_host(struct flow *flow, enum virt_call call, int then, bool force)
{
    power_work_of(flow)->then = then;
    return ask(flow, call, force);
}

/* The host did not answer, or did not carry it out: it is asked about the machine before anything
 * else.
 */
static int await_host_later(struct flow *flow)
{
    return flow_await_then(flow, delay_begin(&power_work_of(flow)->delay, RETRY_HOST_MS, &flow->op),
                           AWAIT_HOST);
}

static int outcome(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    struct host *host = host_of(work);

    if (host)
        host_note_outcome(host, flow->op.result);
    /* The start limit counts from now: before, the call may have waited in a queue. */
    if (flow->op.result >= 0 && work->then == ADDRESS)
        work->up_since_ms = work->context->timers->mono_ms;
    if (flow->op.result >= 0)
        return work->then;
    if (!failure_is_hosts(flow->op.result) || ++work->unknown > POWER_UNKNOWN_MAX)
        return flow_fail_with(flow, &flow->op.error);
    return await_host_later(flow);
}

static bool host_is_away(const struct power_work *work)
{
    const struct host *host = host_of(work);

    return host && (host->state == host_DOWN || host->state == host_OPENING);
}

/* The earlier reason of its state is out of date. */
static void set_reason_host_away(struct power_work *work)
{
    char why[sizeof(work->desktop->reason)];

    if (work->desktop->state != desktop_STARTING)
        return;
    berth_text(why, sizeof(why), "host '%s' does not answer", host_of(work)->row.name);
    desktop_set_reason(work->desktop, why);
}

static int await_host(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    struct host *host = host_of(work);

    if (!host)
        return flow_fail(flow, BERTH_E_HOST_DOWN, "the host of desktop '%s' is gone",
                         work->desktop->row.name);
    if (host_is_away(work)) {
        set_reason_host_away(work);
        return flow_await_then(flow, waitq_wait(&host->waiting, &work->wait, &flow->op),
                               AWAIT_HOST);
    }
    return INSPECT;
}

static int inspect(struct flow *flow)
{
    return ask(flow, VIRT_inspect, false);
}

/* Its host was away, and the machine, which this flow has not started, does not run any more. */
static int found_off(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    const struct host *host = host_of(work);

    return flow_fail(flow, BERTH_E_HOST_DOWN, "host '%s' was away, and desktop '%s' is off now",
                     host ? host->row.name : "?", work->desktop->row.name);
}

/* The description of a machine goes and comes while its disk is made anew, and the host was lost
 * between the two. That is not the machine's fault: it is looked at as one that its host lost.
 */
static int nothing_to_refresh(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    const struct host *host = host_of(work);

    return flow_fail(flow, BERTH_E_UNKNOWN_OUTCOME,
                     "the disk of desktop '%s' was being made anew, and host '%s' does not know "
                     "its machine any more",
                     work->desktop->row.name, host ? host->row.name : "?");
}

static int still_to_come_up(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    bool verified = work->verifying && !work->host_was_away;

    work->verifying = false;
    work->host_was_away = false;
    if (!verified)
        work->up_since_ms = work->context->timers->mono_ms;
    if (work->result.running)
        return ADDRESS; /* the event was about an earlier run */
    if (verified)
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "desktop '%s': its machine stopped while starting (%s)",
                         work->desktop->row.name, work->stopped_why);
    if (!work->desktop->start_slot_held)
        return found_off(flow);
    return work->result.known ? START : CREATE;
}

static int inspected(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);

    if (flow->op.result < 0) {
        work->host_was_away = true;
        return flow_await_then(flow, delay_begin(&work->delay, RETRY_INSPECT_MS, &flow->op),
                               AWAIT_HOST);
    }
    work->desktop->defined = work->result.known;
    switch (work->goal) {
    case MACHINE_UP:
    case MACHINE_RESTART:
        if (work->then == STOPPED)
            return work->result.running ? STOP : STOPPED;
        return still_to_come_up(flow);
    case MACHINE_OFF:
        return work->result.running ? STOP : STOPPED;
    case MACHINE_REFRESH:
        if (!work->result.known)
            return nothing_to_refresh(flow);
        return REFRESH; /* whether the disk is new cannot be seen; creating it again does no harm */
    case MACHINE_GONE:
        return DELETE; /* the domain may be gone while the disk is still there */
    }
    return FLOW_DONE;
}

/* ---- first steps ---- */

static int first_step(const struct power_work *work)
{
    const struct desktop *desktop = work->desktop;

    switch (work->goal) {
    case MACHINE_UP:
        if (!desktop->row.host_id)
            return PROBE;
        if (desktop->state == desktop_STARTING && desktop->defined)
            return ADDRESS; /* it runs already: adopted, or started outside of Berth */
        return desktop->defined ? START : CREATE;
    case MACHINE_RESTART:
    case MACHINE_OFF:
        return STOP;
    case MACHINE_REFRESH:
        return REFRESH;
    case MACHINE_GONE:
        return desktop->row.host_id ? DELETE : FORGET;
    }
    return STOP;
}

/* An earlier broker may have called for the same start just before it was killed, and the host may
 * still work on it: two starts of one machine must never be in flight (I15). So wait, then ask the
 * host for the state of the machine.
 */
static int await_predecessor(struct flow *flow, const struct host *host)
{
    struct power_work *work = power_work_of(flow);
    int64_t left_ms = host->settled_ms - work->context->timers->mono_ms;
    bool preexisting = work->desktop->preexisting;

    work->desktop->preexisting = false;
    if (!preexisting || left_ms <= 0 || first_step(work) == ADDRESS)
        return first_step(work);
    return flow_await_then(flow, delay_begin(&work->delay, left_ms, &flow->op), INSPECT);
}

bool power_waits_to_begin(const struct power_work *work)
{
    return work->flow.at == ADMIT && !work->desktop->start_slot_held;
}

/* Fail rather than wait until the host is active again: that may take days, and nothing else could
 * be done to the machine meanwhile. */
static int in_maintenance(struct flow *flow, const struct host *host)
{
    power_work_of(flow)->untouched = true;
    return flow_fail(flow, BERTH_E_STATE,
                     "host '%s' is in maintenance: desktop '%s' can be started when the host is "
                     "active again",
                     host->row.name, power_work_of(flow)->desktop->row.name);
}

static int admit(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    struct desktop *desktop = work->desktop;
    struct host *host = host_of(work);
    bool starts = work->goal == MACHINE_UP || work->goal == MACHINE_RESTART;

    work->up_since_ms = work->context->timers->mono_ms;
    if (!desktop->row.host_id) {
        if (starts && desktop->state != desktop_STARTING)
            desktop_set_state(desktop, desktop_STARTING, "it is being probed");
        return first_step(work);
    }
    if (!host || host->state == host_DOWN)
        return flow_fail(flow, BERTH_E_HOST_DOWN, "host '%s' does not answer",
                         host ? host->row.name : "?");
    if (host->state == host_OPENING)
        return flow_await_then(flow, waitq_wait(&host->waiting, &work->wait, &flow->op), ADMIT);
    if (starts && desktop->state == desktop_LOST && !desktop->defined)
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "host '%s' does not know the machine of desktop '%s' any more",
                         host->row.name, desktop->row.name);
    if (starts && first_step(work) != ADDRESS && !desktop->start_slot_held) {
        if (host->row.mode == host_mode_MAINTENANCE)
            return in_maintenance(flow, host);
        if (!host_may_start(host))
            return flow_await_then(flow, waitq_wait(&host->waiting, &work->wait, &flow->op), ADMIT);
        desktop->start_slot_held = true;
        host->starting++;
    }
    return starts ? await_predecessor(flow, host) : first_step(work);
}

/* ---- up ---- */

static int create(struct flow *flow)
{
    return call_host(flow, VIRT_create, START, false);
}

/* The host got another address since the desktop was planned: its port is forwarded at the new
 * one. */
static bool has_old_address(const struct power_work *work)
{
    const struct row_desktop *row = &work->desktop->row;
    const struct pool *pool = pool_of(work);
    const struct host *host = host_of(work);

    return host && pool && pool->row.address == pool_address_FORWARDED && row->port > 0 &&
           strcmp(row->address, address_of_host(host)) != 0;
}

static int start(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);

    work->desktop->defined = true;
    if (has_old_address(work))
        return READDRESS;
    work->stopped = false;
    if (work->desktop->state != desktop_STARTING)
        desktop_set_state(work->desktop, desktop_STARTING, "its machine is being started");
    work->up_since_ms = work->context->timers->mono_ms;
    return call_host(flow, VIRT_start, ADDRESS, false);
}

static int64_t start_limit_ms(const struct power_work *work)
{
    const struct pool *pool = pool_of(work);

    return (pool && pool->row.start_limit_s > 0 ? pool->row.start_limit_s : 120) * 1000;
}

/* The reported stop may be of an earlier run: ask whether it runs now. */
static int verify_running(struct power_work *work)
{
    work->stopped = false;
    work->verifying = true;
    return INSPECT;
}

/* The start limit is long: say in the desktop's reason what is missing. */
static void set_reason_unanswered(struct power_work *work, int64_t left_ms)
{
    char why[sizeof(work->desktop->reason)];

    if (work->desktop->state != desktop_STARTING)
        return;
    if (host_is_away(work)) {
        set_reason_host_away(work);
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
    struct power_work *work = power_work_of(flow);
    int64_t spent_ms = work->context->timers->mono_ms - work->up_since_ms;
    bool over = spent_ms >= start_limit_ms(work);

    if (work->stopped)
        return verify_running(work);
    if (host_is_away(work))
        work->host_was_away = true;
    else if (work->host_was_away)
        return AWAIT_HOST;
    if (over && work->host_was_away)
        return AWAIT_HOST;
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
    struct power_work *work = power_work_of(flow);

    if (!failure_is_hosts(flow->op.result) ||
        (flow->op.result != BERTH_E_HOST_DOWN && ++work->unknown > POWER_UNKNOWN_MAX))
        return again(flow, delay_ms, next);
    work->host_was_away = true;
    return await_host_later(flow);
}

static int address(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    struct desktop *desktop = work->desktop;

    desktop->defined = true;
    if (desktop->state != desktop_STARTING)
        desktop_set_state(desktop, desktop_STARTING, "its machine runs");
    if (desktop->row.port > 0) /* forwarded or fixed: the address is in the row */
        return PROBE;
    return ask(flow, VIRT_address, false);
}

static int found(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    struct desktop *desktop = work->desktop;
    const struct pool *pool = pool_of(work);

    if (flow->op.result < 0)
        return ask_again(flow, RETRY_ADDRESS_MS, ADDRESS);
    COPY(desktop->address, work->result.address);
    desktop->port = (int)work->result.port;
    if (desktop->port == 0)
        desktop->port = pool && pool->row.port > 0 ? (int)pool->row.port : 3389;
    return PROBE;
}

static int probe(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    const struct probe_target target = { .address = work->desktop->address,
                                         .port = work->desktop->port };
    int begun = probe_begin(work->context->probe, &target, &work->probe, &flow->op);

    return flow_await(flow, begun);
}

static int probed(struct flow *flow)
{
    if (flow->op.result == BERTH_E_BUSY)
        power_work_of(flow)->up_since_ms += RETRY_PROBE_MS; /* it was not probed at all */
    if (flow->op.result < 0)
        return again(flow, RETRY_PROBE_MS, PROBE);
    return FINGERPRINT;
}

/* The certificate that the guest reports has precedence over the one on the network, if the guest
 * can be asked. */
static int fingerprint(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    const struct host *host = host_of(work);

    if (!host || !(host->capabilities & VIRT_CAN_AGENT) || host->state != host_UP) {
        flow->op.result = BERTH_E_UNSUPPORTED;
        return known(flow);
    }
    return ask(flow, VIRT_fingerprint, false);
}

static void note_ready(struct power_work *work)
{
    struct pool *pool = pool_of(work);
    int64_t took_ms = work->context->timers->mono_ms - work->flow.started_ms;

    if (!pool)
        return;
    recompose_proved(work->context->core, pool, work->desktop);
    if (pool->ready_ms_estimate == 0)
        pool->ready_ms_estimate = took_ms;
    else
        pool->ready_ms_estimate = (pool->ready_ms_estimate * 3 + took_ms) / 4;
}

/* Is its disk refreshed before the next user gets it? What the guest has is lost with that. */
static bool will_be_refreshed(const struct desktop *desktop)
{
    return desktop_is_free(desktop) && desktop_must_refresh(desktop);
}

/* Does the guest have an account that a user was signed on with since its disk was made? */
static bool has_used_account(const struct power_work *work)
{
    const struct desktop *desktop = work->desktop;
    const struct pool *pool = pool_of(work);

    return desktop->row.dirty && desktop->row.host_id && !will_be_refreshed(desktop) && pool &&
           pool->row.credential == pool_credential_PER_SESSION;
}

/* Does it still have the password of a session that has ended? A machine that stopped under a
 * session could not be given another one.
 */
static bool has_old_password(const struct power_work *work)
{
    return has_used_account(work) && !session_of(work);
}

/* May a session that has ended still run in it? An administrator of the host can start a machine
 * from saved memory. Not when the next user is the same one. A session that is ENDING is left to
 * its release, which retries by itself and then stops the machine.
 */
static bool has_old_session(const struct power_work *work)
{
    const struct session *session = session_of(work);

    if (!has_used_account(work) || memory_is_its_users(work))
        return false;
    if (session && session->row.state == session_ENDING)
        return false;
    /* A new session that waits for nothing any more is being shown at this moment. */
    return !session || machine_is_awaited(work->desktop);
}

static int known(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
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
        return SCRAMBLE;
    return has_old_session(work) ? SIGN_OFF : SERVE;
}

/* A call to the guest about the account that users are signed on with. */
static int ask_account(struct flow *flow, enum virt_call call, bool new_password)
{
    struct power_work *work = power_work_of(flow);
    struct virt_args args;
    int begun;

    fill(work, &args);
    COPY(args.account, pool_of(work)->row.account);
    if (new_password)
        secret_random(work->context->random, &args.secret);
    work->result = (struct virt_result){ 0 };
    begun = virt_begin(work->context->virt, work->desktop->row.host_id, call, &args, &work->result,
                       &flow->op);
    secret_wipe(&args.secret);
    return flow_await(flow, begun);
}

static int scramble(struct flow *flow)
{
    return ask_account(flow, VIRT_password, true);
}

static int scrambled(struct flow *flow)
{
    /* Without a guest agent no password was ever set. */
    if (flow->op.result < 0 && flow->op.result != BERTH_E_UNSUPPORTED)
        return ask_again(flow, RETRY_SCRAMBLE_MS, SCRAMBLE);
    return has_old_session(power_work_of(flow)) ? SIGN_OFF : SERVE;
}

static int sign_off(struct flow *flow)
{
    return ask_account(flow, VIRT_sign_off, false);
}

static int signed_off(struct flow *flow)
{
    if (flow->op.result < 0 && flow->op.result != BERTH_E_UNSUPPORTED)
        return ask_again(flow, RETRY_SCRAMBLE_MS, SIGN_OFF);
    return SERVE;
}

static int serve(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    struct desktop *desktop = work->desktop;

    if (work->stopped)
        return verify_running(work);
    COPY(desktop->fingerprint, work->probe.fingerprint);
    desktop->probed_ms = work->context->timers->mono_ms;
    /* A desktop in quarantine stays there, also when it was put there while it started. */
    if (desktop->row.quarantined)
        desktop_set_state(desktop, desktop_QUARANTINED, desktop->row.reason);
    else
        desktop_set_state(desktop, desktop_READY, "its RDP server answered");
    note_ready(work);
    return FLOW_DONE;
}

/* ---- stop, refresh, delete ---- */

static int stop(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    struct desktop *desktop = work->desktop;

    desktop->probed_ms = 0;
    if (desktop->state != desktop_STOPPING)
        desktop_set_state(desktop, desktop_STOPPING, "its machine is being stopped");
    return call_host(flow, VIRT_stop, STOPPED, true);
}

static int stopped(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);

    desktop_set_state(work->desktop, desktop_OFF, "its machine was stopped");
    return work->goal == MACHINE_RESTART ? START : FLOW_DONE;
}

static int refresh(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);

    work->desktop->probed_ms = 0;
    if (work->desktop->state != desktop_STOPPING)
        desktop_set_state(work->desktop, desktop_STOPPING, "its disk is being refreshed");
    work->version_id = version_for_refresh(work);
    return call_host(flow, VIRT_refresh, RECORD, true);
}

static int readdress(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    const struct host *host = host_of(work);
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
    COPY(row.address, address_of_host(host));
    changes_set(changes, ENTITY_desktop, &row);
    return flow_await(flow, decide_begin(work->context, changes, NULL, &flow->op));
}

/* Only now, when the host has confirmed it, may another user get it. */
static int record(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    const struct image_version *version = version_of(work);
    struct row_desktop row = work->desktop->row;
    struct changes *changes;

    work->desktop->defined = true;
    if (work->version_id && !version)
        return REFRESH; /* the version was deleted meanwhile */
    row.dirty = false;
    row.refresh_due = false;
    if (version)
        row.image_version_id = version->row.id;
    changes = changes_new("broker", "broker", "desktop.refresh");
    changes_object(changes, "desktop %s", row.name);
    changes_set(changes, ENTITY_desktop, &row);
    return flow_await(flow, decide_begin(work->context, changes, NULL, &flow->op));
}

/* Another decision changed the row meanwhile, or the disk is full: what the host has done must
 * still be recorded. */
static int retry_write(struct flow *flow, int next)
{
    struct power_work *work = power_work_of(flow);

    switch (flow->op.result) {
    case BERTH_E_CONFLICT:
    case BERTH_E_BUSY:
        return next;
    case BERTH_E_NO_SPACE:
        return flow_await_then(flow, delay_begin(&work->delay, RETRY_WRITE_MS, &flow->op), next);
    default:
        return flow_fail_with(flow, &flow->op.error);
    }
}

static int readdressed(struct flow *flow)
{
    return flow->op.result < 0 ? retry_write(flow, START) : START;
}

static int recorded(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);

    if (flow->op.result < 0)
        return retry_write(flow, RECORD);
    desktop_set_state(work->desktop, desktop_OFF, "its disk was refreshed");
    return FLOW_DONE;
}

static int delete_machine(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);

    if (work->desktop->state != desktop_STOPPING)
        desktop_set_state(work->desktop, desktop_STOPPING, "it is being deleted");
    return call_host(flow, VIRT_delete, FORGET, true);
}

static int forget(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);
    struct desktop *desktop = work->desktop;
    struct core *core = work->context->core;
    struct changes *changes;

    desktop->defined = false;
    changes = changes_new("broker", "broker", "desktop.delete");
    changes_object(changes, "desktop %s", desktop->row.name);
    list_each (index_list(core, SLOTS_OF_DESKTOP, desktop->row.id), node)
        changes_drop(changes, ENTITY_slot, entity_row_of(index_entry(SLOTS_OF_DESKTOP, node)));
    changes_drop(changes, ENTITY_desktop, &desktop->row);
    return flow_await(flow, decide_begin(work->context, changes, NULL, &flow->op));
}

static int forgotten(struct flow *flow)
{
    struct power_work *work = power_work_of(flow);

    if (flow->op.result < 0)
        return retry_write(flow, FORGET);
    if (work->desktop->state == desktop_STOPPING)
        desktop_set_state(work->desktop, desktop_GONE, "it was deleted");
    return FLOW_DONE;
}
