/* release.c - deciding the end of a session, and the flow that releases its desktop. */
#include "flow/release.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"
#include "berth/wait.h"

#include "core/desktop_class.h"
#include "core/session_limit.h"
#include "flow/decide.h"
#include "flow/hide.h"
#include "flow/host_call.h"
#include "flow/power.h"
#include "flow/quarantine.h"

/* ---- the decision ---- */

/* A copy of struct ending, for decisions that may be tried several times. */
struct end {
    struct retried_write write; /* id: the session; epoch, why: of the ending */
    uint64_t terminal_id;       /* where it was shown at the last try, 0 = nowhere */
    char action[48], reason[24], actor[80], role[24];
    bool limit;
};

/* The reason to end it may not hold any more: its user may have come back while the end was being
 * written.
 */
static int check_still_due(const struct session *session, const struct end *end,
                           struct session_limit *over, struct berth_error *reterr)
{
    if ((end->write.epoch && session->row.epoch != end->write.epoch) ||
        (end->limit && !session_limit_over(session, over)))
        return berth_fail(reterr, BERTH_E_STATE, "session %llu was claimed again meanwhile",
                          (unsigned long long)session->row.id);
    return 0;
}

static struct changes *end_changes(struct context *context, struct retried_write *write,
                                   struct berth_error *reterr)
{
    struct end *end = container_of(write, struct end, write);
    struct core *core = context->core;
    struct session *session = session_find(core, write->id);
    struct connection *connection = connection_of(core, write->id);
    berth_cleanup(changes_freep) struct changes *changes = NULL;
    struct session_limit over = { 0 };
    const struct desktop *desktop;

    if (!session || session->row.state == session_ENDED) {
        (void)berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no session %llu",
                         (unsigned long long)write->id);
        return NULL;
    }
    if (check_still_due(session, end, &over, reterr) < 0)
        return NULL;
    desktop = desktop_find(core, session->row.desktop_id);
    changes = changes_new(end->actor, end->role, end->action);
    changes->audit.waited_ms = over.waited_ms;
    changes->audit.limit_ms = over.limit_ms;
    changes_object(changes, "session %llu on desktop %s", (unsigned long long)session->row.id,
                   desktop ? desktop->row.name : "?");
    changes_detail(changes, "%s", write->why);
    changes->audit.subject_user_id = session->row.user_id;
    changes->audit.terminal_id = session->row.terminal_id;
    if (session_transition(session, session_ENDING, write->why, changes, NULL, reterr) < 0 ||
        (connection && connection_transition(connection, connection_ENDED, write->why, changes,
                                             NULL, reterr) < 0))
        return NULL;
    end->terminal_id = connection ? connection->row.terminal_id : 0;
    return berth_take(changes);
}

/* ENDING is durable: tell the terminal and start the release. */
static void end_done(struct context *context, struct retried_write *write,
                     const struct berth_error *error)
{
    const struct end *end = container_of(write, struct end, write);
    struct session *session = session_find(context->core, write->id);

    if (error->code || !session)
        return;
    if (end->terminal_id)
        session_hide(context, end->terminal_id, &session->row, end->reason, write->why);
    if (session->flow) {
        /* A sign-on was working on it: cancel it, after the session was taken from it. */
        struct flow *sign_on = session->flow;

        session->flow = NULL;
        flow_cancel(sign_on, BERTH_E_STATE, "%s", write->why);
    }
    release_start(context, session);
}

static void retried_end_done(struct context *context, struct retried_write *write,
                             const struct berth_error *error)
{
    if (error->code && error->code != BERTH_E_NOT_FOUND && error->code != BERTH_E_STATE)
        log_failure(EV_FLOW_FAILED, error, container_of(write, struct end, write)->action);
    end_done(context, write, error);
}

static const struct retried_write_kind end_kind = { .build = end_changes, .done = end_done };
static const struct retried_write_kind retried_end_kind = { .build = end_changes,
                                                            .done = retried_end_done,
                                                            .tries_max = 600 };

static struct retried_write *end_new(uint64_t session_id, const struct ending *ending)
{
    struct end *end = berth_new(struct end);

    retried_write_init(&end->write, session_id, ending->epoch, ending->why);
    end->limit = ending->limit;
    copy_text(end->action, ending->action);
    copy_text(end->reason, ending->reason);
    copy_text(end->actor, ending->actor);
    copy_text(end->role, ending->role);
    return &end->write;
}

int session_end(struct context *context, uint64_t session_id, const struct ending *ending,
                struct op *op)
{
    struct retried_write *write = end_new(session_id, ending);

    write->kind = &end_kind;
    return retried_write_begin(context, write, op);
}

void session_end_retried(struct context *context, uint64_t session_id, const struct ending *ending)
{
    struct retried_write *write = end_new(session_id, ending);

    write->kind = &retried_end_kind;
    retried_write_start(context, write);
}

/* ---- the flow ---- */

struct release {
    struct flow flow;
    struct context *context;
    uint64_t session_id;
    uint64_t desktop_id;
    int tries;           /* calls that its guest failed */
    int busy;            /* calls that were not begun, or whose outcome is unknown */
    int password_result; /* result of setting the password */
    struct virt_args args;
    struct virt_result result;
    struct waitq_entry wait;
    struct delay delay;
};

static flow_begin_fn scramble, inspect, sign_off, force, close_session;
static flow_finish_fn scrambled, inspected, signed_off, forced, closed;

enum { SCRAMBLE, INSPECT, SIGN_OFF, FORCE, CLOSE, STEPS };

#define RETRY_MS 2000
#define TRIES_MAX 3      /* for a guest that does not take a password, or does not sign off */
#define BUSY_MAX 30      /* for a host that answers for the machine but does not reach its guest */
#define RESTART_MS 10000 /* time before a release that failed is started again */

/* Every call to the host has a deadline that begins when it is sent; before that it may wait behind
 * those of all users who sign off at the end of a shift.
 */
/* clang-format off */
static const struct flow_step steps[STEPS] = {
    /*             name        begin          finish      undo  limit/ms        true after it */
    [SCRAMBLE] = { "scramble", scramble,      scrambled,  NULL, FLOW_QUEUED },  /* the guest has an unknown password */
    [INSPECT]  = { "inspect",  inspect,       inspected,  NULL, FLOW_QUEUED },  /* if not: the host was asked about the machine */
    [SIGN_OFF] = { "sign-off", sign_off,      signed_off, NULL, FLOW_QUEUED },  /* the guest has ended the session, or its disk is refreshed anyway */
    [FORCE]    = { "force",    force,         forced,     NULL, FLOW_QUEUED },  /* its machine was stopped instead, or the desktop is in quarantine */
    [CLOSE]    = { "close",    close_session, closed,     NULL, FLOW_DURABLE }, /* the end is durable */
};
/* clang-format on */

static struct release *release_of(struct flow *flow)
{
    return container_of(flow, struct release, flow);
}

static struct desktop *desktop_of(const struct release *release)
{
    return desktop_find(release->context->core, release->desktop_id);
}

/* The account whose password the guest was given; NULL: there is none. */
static const char *account_of(const struct release *release, const struct desktop *desktop)
{
    struct core *core = release->context->core;
    const struct session *session = session_find(core, release->session_id);
    const struct pool *pool = pool_find(core, desktop->row.pool_id);

    if (session && session->account[0])
        return session->account;
    return pool && pool->row.credential == pool_credential_PER_SESSION ? pool->row.account : NULL;
}

/* Does the guest have an account whose password Berth sets, on a machine that may run? */
static bool has_account(const struct release *release, const struct desktop *desktop)
{
    if (!desktop || !desktop->row.host_id || !account_of(release, desktop))
        return false;
    return desktop->state == desktop_READY || desktop->state == desktop_QUARANTINED ||
           desktop->state == desktop_STARTING || desktop->state == desktop_LOST;
}

/* Will its disk be refreshed when this session has ended, so that nothing of it remains? A desktop
 * of a dedicated pool still belongs to its user then. */
static bool refreshed_at_end(const struct release *release, const struct desktop *desktop)
{
    const struct pool *pool = pool_find(release->context->core, desktop->row.pool_id);

    return pool && pool->row.kind == pool_kind_FLOATING && desktop_must_refresh(desktop);
}

static int ask(struct flow *flow, enum virt_call call)
{
    struct release *release = release_of(flow);
    const struct desktop *desktop = desktop_of(release);
    int begun;

    copy_text(release->args.uuid, desktop->row.uuid);
    copy_text(release->args.account, account_of(release, desktop));
    begun = virt_begin(release->context->virt, desktop->row.host_id, call, &release->args,
                       &release->result, &flow->op);
    secret_wipe(&release->args.secret);
    return flow_await(flow, begun);
}

/* Has the guest failed often enough? Calls that were not begun count separately. In the recovery
 * window nothing is destroyed: a silent guest may still be starting.
 */
static bool tried_enough(struct release *release, int result)
{
    if (context_recovering(release->context))
        return false;
    if (failure_is_hosts(result))
        return ++release->busy >= BUSY_MAX;
    return ++release->tries >= TRIES_MAX;
}

static int scramble(struct flow *flow)
{
    struct release *release = release_of(flow);
    const struct desktop *desktop = desktop_of(release);

    if (!has_account(release, desktop))
        return CLOSE;
    secret_random(release->context->random, &release->args.secret);
    return ask(flow, VIRT_password);
}

static int scrambled(struct flow *flow)
{
    struct release *release = release_of(flow);
    const struct desktop *desktop = desktop_of(release);
    struct host *host;

    release->password_result = flow->op.result;
    if (flow->op.result >= 0) {
        release->tries = 0; /* the sign-off is counted by itself */
        return SIGN_OFF;
    }
    if (!desktop || flow->op.result == BERTH_E_UNSUPPORTED || refreshed_at_end(release, desktop))
        return CLOSE;
    host = host_find(release->context->core, desktop->row.host_id);
    /* The disk and the account stay, so the session must not end before its user is locked out. */
    if (host && host->state != host_UP)
        return flow_await_then(flow, waitq_wait(&host->waiting, &release->wait, &flow->op),
                               SCRAMBLE);
    return INSPECT;
}

static int inspect(struct flow *flow)
{
    return ask(flow, VIRT_inspect);
}

static int inspected(struct flow *flow)
{
    struct release *release = release_of(flow);
    struct desktop *desktop = desktop_of(release);

    if (!desktop)
        return CLOSE;
    /* Nobody can log in to a machine that does not run; the next sign-on sets a password of its own
     * before it shows anything. */
    if (flow->op.result >= 0 && !(release->result.known && release->result.running))
        return CLOSE;
    if (!tried_enough(release, flow->op.result < 0 ? flow->op.result : release->password_result))
        return flow_await_then(flow, delay_begin(&release->delay, RETRY_MS, &flow->op), SCRAMBLE);
    return FORCE; /* it gets a new password when it starts */
}

static int sign_off(struct flow *flow)
{
    struct release *release = release_of(flow);

    if (!has_account(release, desktop_of(release)))
        return CLOSE;
    return ask(flow, VIRT_sign_off);
}

/* May another user get the desktop while the guest that did not sign off still runs the session? */
static bool another_may_get_it(const struct release *release, const struct desktop *desktop)
{
    const struct pool *pool = pool_find(release->context->core, desktop->row.pool_id);

    return pool && pool->row.kind == pool_kind_FLOATING && !refreshed_at_end(release, desktop);
}

static int signed_off(struct flow *flow)
{
    struct release *release = release_of(flow);
    const struct desktop *desktop = desktop_of(release);
    struct host *host = desktop ? host_find(release->context->core, desktop->row.host_id) : NULL;

    if (flow->op.result >= 0)
        return CLOSE;
    log_failure(EV_HOST_FAILED, &flow->op.error, flow->who);
    /* The password is unknown; what still runs is lost with the disk, or waits for its own user. */
    if (!host || flow->op.result == BERTH_E_UNSUPPORTED || !another_may_get_it(release, desktop))
        return CLOSE;
    if (host->state != host_UP)
        return flow_await_then(flow, waitq_wait(&host->waiting, &release->wait, &flow->op),
                               SIGN_OFF);
    if (!tried_enough(release, flow->op.result))
        return flow_await_then(flow, delay_begin(&release->delay, RETRY_MS, &flow->op), SIGN_OFF);
    return FORCE;
}

/* Stop the machine of a guest that does not answer. */
static int force(struct flow *flow)
{
    struct release *release = release_of(flow);
    struct desktop *desktop = desktop_of(release);

    if (!desktop)
        return CLOSE;
    return flow_await(flow, machine_request(release->context, desktop, MACHINE_OFF, &flow->op));
}

static int forced(struct flow *flow)
{
    struct release *release = release_of(flow);
    struct desktop *desktop = desktop_of(release);
    struct host *host = desktop ? host_find(release->context->core, desktop->row.host_id) : NULL;

    if (flow->op.result >= 0 || !desktop)
        return CLOSE;
    if (flow->op.result == BERTH_E_CLOSING)
        return flow_fail_with(flow, &flow->op.error); /* the next run of the broker continues */
    if (!failure_is_machines(flow->op.result) && host && host->state != host_UP)
        return flow_await_then(flow, waitq_wait(&host->waiting, &release->wait, &flow->op), FORCE);
    if (!failure_is_machines(flow->op.result) && host)
        return flow_await_then(flow, delay_begin(&release->delay, RETRY_MS, &flow->op), FORCE);
    desktop_quarantine(release->context, desktop,
                       "its guest did not sign off, and its machine could not be stopped");
    return CLOSE;
}

/* A refresh that is due when the session ends stays due, however long the desktop waits for it. */
static void note_use(const struct release *release, struct changes *changes)
{
    const struct desktop *desktop = desktop_of(release);
    struct row_desktop row;

    if (!desktop)
        return;
    row = desktop->row;
    if (desktop_note_use(desktop, &row))
        changes_set(changes, ENTITY_desktop, &row);
}

static int close_session(struct flow *flow)
{
    struct release *release = release_of(flow);
    struct context *context = release->context;
    struct session *session = session_find(context->core, release->session_id);
    berth_cleanup(changes_freep) struct changes *changes = NULL;
    struct assignment *assignment;
    const struct pool *pool;

    if (!session || session->row.state != session_ENDING)
        return FLOW_DONE;
    changes = changes_new("broker", "broker", "session.ended");
    changes_object(changes, "session %llu", (unsigned long long)session->row.id);
    changes->audit.subject_user_id = session->row.user_id;
    if (session_transition(session, session_ENDED, session->row.reason, changes, NULL,
                           &flow->error) < 0)
        return FLOW_FAIL;
    pool = pool_find(context->core, session->row.pool_id);
    assignment = assignment_find(context->core, session->row.assignment_id);
    if (assignment && assignment->row.state == assignment_OPEN &&
        (!pool || pool->row.kind != pool_kind_DEDICATED) &&
        assignment_transition(assignment, assignment_CLOSED, "its session ended", changes,
                              &flow->error) < 0)
        return FLOW_FAIL;
    note_use(release, changes);
    return flow_await(flow, decide_begin(context, berth_take(changes), NULL, &flow->op));
}

static int closed(struct flow *flow)
{
    struct release *release = release_of(flow);

    switch (flow->op.result) {
    case BERTH_E_CONFLICT:
        return CLOSE;
    case BERTH_E_NO_SPACE:
    case BERTH_E_BUSY:
        return flow_await_then(flow, delay_begin(&release->delay, RETRY_MS, &flow->op), CLOSE);
    default:
        return flow->op.result < 0 ? flow_fail_with(flow, &flow->op.error) : FLOW_DONE;
    }
}

static void restart(struct berth_timer *timer)
{
    struct session *session = container_of(timer, struct session, release_retry);

    release_start(session->context, session);
}

/* A session that is ENDING always has a release, or a timer that starts the next one. */
static void ended(struct flow *flow, const struct berth_error *error)
{
    struct release *release = release_of(flow);
    struct context *context = release->context;
    struct session *session = session_find(context->core, release->session_id);

    if (error->code)
        log_failure(EV_FLOW_FAILED, error, flow->who);
    if (session) {
        session->flow = NULL;
        waitq_wake(&session->waiting);
        if (session->row.state == session_ENDING && !context->stopping) {
            session->context = context;
            timer_start(context->timers, &session->release_retry, RESTART_MS, restart);
        }
    }
    if (desktop_of(release))
        context_mark_pool(context, desktop_of(release)->row.pool_id);
    berth_wipe_free(release, sizeof(*release));
}

static const struct flow_kind release_kind = {
    .name = "release", .steps = steps, .count = STEPS, .ended = ended
};

void release_start(struct context *context, struct session *session)
{
    struct release *release;
    const struct user *user = user_find(context->core, session->row.user_id);
    char who[96];

    if (session->flow || session->row.state != session_ENDING || context->stopping)
        return;
    release = berth_new(struct release);
    release->context = context;
    release->session_id = session->row.id;
    release->desktop_id = session->row.desktop_id;
    berth_text(who, sizeof(who), "session %llu of %s", (unsigned long long)session->row.id,
               user ? user->row.name : "?");
    flow_start(&context->engine, &release->flow, &release_kind, who);
    session->flow = &release->flow;
}
