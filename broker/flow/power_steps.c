/* power_steps.c - the steps of work on a machine. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "berth/plant.h"

#include "core/address.h"
#include "core/placement.h"
#include "core/related.h"
#include "flow/connect.h"
#include "flow/decide.h"
#include "flow/power_work.h"
#include "flow/recompose.h"
#include "flow/reconcile.h"

static flow_step_fn admit, create, start, move, moved, address, found, probe, probed, fingerprint,
    known, scramble, scrambled, sign_off, signed_off, serve, stop, stopped, refresh, record,
    recorded, delete_machine, forget, forgotten, judge, settle, inspect, inspected;

enum {
    ADMIT,
    CREATE,
    START,
    MOVE,
    MOVED,
    ADDRESS,
    FOUND,
    PROBE,
    PROBED,
    FINGERPRINT,
    KNOWN,
    SCRAMBLE,
    SCRAMBLED,
    SIGN_OFF,
    SIGNED_OFF,
    SERVE,
    STOP,
    STOPPED,
    REFRESH,
    RECORD,
    RECORDED,
    DELETE,
    FORGET,
    FORGOTTEN,
    JUDGE,
    SETTLE,
    INSPECT,
    INSPECTED,
    STEPS
};

#define RETRY_ADDRESS_MS 500
#define RETRY_PROBE_MS 250
#define RETRY_INSPECT_MS 1000
#define RETRY_HOST_MS 1000
#define RETRY_SCRAMBLE_MS 500 /* the guest agent may come up after the RDP server */
#define RETRY_WRITE_MS 1000
#define LIMIT_ASK_MS 12000 /* questions: a little more than the call's own deadline */
/* Questions to the host have a deadline that begins when they are sent. Before that they stand
 * behind those of a thousand other machines, as after a restart, which is not this machine's fault.
 */
#define LIMIT_ASKED FLOW_QUEUED

/* clang-format off */
static const struct flow_step steps[STEPS] = {
    /*                name           step         undo  limit/ms        true when it is behind us */
    [ADMIT]       = { "admit",       admit,       NULL, FLOW_QUEUED },  /* its host is up and has room to start it */
    [CREATE]      = { "create",      create,      NULL, FLOW_DURABLE }, /* disk and domain exist */
    [START]       = { "start",       start,       NULL, FLOW_DURABLE }, /* it runs */
    [MOVE]        = { "move",        move,        NULL, FLOW_DURABLE }, /* its host's new address is on its way to its row */
    [MOVED]       = { "moved",       moved,       NULL, FLOW_QUEUED },  /* and stands there */
    [ADDRESS]     = { "address",     address,     NULL, LIMIT_ASKED }, /* the host was asked where it is */
    [FOUND]       = { "found",       found,       NULL, LIMIT_ASK_MS }, /* its address is known */
    [PROBE]       = { "probe",       probe,       NULL, LIMIT_ASK_MS }, /* its RDP server was asked */
    [PROBED]      = { "probed",      probed,      NULL, LIMIT_ASK_MS }, /* it answered */
    [FINGERPRINT] = { "fingerprint", fingerprint, NULL, LIMIT_ASKED }, /* the guest told its certificate, where it can */
    [KNOWN]       = { "known",       known,       NULL, 0 },            /* its certificate is known */
    [SCRAMBLE]    = { "scramble",    scramble,    NULL, LIMIT_ASKED },  /* the guest was told a password that nobody knows */
    [SCRAMBLED]   = { "scrambled",   scrambled,   NULL, LIMIT_ASK_MS }, /* nobody who was on it before gets in */
    [SIGN_OFF]    = { "sign-off",    sign_off,    NULL, LIMIT_ASKED },  /* the guest was told to end whatever session it has */
    [SIGNED_OFF]  = { "signed-off",  signed_off,  NULL, LIMIT_ASK_MS }, /* nothing runs in it that somebody left */
    [SERVE]       = { "serve",       serve,       NULL, 0 },            /* it may be handed out */
    [STOP]        = { "stop",        stop,        NULL, FLOW_DURABLE }, /* the host was told to stop it */
    [STOPPED]     = { "stopped",     stopped,     NULL, 0 },            /* it does not run */
    [REFRESH]     = { "refresh",     refresh,     NULL, FLOW_DURABLE }, /* its disk is new */
    [RECORD]      = { "record",      record,      NULL, FLOW_DURABLE }, /* that is on its way to disk */
    [RECORDED]    = { "recorded",    recorded,    NULL, FLOW_QUEUED },  /* and durable */
    [DELETE]      = { "delete",      delete_machine, NULL, FLOW_DURABLE }, /* machine and disk are gone */
    [FORGET]      = { "forget",      forget,      NULL, FLOW_DURABLE }, /* its row is about to be */
    [FORGOTTEN]   = { "forgotten",   forgotten,   NULL, FLOW_QUEUED },  /* and is */
    [JUDGE]       = { "judge",       judge,       NULL, FLOW_QUEUED },  /* the host's answer is known */
    [SETTLE]      = { "settle",      settle,      NULL, FLOW_QUEUED },  /* the host can be asked again */
    [INSPECT]     = { "inspect",     inspect,     NULL, LIMIT_ASKED }, /* it was asked for this machine */
    [INSPECTED]   = { "inspected",   inspected,   NULL, LIMIT_ASK_MS }, /* what it said is known */
};
/* clang-format on */

const struct flow_kind work_kind = {
    .name = "power", .steps = steps, .count = STEPS, .ended = work_ended
};

static struct host *host_of(const struct work *work)
{
    return host_find(work->rooms->core, work->desktop->row.host_id);
}

static struct pool *pool_of(const struct work *work)
{
    return pool_find(work->rooms->core, work->desktop->row.pool_id);
}

/* ---- asking the host ---- */

/* What a new disk is made from is decided when its host is told to make it; an old one stays what
 * it was made from. */
static uint64_t version_for_refresh(const struct work *work)
{
    const struct pool *pool = pool_of(work);

    return pool ? recompose_version_for(work->rooms->core, pool, work->desktop)
                : work->desktop->row.image_version_id;
}

static const struct image_version *version_of(const struct work *work)
{
    return image_version_find(work->rooms->core, work->version_id
                                                     ? work->version_id
                                                     : work->desktop->row.image_version_id);
}

static const struct session *session_of(const struct work *work)
{
    struct core *core = work->rooms->core;
    const struct assignment *assignment = assignment_on(core, work->desktop->row.id, 0);

    return assignment ? session_on(core, assignment->row.id) : NULL;
}

/* Does what its guest has in memory belong to the person who sees the desktop next? Either the
 * desktop is theirs, or it has their session; a session that was never shown has nothing there.
 */
static bool memory_is_its_users(const struct work *work)
{
    const struct pool *pool = pool_of(work);
    const struct session *session = session_of(work);

    if (pool && pool->row.kind == pool_kind_DEDICATED &&
        assignment_on(work->rooms->core, work->desktop->row.id, 0))
        return true;
    if (!session || session->row.state == session_ENDING)
        return false;
    return session->row.state != session_PREPARING ||
           session->row.changed_ms != session->row.started_ms;
}

#define COPY(to, from) (void)snprintf((to), sizeof(to), "%s", (from))

static void fill(const struct work *work, struct virt_args *args)
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

/* Every answer of a host is judged: done, failed, or to be settled first. */
static int ask(struct flow *flow, enum virt_call call, int next, bool force)
{
    struct work *work = work_of(flow);
    struct virt_args args;
    int begun;

    fill(work, &args);
    args.force = force;
    work->result = (struct virt_result){ 0 };
    begun = virt_begin(work->rooms->virt, work->desktop->row.host_id, call, &args, &work->result,
                       &flow->op);
    if (begun >= 0 && machine_is_awaited(work->desktop))
        virt_hurry(work->rooms->virt, work->desktop->row.host_id, work->desktop->row.uuid);
    return flow_await_any(flow, begun, next);
}

static int order(struct flow *flow, enum virt_call call, int then, bool force)
{
    work_of(flow)->then = then;
    return ask(flow, call, JUDGE, force);
}

/* The host did not answer, or did not get to it: it is asked for the machine before anything else.
 */
static int settle_soon(struct flow *flow)
{
    return flow_await(flow, pause_begin(&work_of(flow)->pause, RETRY_HOST_MS, &flow->op), SETTLE);
}

static int judge(struct flow *flow)
{
    struct work *work = work_of(flow);
    struct host *host = host_of(work);

    if (host)
        reconcile_outcome(work->rooms, host, flow->op.result);
    /* The machine's time begins now: before that its start may have stood in a queue. */
    if (flow->op.result >= 0 && work->then == ADDRESS)
        work->up_since_ms = work->rooms->timers->mono_ms;
    if (flow->op.result >= 0)
        return work->then;
    if (!failure_is_hosts(flow->op.result) || ++work->unknown > WORK_UNKNOWN_MAX)
        return flow_fail_with(flow, &flow->op.error);
    return settle_soon(flow);
}

static bool host_is_away(const struct work *work)
{
    const struct host *host = host_of(work);

    return host && (host->state == host_DOWN || host->state == host_OPENING);
}

/* What was said of its start before is not known any more. */
static void say_host_is_away(struct work *work)
{
    char why[sizeof(work->desktop->reason)];

    if (work->desktop->state != desktop_STARTING)
        return;
    berth_text(why, sizeof(why), "host '%s' does not answer", host_of(work)->row.name);
    desktop_set_reason(work->desktop, why);
}

static int settle(struct flow *flow)
{
    struct work *work = work_of(flow);
    struct host *host = host_of(work);

    if (!host)
        return flow_fail(flow, BERTH_E_HOST_DOWN, "the host of desktop '%s' is gone",
                         work->desktop->row.name);
    if (host_is_away(work)) {
        say_host_is_away(work);
        return flow_await(flow, gate_wait(&host->waiting, &work->wait, &flow->op), SETTLE);
    }
    return INSPECT;
}

static int inspect(struct flow *flow)
{
    return ask(flow, VIRT_inspect, INSPECTED, false);
}

/* Its host was away, and the machine, which was not started by this work, does not run any more. */
static int found_off(struct flow *flow)
{
    struct work *work = work_of(flow);
    const struct host *host = host_of(work);

    return flow_fail(flow, BERTH_E_HOST_DOWN, "host '%s' was away, and desktop '%s' is off now",
                     host ? host->row.name : "?", work->desktop->row.name);
}

/* The description of a machine goes and comes while its disk is made anew, and the host was lost
 * between the two. That is not the machine's fault: it is looked at as one that its host lost.
 */
static int nothing_to_refresh(struct flow *flow)
{
    struct work *work = work_of(flow);
    const struct host *host = host_of(work);

    return flow_fail(flow, BERTH_E_UNKNOWN_OUTCOME,
                     "the disk of desktop '%s' was being made anew, and host '%s' does not know "
                     "its machine any more",
                     work->desktop->row.name, host ? host->row.name : "?");
}

static int still_to_come_up(struct flow *flow)
{
    struct work *work = work_of(flow);
    bool doubted = work->doubting && !work->host_was_away;

    work->doubting = false;
    work->host_was_away = false;
    if (!doubted)
        work->up_since_ms = work->rooms->timers->mono_ms;
    if (work->result.running)
        return ADDRESS; /* an event that said otherwise was of an earlier run */
    if (doubted)
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "desktop '%s': its machine stopped while starting (%s)",
                         work->desktop->row.name, work->stopped_why);
    if (!work->desktop->charged)
        return found_off(flow);
    return work->result.known ? START : CREATE;
}

static int inspected(struct flow *flow)
{
    struct work *work = work_of(flow);

    if (flow->op.result < 0) {
        work->host_was_away = true;
        return flow_await(flow, pause_begin(&work->pause, RETRY_INSPECT_MS, &flow->op), SETTLE);
    }
    work->desktop->made = work->result.known;
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
        return REFRESH; /* whether the disk is new cannot be seen; making it anew again does no harm
                         */
    case MACHINE_GONE:
        return DELETE; /* the domain may be gone and the disk still there */
    }
    return FLOW_DONE;
}

/* ---- the way in ---- */

static int first_step(const struct work *work)
{
    const struct desktop *desktop = work->desktop;

    switch (work->goal) {
    case MACHINE_UP:
        if (!desktop->row.host_id)
            return PROBE;
        if (desktop->state == desktop_STARTING && desktop->made)
            return ADDRESS; /* it runs already: adopted, or started by somebody else */
        return desktop->made ? START : CREATE;
    case MACHINE_RESTART:
    case MACHINE_OFF:
        return STOP;
    case MACHINE_REFRESH:
        return REFRESH;
    case MACHINE_GONE:
        return desktop->row.host_id && !planted(MACHINE_LEAKS) ? DELETE : FORGET;
    }
    return STOP;
}

/* An earlier broker may have asked for this very start a moment before it was killed, and the host
 * may still be at it: two starts of one machine are never in flight (I15). Time passes, then the
 * host says what became of it.
 */
static int respect(struct flow *flow, const struct host *host)
{
    struct work *work = work_of(flow);
    int64_t left_ms = host->settled_ms - work->rooms->timers->mono_ms;
    bool inherited = work->desktop->inherited;

    work->desktop->inherited = false;
    if (!inherited || left_ms <= 0 || first_step(work) == ADDRESS || planted(DOUBLE_START))
        return first_step(work);
    return flow_await(flow, pause_begin(&work->pause, left_ms, &flow->op), INSPECT);
}

bool work_waits_to_begin(const struct work *work)
{
    return work->flow.at == ADMIT && !work->desktop->charged;
}

/* Not kept until the host is active again: that may be next week, and nothing else could be done to
 * the machine meanwhile. */
static int in_maintenance(struct flow *flow, const struct host *host)
{
    work_of(flow)->untouched = true;
    return flow_fail(flow, BERTH_E_STATE,
                     "host '%s' is in maintenance: desktop '%s' can be started when the host is "
                     "active again",
                     host->row.name, work_of(flow)->desktop->row.name);
}

static int admit(struct flow *flow)
{
    struct work *work = work_of(flow);
    struct desktop *desktop = work->desktop;
    struct host *host = host_of(work);
    bool starts = work->goal == MACHINE_UP || work->goal == MACHINE_RESTART;

    work->up_since_ms = work->rooms->timers->mono_ms;
    if (!desktop->row.host_id) {
        if (starts && desktop->state != desktop_STARTING)
            desktop_set_state(desktop, desktop_STARTING, "it is asked whether it answers");
        return first_step(work);
    }
    if (!host || host->state == host_DOWN)
        return flow_fail(flow, BERTH_E_HOST_DOWN, "host '%s' does not answer",
                         host ? host->row.name : "?");
    if (host->state == host_OPENING)
        return flow_await(flow, gate_wait(&host->waiting, &work->wait, &flow->op), ADMIT);
    if (starts && desktop->state == desktop_LOST && !desktop->made)
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "host '%s' does not know the machine of desktop '%s' any more",
                         host->row.name, desktop->row.name);
    if (starts && first_step(work) != ADDRESS && !desktop->charged) {
        if (host->row.duty == host_duty_MAINTENANCE)
            return in_maintenance(flow, host);
        if (!placement_host_may_start(host))
            return flow_await(flow, gate_wait(&host->waiting, &work->wait, &flow->op), ADMIT);
        desktop->charged = true;
        host->starting++;
    }
    return starts ? respect(flow, host) : first_step(work);
}

/* ---- up ---- */

static int create(struct flow *flow)
{
    return order(flow, VIRT_create, START, false);
}

/* Its host has another address than when it was planned: its port is opened there from now on. */
static bool is_to_move(const struct work *work)
{
    const struct row_desktop *row = &work->desktop->row;
    const struct pool *pool = pool_of(work);
    const struct host *host = host_of(work);

    return host && pool && pool->row.address == pool_address_FORWARDED && row->port > 0 &&
           strcmp(row->address, address_of_host(host)) != 0;
}

static int start(struct flow *flow)
{
    struct work *work = work_of(flow);

    work->desktop->made = true;
    if (is_to_move(work))
        return MOVE;
    work->stopped = false;
    if (work->desktop->state != desktop_STARTING)
        desktop_set_state(work->desktop, desktop_STARTING, "its machine is being started");
    work->up_since_ms = work->rooms->timers->mono_ms;
    return order(flow, VIRT_start, ADDRESS, false);
}

static int64_t start_limit_ms(const struct work *work)
{
    const struct pool *pool = pool_of(work);

    return (pool && pool->row.start_limit_s > 0 ? pool->row.start_limit_s : 120) * 1000;
}

/* The stop that was told may have been of an earlier run: is it running now? */
static int doubt(struct work *work)
{
    work->stopped = false;
    work->doubting = true;
    return INSPECT;
}

/* Its time is long, and who looks at the desktop meanwhile should not have to guess. */
static void say_what_is_missing(struct work *work, int64_t left_ms)
{
    char why[sizeof(work->desktop->reason)];

    if (work->desktop->state != desktop_STARTING)
        return;
    if (host_is_away(work)) {
        say_host_is_away(work);
        return;
    }
    berth_text(why, sizeof(why),
               "its machine runs, but does not answer yet (given up in %" PRId64 " s): %s",
               left_ms / 1000, berth_error_text(&work->flow.op.error));
    desktop_set_reason(work->desktop, why);
}

/* Time to try again, or the machine has had its time. While its host is away it may have gone with
 * it, and its time begins anew when the host has said that it runs.
 */
static int again(struct flow *flow, int64_t delay_ms, int next)
{
    struct work *work = work_of(flow);
    int64_t spent_ms = work->rooms->timers->mono_ms - work->up_since_ms;
    bool over = spent_ms >= start_limit_ms(work);

    if (work->stopped)
        return doubt(work);
    if (host_is_away(work))
        work->host_was_away = true;
    else if (work->host_was_away)
        return SETTLE;
    if (over && work->host_was_away)
        return SETTLE;
    if (over)
        return flow_fail(flow, BERTH_E_TIMEOUT, "desktop '%s' did not answer in %" PRId64 " s: %s",
                         work->desktop->row.name, spent_ms / 1000,
                         berth_error_text(&flow->op.error));
    say_what_is_missing(work, start_limit_ms(work) - spent_ms);
    return flow_await(flow, pause_begin(&work->pause, delay_ms, &flow->op), next);
}

/* A question to the host failed. One that the host does not answer, though it answers for the
 * machine itself, is a guest's that hangs: then the machine's time counts.
 */
static int ask_again(struct flow *flow, int64_t delay_ms, int next)
{
    struct work *work = work_of(flow);

    if (!failure_is_hosts(flow->op.result) ||
        (flow->op.result != BERTH_E_HOST_DOWN && ++work->unknown > WORK_UNKNOWN_MAX))
        return again(flow, delay_ms, next);
    work->host_was_away = true;
    return settle_soon(flow);
}

static int address(struct flow *flow)
{
    struct work *work = work_of(flow);
    struct desktop *desktop = work->desktop;

    desktop->made = true;
    if (desktop->state != desktop_STARTING)
        desktop_set_state(desktop, desktop_STARTING, "its machine runs");
    if (desktop->row.port > 0) /* forwarded or fixed: it is in the row */
        return PROBE;
    return ask(flow, VIRT_address, FOUND, false);
}

static int found(struct flow *flow)
{
    struct work *work = work_of(flow);
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
    struct work *work = work_of(flow);
    const struct probe_target target = { .address = work->desktop->address,
                                         .port = work->desktop->port };
    int begun = probe_begin(work->rooms->probe, &target, &work->probe, &flow->op);

    return flow_await_any(flow, begun, PROBED);
}

static int probed(struct flow *flow)
{
    if (flow->op.result == BERTH_E_BUSY)
        work_of(flow)->up_since_ms += RETRY_PROBE_MS; /* it was not asked at all */
    if (flow->op.result < 0)
        return again(flow, RETRY_PROBE_MS, PROBE);
    return FINGERPRINT;
}

/* The guest's own word goes before what the network shows, where the guest can be asked. */
static int fingerprint(struct flow *flow)
{
    struct work *work = work_of(flow);
    const struct host *host = host_of(work);

    if (!host || !(host->capabilities & VIRT_CAN_AGENT) || host->state != host_UP) {
        flow->op.result = BERTH_E_UNSUPPORTED;
        return KNOWN;
    }
    return ask(flow, VIRT_fingerprint, KNOWN, false);
}

static void note_ready(struct work *work)
{
    struct pool *pool = pool_of(work);
    int64_t took_ms = work->rooms->timers->mono_ms - work->flow.started_ms;

    if (!pool)
        return;
    recompose_proved(work->rooms->core, pool, work->desktop);
    if (pool->ready_ms_estimate == 0)
        pool->ready_ms_estimate = took_ms;
    else
        pool->ready_ms_estimate = (pool->ready_ms_estimate * 3 + took_ms) / 4;
}

/* Its disk is made anew before anybody gets it: what its guest has goes with that. */
static bool disk_goes(const struct desktop *desktop)
{
    return placement_is_free(desktop) && placement_must_refresh(desktop);
}

/* Has the guest an account that somebody was signed on with since its disk was made? */
static bool has_used_account(const struct work *work)
{
    const struct desktop *desktop = work->desktop;
    const struct pool *pool = pool_of(work);

    return desktop->row.dirty && desktop->row.host_id && !disk_goes(desktop) && pool &&
           pool->row.credential == pool_credential_PER_SESSION;
}

/* Does it still have the password of somebody whose session is over? A machine that died under a
 * session could not be told another one.
 */
static bool has_old_password(const struct work *work)
{
    return has_used_account(work) && !session_of(work);
}

/* May somebody be signed on in it whose session is over? Whoever runs the host can start a machine
 * from memory that was saved. Not when the next one to see it is the same person. A session that
 * is ending is its release's, which has patience of its own and then switches the machine off.
 */
static bool has_old_session(const struct work *work)
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
    struct work *work = work_of(flow);
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
        return doubt(work);
    if (has_old_password(work))
        return SCRAMBLE;
    return has_old_session(work) ? SIGN_OFF : SERVE;
}

/* The guest is told something of the account that people are signed on with. */
static int ask_account(struct flow *flow, enum virt_call call, bool new_password, int next)
{
    struct work *work = work_of(flow);
    struct virt_args args;
    int begun;

    fill(work, &args);
    COPY(args.account, pool_of(work)->row.account);
    if (new_password)
        connect_password(work->rooms->random, &args.secret);
    work->result = (struct virt_result){ 0 };
    begun = virt_begin(work->rooms->virt, work->desktop->row.host_id, call, &args, &work->result,
                       &flow->op);
    secret_wipe(&args.secret);
    return flow_await_any(flow, begun, next);
}

static int scramble(struct flow *flow)
{
    return ask_account(flow, VIRT_password, true, SCRAMBLED);
}

static int scrambled(struct flow *flow)
{
    /* Where no guest can be told a password none was ever told. */
    if (flow->op.result < 0 && flow->op.result != BERTH_E_UNSUPPORTED)
        return ask_again(flow, RETRY_SCRAMBLE_MS, SCRAMBLE);
    return has_old_session(work_of(flow)) ? SIGN_OFF : SERVE;
}

static int sign_off(struct flow *flow)
{
    return ask_account(flow, VIRT_sign_off, false, SIGNED_OFF);
}

static int signed_off(struct flow *flow)
{
    if (flow->op.result < 0 && flow->op.result != BERTH_E_UNSUPPORTED)
        return ask_again(flow, RETRY_SCRAMBLE_MS, SIGN_OFF);
    return SERVE;
}

static int serve(struct flow *flow)
{
    struct work *work = work_of(flow);
    struct desktop *desktop = work->desktop;

    if (work->stopped)
        return doubt(work);
    COPY(desktop->fingerprint, work->probe.fingerprint);
    desktop->boot++;
    desktop->probed_ms = work->rooms->timers->mono_ms;
    /* Running is not serving: what was quarantined, perhaps while it started, stays so. */
    if (desktop->row.quarantined)
        desktop_set_state(desktop, desktop_QUARANTINED, desktop->row.reason);
    else
        desktop_set_state(desktop, desktop_READY, "its RDP server answered");
    note_ready(work);
    return FLOW_DONE;
}

/* ---- down, anew, gone ---- */

static int stop(struct flow *flow)
{
    struct work *work = work_of(flow);
    struct desktop *desktop = work->desktop;

    desktop->probed_ms = 0;
    if (desktop->state != desktop_STOPPING)
        desktop_set_state(desktop, desktop_STOPPING, "its machine is being stopped");
    return order(flow, VIRT_stop, STOPPED, true);
}

static int stopped(struct flow *flow)
{
    struct work *work = work_of(flow);

    desktop_set_state(work->desktop, desktop_OFF, "its machine was stopped");
    return work->goal == MACHINE_RESTART ? START : FLOW_DONE;
}

static int refresh(struct flow *flow)
{
    struct work *work = work_of(flow);

    work->desktop->probed_ms = 0;
    if (work->desktop->state != desktop_STOPPING)
        desktop_set_state(work->desktop, desktop_STOPPING, "its disk is being made anew");
    work->version_id = version_for_refresh(work);
    return order(flow, VIRT_refresh, RECORD, true);
}

static int move(struct flow *flow)
{
    struct work *work = work_of(flow);
    const struct host *host = host_of(work);
    struct row_desktop row = work->desktop->row;
    const struct desktop *other;
    struct changes *changes;

    if (!host)
        return flow_fail(flow, BERTH_E_HOST_DOWN, "the host of desktop '%s' is gone", row.name);
    other = address_taken(work->rooms->core, row.id, address_of_host(host), row.port);
    if (other)
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "desktop '%s': host '%s' has a new address, %s, and desktop '%s' is "
                         "reached at its port %" PRId64 " already",
                         row.name, host->row.name, address_of_host(host), other->row.name,
                         row.port);
    changes = changes_new("broker", "broker", "desktop.move");
    changes_object(changes, "desktop %s", row.name);
    changes_detail(changes, "from %s to %s, the address of host %s", row.address,
                   address_of_host(host), host->row.name);
    COPY(row.address, address_of_host(host));
    changes_set(changes, ENTITY_desktop, &row);
    return flow_await_any(flow, decide_begin(work->rooms, changes, NULL, &flow->op), MOVED);
}

/* Only now, with the host's word, may somebody else get it. */
static int record(struct flow *flow)
{
    struct work *work = work_of(flow);
    const struct image_version *version = version_of(work);
    struct row_desktop row = work->desktop->row;
    struct changes *changes;

    work->desktop->made = true;
    if (work->version_id && !version)
        return REFRESH; /* what it was made from was deleted meanwhile */
    row.dirty = false;
    row.refresh_due = false;
    if (version)
        row.image_version_id = version->row.id;
    changes = changes_new("broker", "broker", "desktop.refresh");
    changes_object(changes, "desktop %s", row.name);
    changes_set(changes, ENTITY_desktop, &row);
    return flow_await_any(flow, decide_begin(work->rooms, changes, NULL, &flow->op), RECORDED);
}

/* Somebody else changed the row meanwhile, or the disk is full: what the host has done must not be
 * forgotten. */
static int once_more(struct flow *flow, int next)
{
    struct work *work = work_of(flow);

    switch (flow->op.result) {
    case BERTH_E_CONFLICT:
    case BERTH_E_BUSY:
        return next;
    case BERTH_E_NO_SPACE:
        return flow_await(flow, pause_begin(&work->pause, RETRY_WRITE_MS, &flow->op), next);
    default:
        return flow_fail_with(flow, &flow->op.error);
    }
}

static int moved(struct flow *flow)
{
    return flow->op.result < 0 ? once_more(flow, START) : START;
}

static int recorded(struct flow *flow)
{
    struct work *work = work_of(flow);

    if (flow->op.result < 0)
        return once_more(flow, RECORD);
    desktop_set_state(work->desktop, desktop_OFF, "its disk was made anew");
    return FLOW_DONE;
}

static int delete_machine(struct flow *flow)
{
    struct work *work = work_of(flow);

    if (work->desktop->state != desktop_STOPPING)
        desktop_set_state(work->desktop, desktop_STOPPING, "it is being deleted");
    return order(flow, VIRT_delete, FORGET, true);
}

static int forget(struct flow *flow)
{
    struct work *work = work_of(flow);
    struct desktop *desktop = work->desktop;
    struct core *core = work->rooms->core;
    struct changes *changes;

    desktop->made = false;
    changes = changes_new("broker", "broker", "desktop.delete");
    changes_object(changes, "desktop %s", desktop->row.name);
    list_each (related_to(core, SLOTS_OF_DESKTOP, desktop->row.id), node)
        changes_drop(changes, ENTITY_slot, entity_row_of(related_at(SLOTS_OF_DESKTOP, node)));
    changes_drop(changes, ENTITY_desktop, &desktop->row);
    return flow_await_any(flow, decide_begin(work->rooms, changes, NULL, &flow->op), FORGOTTEN);
}

static int forgotten(struct flow *flow)
{
    struct work *work = work_of(flow);

    if (flow->op.result < 0)
        return once_more(flow, FORGET);
    if (work->desktop->state == desktop_STOPPING)
        desktop_set_state(work->desktop, desktop_GONE, "it was deleted");
    return FLOW_DONE;
}
