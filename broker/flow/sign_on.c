/* sign_on.c - the sign-on flow: its table of steps, start and end. */
#include "flow/sign_on.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "flow/decide.h"
#include "flow/hide.h"
#include "flow/release.h"
#include "flow/sign_on_state.h"

static flow_begin_fn identify, choose, record, tell;
static flow_finish_fn recorded;
static flow_undo_fn unchoose, disconnect;

#define CONFLICTS_MAX 8

/* clang-format off */
static const struct flow_step steps[SIGN_ON_STEPS] = {
    /*                     name        begin           finish          undo        limit/ms        true after it */
    [SIGN_ON_IDENTIFY] = { "identify", identify,       NULL,           NULL,       FLOW_QUEUED },  /* the user is known */
    [SIGN_ON_CHOOSE]   = { "choose",   choose,         NULL,           unchoose,   FLOW_QUEUED },  /* a desktop is reserved */
    [SIGN_ON_REACH]    = { "reach",    sign_on_reach,  sign_on_reached, NULL,      12000 },        /* resume: its RDP server answered; it chooses again */
    [SIGN_ON_RECORD]   = { "record",   record,         recorded,       disconnect, FLOW_DURABLE }, /* claim and epoch are durable */
    [SIGN_ON_WAKE]     = { "wake",     sign_on_wake,   NULL,           NULL,       FLOW_QUEUED },  /* its machine runs */
    [SIGN_ON_PROBE]    = { "probe",    sign_on_probe,  sign_on_probed, NULL,       12000 },        /* its RDP server answered with the known certificate */
    [SIGN_ON_SECRET]   = { "secret",   sign_on_secret, sign_on_secret_set, NULL,   FLOW_QUEUED },  /* the guest has the session's password */
    [SIGN_ON_TELL]     = { "tell",     tell,           NULL,           NULL,       0 },            /* the terminal was told to show it */
};
/* clang-format on */

/* ---- identify ---- */

static bool any_passthrough(struct core *core)
{
    list_each (core_all(core, ENTITY_pool), node) {
        if (entity_at(node, pool)->row.credential == pool_credential_PASSTHROUGH)
            return true;
    }
    return false;
}

#define SEND_WAIT_MS 1000 /* a shorter wait is not worth a message */

/* Hashing limits how fast passwords are checked; a user who must wait is told for how long. */
static void send_wait(struct sign_on *s)
{
    int waiting;
    int64_t wait_ms = auth_wait_ms(s->context->auth, &waiting);
    char text[160];

    if (wait_ms < SEND_WAIT_MS)
        return;
    (void)snprintf(text, sizeof(text),
                   "Many people sign on at this moment: your turn comes in about %lld s",
                   (long long)(wait_ms + 999) / 1000);
    sign_on_send_progress(s, "identify", text, waiting, wait_ms);
}

static bool shows_password(const struct sign_on *s)
{
    for (size_t i = 0; i < s->evidence_count; i++)
        if (s->evidence[i].kind == evidence_kind_PASSWORD)
            return true;
    return false;
}

static int identify(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    int begun;

    if (s->resume.session_id)
        return SIGN_ON_CHOOSE;
    sign_on_send_progress(s, "identify", "Checking who you are", 0, 0);
    begun = auth_begin(s->context->auth, s->evidence, s->evidence_count, s->terminal->row.id,
                       any_passthrough(s->context->core), &s->who, &flow->op);
    if (begun >= 0 && shows_password(s))
        send_wait(s);
    explicit_bzero(s->evidence, sizeof(s->evidence));
    return flow_await(flow, begun);
}

/* ---- choose ---- */

static int choose(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    const struct user *user;
    int answer;

    if (s->resume.session_id && sign_on_check_resume(flow) < 0)
        return FLOW_FAIL;
    user = user_find(s->context->core, s->who.user_id);
    if (!user)
        return flow_fail(flow, BERTH_E_CREDENTIALS, "the user name or the password is wrong");
    s->user_id = user->row.id;
    copy_text(s->user, user->row.name);
    (void)snprintf(flow->who, sizeof(flow->who), "%.40s at %.40s", s->user, s->terminal->row.name);
    sign_on_add_to_user(s);
    answer = sign_on_select(flow);
    sign_on_disconnect_orphans(s->context, s->user_id);
    return answer;
}

static void unchoose(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);

    reservation_return(s->queue_entry.reservation); /* NULL when choose itself has failed */
    s->queue_entry.reservation = NULL;
}

/* ---- record ---- */

static int record(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    const struct pool *pool = pool_find(s->context->core, s->claim.pool_id);
    struct changes *changes;
    struct berth_error error = { 0 };

    if (sign_on_check(s, &error) < 0)
        return flow_fail_with(flow, &error);
    /* Fail now rather than show a desktop that the user cannot log in to. */
    if (s->who.badge_alone && pool->row.credential == pool_credential_PASSTHROUGH)
        return flow_fail(flow, BERTH_E_CREDENTIALS,
                         "this desktop asks for your password: sign on with badge and password");
    if (s->queue_entry.reservation)
        s->claim.desktop_id = s->queue_entry.reservation->desktop->row.id;
    if (claim_changes(s->context, &s->claim, &changes, &error) < 0) {
        if (++s->conflicts > CONFLICTS_MAX)
            return flow_fail_with(flow, &error);
        unchoose(flow);
        return SIGN_ON_CHOOSE;
    }
    return flow_await(flow, decide_begin(s->context, changes, NULL, &flow->op));
}

/* Tell the terminals that showed this session, or another one here, at once; their claims are void
 * in any case. */
static void hide_older(struct sign_on *s)
{
    char text[200];

    s->hide_sent = true;
    if (s->claim.old_terminal_id) {
        (void)snprintf(text, sizeof(text), "Your session moved to %s", s->terminal->row.name);
        session_hide(s->context, s->claim.old_terminal_id, &s->claim.old_session, "moved", text);
    }
    if (s->claim.here.id)
        session_hide(s->context, s->terminal->row.id, &s->claim.here, "disconnected",
                     "Somebody else signs on here; your session goes on");
}

/* The password that the desktop takes from the user themself; empty where the desktop has its own
 * account. */
static const struct secret *own_password(const struct sign_on *s)
{
    static const struct secret none;
    const struct pool *pool = pool_find(s->context->core, s->claim.pool_id);

    return pool && pool->row.credential == pool_credential_PASSTHROUGH ? &s->who.password : &none;
}

static int recorded(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    struct session *session;

    if (flow->op.result == BERTH_E_CONFLICT && ++s->conflicts <= CONFLICTS_MAX) {
        /* Another decision came first: choose again from the present facts. */
        unchoose(flow);
        return SIGN_ON_CHOOSE;
    }
    if (flow->op.result < 0)
        return flow_fail_with(flow, &flow->op.error);
    unchoose(flow); /* from here on the assignment keeps the desktop */
    session = session_find(s->context->core, s->claim.session_id);
    if (session) {
        session->flow = flow;
        session->detach_pending = false; /* the disconnect was of an earlier claim */
    }
    resume_keep(s->context, s->claim.session_id, s->claim.epoch, s->resume.epoch, own_password(s));
    hide_older(s);
    return SIGN_ON_WAKE;
}

/* Undo of `record`: after the claim a failure is undone by another decision. A session that was
 * claimed again since is left alone. */
static void disconnect(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    struct session *session = session_find(s->context->core, s->claim.session_id);

    /* The connection exists if and only if this claim was committed. */
    if (!session || !connection_find(s->context->core, s->claim.connection_id) ||
        session->row.epoch != s->claim.epoch)
        return;
    if (!s->hide_sent)
        hide_older(s); /* cancelled in the commit that took the picture from another terminal */
    if (session->flow == flow)
        session->flow = NULL;
    if (flow->error.code == BERTH_E_SUPERSEDED)
        return; /* the later sign-on continues with the session */
    /* This terminal may still show it by the older claim, which this one has made void. */
    if (s->claim.old_session.id)
        session_hide(s->context, s->terminal->row.id, &s->claim.old_session, "failed",
                     sign_on_error_text(&flow->error));
    if (s->claim.fresh) {
        const struct ending ending = { .action = "session.undo",
                                       .reason = "failed",
                                       .why = flow->error.text,
                                       .actor = "broker",
                                       .role = "broker",
                                       .epoch = s->claim.epoch };

        session_end_retried(s->context, session->row.id, &ending);
        return;
    }
    session_disconnect_orphan(s->context, session);
}

/* ---- tell ---- */

/* write: id of the session, epoch of the claim. */
static struct changes *active_changes(struct context *context, struct retried_write *write,
                                      berth_unused struct berth_error *reterr)
{
    struct session *session = session_find(context->core, write->id);
    berth_cleanup(changes_freep) struct changes *changes = NULL;

    if (!session || session->row.epoch != write->epoch || session->row.state != session_PREPARING)
        return NULL;
    changes = changes_new("broker", "broker", write->kind->action);
    changes_object(changes, "session %llu", (unsigned long long)session->row.id);
    changes->audit.subject_user_id = session->row.user_id;
    changes->audit.terminal_id = session->row.terminal_id;
    if (session_transition(session, session_ACTIVE, "its terminal was told to show it", changes,
                           NULL, NULL) < 0)
        return NULL;
    return berth_take(changes);
}

static const struct retried_write_kind active_kind = { .action = "session.active",
                                                       .build = active_changes };

static int tell(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    struct retried_write *write;
    struct berth_error error = { 0 };

    if (!sign_on_desktop(flow))
        return FLOW_FAIL;
    if (sign_on_check(s, &error) < 0)
        return flow_fail_with(flow, &error);
    sign_on_send_show(s);
    session_find(s->context->core, s->claim.session_id)->show_sent_epoch = s->claim.epoch;
    write = retried_write_new(s->claim.session_id, s->claim.epoch, "");
    write->kind = &active_kind;
    retried_write_start(s->context, write);
    return FLOW_DONE;
}

/* ---- beginning and end ---- */

static void refuse(struct sign_on *s, const struct berth_error *error)
{
    struct berth_error shown = { .code = error->code };

    berth_text(shown.text, sizeof(shown.text), "%s", sign_on_error_text(error));
    context_refuse(s->context, s->terminal->peer, "sign_on", s->ref, &shown, REFUSED_RETRY_MS);
}

static void note_success(struct sign_on *s, char *outcome, size_t size)
{
    const struct desktop *desktop = desktop_find(s->context->core, s->claim.desktop_id);
    const char *name = desktop ? desktop->row.name : "?";

    log_event(EV_SIGN_ON, "user", s->user, "terminal", s->terminal->row.name, "desktop", name,
              "session", s->claim.session_id, "epoch", s->claim.epoch, "ms",
              s->context->timers->mono_ms - s->flow.started_ms);
    berth_text(outcome, size, "got %s: %s", name, s->verdict.reason);
}

static void note_failure(struct sign_on *s, const struct berth_error *error, char *outcome,
                         size_t size)
{
    if (!s->quiet)
        refuse(s, error);
    log_event(EV_SIGN_ON_FAILED, "user", s->user, "terminal", s->terminal->row.name, "code",
              berth_error_row(error->code)->symbol, "reason", error->text, "step",
              flow_step_name(&s->flow));
    berth_text(outcome, size, "refused: %s", error->text);
}

static void conclude(struct sign_on *s, const struct berth_error *error)
{
    char outcome[256];

    if (error->code)
        note_failure(s, error, outcome, sizeof(outcome));
    else if (s->choices_sent)
        (void)snprintf(outcome, sizeof(outcome), "was asked to choose a pool");
    else
        note_success(s, outcome, sizeof(outcome));
    if (s->user_id)
        context_note_last_sign_on(s->context, s->user_id, s->terminal->row.name, outcome);
}

static void ended(struct flow *flow, const struct berth_error *error)
{
    struct sign_on *s = sign_on_of(flow);
    struct context *context = s->context;
    struct session *session = session_find(context->core, s->claim.session_id);
    uint64_t user_id = s->user_id;

    conclude(s, error);
    if (s->terminal->sign_on == flow)
        s->terminal->sign_on = NULL;
    if (session && session->flow == flow)
        session->flow = NULL;
    sign_on_remove_from_user(s);
    waitq_wake(&s->over);
    entity_unpin(&s->terminal->base);
    berth_wipe_free(s, sizeof(*s));
    sign_on_disconnect_orphans(context, user_id);
}

const struct flow_kind sign_on_flow_kind = {
    .name = "sign-on",
    .steps = steps,
    .count = SIGN_ON_STEPS,
    .ended = ended,
    .admin_cancel = true,
    .external =
        1u << SIGN_ON_REACH | 1u << SIGN_ON_WAKE | 1u << SIGN_ON_PROBE | 1u << SIGN_ON_SECRET,
};

void sign_on_abort(struct terminal *terminal, const char *why)
{
    if (!terminal->sign_on)
        return;
    sign_on_of(terminal->sign_on)->quiet = true;
    flow_cancel(terminal->sign_on, BERTH_E_CANCELLED, "%s", why);
}

void sign_on_start(struct context *context, struct terminal *terminal, uint64_t ref,
                   const struct msg_sign_on *said)
{
    struct sign_on *s;

    sign_on_abort(terminal, "another sign-on began at this terminal");
    s = berth_new(struct sign_on);
    s->context = context;
    s->terminal = terminal;
    s->ref = ref;
    copy_text(s->wanted_pool, said->pool);
    memcpy(s->evidence, said->evidence, sizeof(s->evidence));
    s->evidence_count = said->evidence_count;
    if (said->evidence_count == 1 && said->evidence[0].kind == evidence_kind_RESUME)
        s->resume = (struct resume_claim){ .session_id = said->session_id,
                                           .connection_id = said->connection_id,
                                           .epoch = said->session_epoch,
                                           .lost_ms = said->lost_ms };
    list_init(&s->same_user);
    list_init(&s->over);
    list_init(&s->queue_entry.node);
    list_init(&s->wait.node);
    entity_pin(&terminal->base);
    flow_start(&context->engine, &s->flow, &sign_on_flow_kind, terminal->row.name);
    terminal->sign_on = &s->flow;
}
