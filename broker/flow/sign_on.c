/* sign_on.c - the sign-on flow: its table of steps, start and end. */
#include "flow/sign_on.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "flow/decide.h"
#include "flow/power.h"
#include "flow/reactor.h"
#include "flow/release.h"
#include "flow/session_detach.h"
#include "flow/sign_on_state.h"

static flow_step_fn identify, choose, reach, reached, record, recorded, wake, probe, probed, secret,
    given, tell;
static flow_undo_fn unchoose, disconnect;

enum {
    IDENTIFY,
    CHOOSE,
    REACH,
    REACHED,
    RECORD,
    RECORDED,
    WAKE,
    PROBE,
    PROBED,
    SECRET,
    GIVEN,
    TELL,
    STEPS
};

#define CONFLICTS_MAX 8
#define PROBE_FRESH_MS 3000         /* it answered so lately that it is not probed again */
#define PROBE_RETRY_LIMIT_MS 10000  /* how long a READY desktop is probed before it fails */
#define SECRET_RETRY_LIMIT_MS 20000 /* the guest agent may start after the RDP server */
#define SECRET_DELAY_MS 500

/* clang-format off */
static const struct flow_step steps[STEPS] = {
    /*             name        step      undo        limit/ms        true after it */
    [IDENTIFY] = { "identify", identify, NULL,       FLOW_QUEUED },  /* the user is known */
    [CHOOSE]   = { "choose",   choose,   unchoose,   FLOW_QUEUED },  /* a desktop is reserved */
    [REACH]    = { "reach",    reach,    NULL,       12000 },        /* resume: its desktop was probed */
    [REACHED]  = { "reached",  reached,  NULL,       12000 },        /* and answered */
    [RECORD]   = { "record",   record,   disconnect, FLOW_DURABLE }, /* the claim is being written */
    [RECORDED] = { "recorded", recorded, NULL,       0 },            /* claim and epoch are durable */
    [WAKE]     = { "wake",     wake,     NULL,       FLOW_QUEUED },  /* its machine runs */
    [PROBE]    = { "probe",    probe,    NULL,       12000 },        /* its RDP server was probed */
    [PROBED]   = { "probed",   probed,   NULL,       12000 },        /* it answered with the known certificate */
    [SECRET]   = { "secret",   secret,   NULL,       FLOW_QUEUED },  /* the guest was given the session's password */
    [GIVEN]    = { "given",    given,    NULL,       12000 },        /* the guest has it */
    [TELL]     = { "tell",     tell,     NULL,       0 },            /* the terminal was told to show it */
};
/* clang-format on */

/* ---- identify ---- */

static bool any_passthrough(struct core *core)
{
    list_each (core_all(core, ENTITY_pool), node) {
        struct entity *entity = entity_of(node);

        if (container_of(entity, struct pool, base)->row.credential == pool_credential_PASSTHROUGH)
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
        return CHOOSE;
    sign_on_send_progress(s, "identify", "Checking who you are", 0, 0);
    begun = auth_begin(s->context->auth, s->evidence, s->evidence_count, s->terminal->row.id,
                       any_passthrough(s->context->core), &s->who, &flow->op);
    if (begun >= 0 && shows_password(s))
        send_wait(s);
    explicit_bzero(s->evidence, sizeof(s->evidence));
    return flow_await(flow, begun, CHOOSE);
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
    (void)snprintf(s->user, sizeof(s->user), "%s", user->row.name);
    (void)snprintf(flow->who, sizeof(flow->who), "%.40s at %.40s", s->user, s->terminal->row.name);
    sign_on_add_to_user(s);
    answer =
        sign_on_select(flow, CHOOSE, s->resume.session_id && !s->desktop_reached ? REACH : RECORD);
    sign_on_disconnect_orphans(s->context, s->user_id);
    return answer;
}

static void unchoose(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);

    reservation_return(s->queue_entry.reservation); /* NULL when choose itself has failed */
    s->queue_entry.reservation = NULL;
}

/* ---- reach ---- */

static int reach(struct flow *flow)
{
    return sign_on_reach(flow, REACHED);
}

static int reached(struct flow *flow)
{
    return sign_on_reached(flow, REACH, CHOOSE);
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
        return CHOOSE;
    }
    return flow_await_any(flow, decide_begin(s->context, changes, NULL, &flow->op), RECORDED);
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
        return CHOOSE;
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
    return WAKE;
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

/* ---- wake, probe ---- */

static struct desktop *desktop_of(const struct sign_on *s)
{
    return desktop_find(s->context->core, s->claim.desktop_id);
}

/* After a wait: is the session still claimed by this sign-on, and does its desktop exist? */
static int check(struct flow *flow, struct desktop **ret)
{
    const struct sign_on *s = sign_on_of(flow);
    const struct session *session = session_find(s->context->core, s->claim.session_id);

    *ret = desktop_of(s);
    if (!session || session->row.epoch != s->claim.epoch || session->row.state != session_PREPARING)
        return flow_fail(flow, BERTH_E_SUPERSEDED,
                         "your session was taken over or ended meanwhile");
    if (!*ret)
        return flow_fail(flow, BERTH_E_NOT_FOUND, "the desktop was deleted");
    return 0;
}

static int wake(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    struct desktop *desktop;

    if (check(flow, &desktop) < 0)
        return FLOW_FAIL;
    s->probing_since_ms = s->context->timers->mono_ms;
    if (!desktop->power &&
        (desktop->state == desktop_READY || desktop->state == desktop_QUARANTINED))
        return PROBE;
    sign_on_send_progress(s, "wake", "Your desktop is being started", 0, 0);
    return flow_await(flow, desktop_request_up(s->context, desktop, &flow->op), PROBE);
}

/* A machine's certificate is learnt once per boot, and its host reports every start; the viewer
 * accepts no other certificate. For an existing machine nothing reports a replacement.
 */
static bool certificate_is_known(const struct sign_on *s, const struct desktop *desktop)
{
    const struct host *host = host_find(s->context->core, desktop->row.host_id);

    return host && host->state == host_UP && (host->capabilities & VIRT_CAN_EVENTS) &&
           desktop->fingerprint[0] && desktop->state == desktop_READY;
}

static int probe(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    int64_t now = s->context->timers->mono_ms;
    struct probe_target target;
    struct desktop *desktop;
    int begun;

    if (check(flow, &desktop) < 0)
        return FLOW_FAIL;
    s->secret_since_ms = 0;
    if (desktop->probed_ms && now - desktop->probed_ms < PROBE_FRESH_MS)
        return SECRET;
    target = (struct probe_target){ .address = desktop->address,
                                    .port = desktop->port,
                                    .answer_only = certificate_is_known(s, desktop),
                                    .urgent = true };
    begun = probe_begin(s->context->probe, &target, &s->probe, &flow->op);
    return flow_await_any(flow, begun, PROBED);
}

static int probed(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    int64_t now = s->context->timers->mono_ms;
    struct desktop *desktop;

    if (check(flow, &desktop) < 0)
        return FLOW_FAIL;
    if (flow->op.result < 0) {
        if (desktop->state != desktop_READY && desktop->state != desktop_QUARANTINED)
            return WAKE; /* its machine stopped meanwhile */
        if (flow->op.result == BERTH_E_BUSY)
            s->probing_since_ms += SIGN_ON_PROBE_DELAY_MS; /* it was not probed at all */
        if (now - s->probing_since_ms < PROBE_RETRY_LIMIT_MS)
            return flow_await(flow, delay_begin(&s->delay, SIGN_ON_PROBE_DELAY_MS, &flow->op),
                              PROBE);
        if (desktop->state == desktop_QUARANTINED)
            return flow_fail(flow, BERTH_E_DESKTOP, "desktop '%s' is kept out of use: %s",
                             desktop->row.name, desktop->row.reason);
        if (s->claim.fresh)
            desktop_quarantine(s->context, desktop, flow->op.error.text);
        return flow_fail(flow, BERTH_E_DESKTOP, "desktop '%s' does not answer: %s",
                         desktop->row.name, flow->op.error.text);
    }
    desktop->probed_ms = now;
    if (!s->probe.fingerprint[0])
        return SECRET;
    if (desktop->fingerprint[0] && strcmp(desktop->fingerprint, s->probe.fingerprint) != 0) {
        desktop->probed_ms = 0;
        desktop_quarantine(s->context, desktop, "it shows another certificate than at its start");
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "desktop '%s' shows another certificate than at its start",
                         desktop->row.name);
    }
    (void)snprintf(desktop->fingerprint, sizeof(desktop->fingerprint), "%s", s->probe.fingerprint);
    return SECRET;
}

/* ---- secret ---- */

/* 24 letters and digits that are not easily confused: 120 bits. */
void random_password(struct berth_random *random, struct secret *ret)
{
    static const char letters[32] = "abcdefghijkmnpqrstuvwxyz23456789";

    secret_wipe(ret);
    for (int i = 0; i < 24; i++)
        ret->text[i] = letters[random_below(random, sizeof(letters))];
}

static int secret(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    const struct pool *pool = pool_find(s->context->core, s->claim.pool_id);
    struct desktop *desktop;
    struct session *session;
    int begun;

    if (check(flow, &desktop) < 0)
        return FLOW_FAIL;
    session = session_find(s->context->core, s->claim.session_id);
    if (pool->row.credential == pool_credential_PASSTHROUGH && !session->account[0]) {
        s->password = s->who.password;
        return TELL;
    }
    if (!session->account[0])
        (void)snprintf(session->account, sizeof(session->account), "%s", pool->row.account);
    random_password(s->context->random, &s->password);
    s->args = (struct virt_args){ .secret = s->password };
    (void)snprintf(s->args.uuid, sizeof(s->args.uuid), "%s", desktop->row.uuid);
    (void)snprintf(s->args.account, sizeof(s->args.account), "%s", session->account);
    begun = virt_begin(s->context->virt, desktop->row.host_id, VIRT_password, &s->args, &s->result,
                       &flow->op);
    secret_wipe(&s->args.secret);
    return flow_await_any(flow, begun, GIVEN);
}

static int given(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);

    if (flow->op.result >= 0)
        return TELL;
    secret_wipe(&s->password);
    /* The retry limit counts from the first answer: before, the call may have waited in a queue. */
    if (!s->secret_since_ms)
        s->secret_since_ms = s->context->timers->mono_ms;
    if (flow->op.result == BERTH_E_UNSUPPORTED || flow->op.result == BERTH_E_HOST_DOWN ||
        s->context->timers->mono_ms - s->secret_since_ms >= SECRET_RETRY_LIMIT_MS)
        return flow_fail_with(flow, &flow->op.error);
    /* The guest agent may not run yet, or the outcome is unknown: setting another password covers
     * both. */
    return flow_await(flow, delay_begin(&s->delay, SECRET_DELAY_MS, &flow->op), SECRET);
}

/* ---- tell ---- */

/* write: id = session, number = epoch. */
static struct changes *active_changes(struct context *context, const struct retried_write *write)
{
    struct session *session = session_find(context->core, write->id);
    struct changes *changes;

    if (!session || session->row.epoch != write->number || session->row.state != session_PREPARING)
        return NULL;
    changes = changes_new("broker", "broker", write->action);
    changes_object(changes, "session %llu", (unsigned long long)session->row.id);
    changes->audit.subject_user_id = session->row.user_id;
    changes->audit.terminal_id = session->row.terminal_id;
    if (session_transition(session, session_ACTIVE, "its terminal was told to show it", changes,
                           NULL, NULL) < 0) {
        changes_free(changes);
        return NULL;
    }
    return changes;
}

static int tell(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    struct desktop *desktop;
    struct retried_write write = { .build = active_changes, .action = "session.active" };
    struct berth_error error = { 0 };

    if (check(flow, &desktop) < 0)
        return FLOW_FAIL;
    if (sign_on_check(s, &error) < 0)
        return flow_fail_with(flow, &error);
    sign_on_send_show(s);
    session_find(s->context->core, s->claim.session_id)->show_sent_epoch = s->claim.epoch;
    write.id = s->claim.session_id;
    write.number = s->claim.epoch;
    retried_write_start(s->context, &write);
    return FLOW_DONE;
}

/* ---- beginning and end ---- */

static void refuse(struct sign_on *s, const struct berth_error *error)
{
    const struct berth_error_row *row = berth_error_row(error->code);
    struct msg msg = { .type = MSG_refused, .ref = s->ref };

    (void)snprintf(msg.refused.about, sizeof(msg.refused.about), "sign_on");
    (void)snprintf(msg.refused.code, sizeof(msg.refused.code), "%s", row->symbol);
    berth_text(msg.refused.text, sizeof(msg.refused.text), "%s", sign_on_error_text(error));
    msg.refused.retry_after_ms = row->retry ? 1000 : 0;
    context_tell(s->context, s->terminal->peer, &msg);
}

static void note_success(struct sign_on *s, char *outcome, size_t size)
{
    const struct desktop *desktop = desktop_of(s);
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
    reactor_flow_ended(context);
}

const struct flow_kind sign_on_flow_kind = {
    .name = "sign-on",
    .steps = steps,
    .count = STEPS,
    .ended = ended,
    .admin_cancel = true,
    .external = 1u << REACH | 1u << REACHED | 1u << WAKE | 1u << PROBE | 1u << PROBED |
                1u << SECRET | 1u << GIVEN,
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
    (void)snprintf(s->wanted_pool, sizeof(s->wanted_pool), "%s", said->pool);
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
