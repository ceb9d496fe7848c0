/* connect.c - sign-on as a table of steps. */
#include "flow/connect.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"
#include "berth/plant.h"

#include "flow/connect_state.h"
#include "flow/decide.h"
#include "flow/reactor.h"
#include "flow/power.h"
#include "flow/release.h"
#include "flow/seat.h"

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
#define PROBE_FRESH_MS 3000      /* it answered so lately that it need not be asked again */
#define PROBE_PATIENCE_MS 10000  /* a ready desktop that does not answer gets so long */
#define SECRET_PATIENCE_MS 20000 /* the guest agent may come up after the RDP server */
#define SECRET_DELAY_MS 500

/* clang-format off */
static const struct flow_step steps[STEPS] = {
    /*             name        step      undo        limit/ms         true when it is behind us         */
    [IDENTIFY] = { "identify", identify, NULL,       FLOW_QUEUED },   /* we know the user               */
    [CHOOSE]   = { "choose",   choose,   unchoose,   FLOW_QUEUED },   /* a desktop is reserved          */
    [REACH]    = { "reach",    reach,    NULL,       12000 },         /* resume: its desktop was asked  */
    [REACHED]  = { "reached",  reached,  NULL,       12000 },         /* and answers                    */
    [RECORD]   = { "record",   record,   disconnect, FLOW_DURABLE },  /* the claim is on its way to disk */
    [RECORDED] = { "recorded", recorded, NULL,       0 },             /* claim and epoch are durable    */
    [WAKE]     = { "wake",     wake,     NULL,       FLOW_QUEUED },   /* its machine runs               */
    [PROBE]    = { "probe",    probe,    NULL,       12000 },         /* its RDP server was asked       */
    [PROBED]   = { "probed",   probed,   NULL,       12000 },         /* it answers, its key is the one we know */
    [SECRET]   = { "secret",   secret,   NULL,       FLOW_QUEUED },   /* the guest was told this session's secret */
    [GIVEN]    = { "given",    given,    NULL,       12000 },         /* it knows it                    */
    [TELL]     = { "tell",     tell,     NULL,       0 },             /* the terminal shows it          */
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

#define TELL_WAIT_MS 1000 /* shorter than that nobody wonders */

/* Passwords are checked as fast as their hash allows; who waits is told for how long. */
static void tell_wait(struct connect *c)
{
    int waiting;
    int64_t wait_ms = auth_wait_ms(c->context->auth, &waiting);
    char text[160];

    if (wait_ms < TELL_WAIT_MS)
        return;
    (void)snprintf(text, sizeof(text),
                   "Many people sign on at this moment: your turn comes in about %lld s",
                   (long long)(wait_ms + 999) / 1000);
    connect_progress(c, "identify", text, waiting, wait_ms);
}

static bool shows_password(const struct connect *c)
{
    for (size_t i = 0; i < c->evidence_count; i++)
        if (c->evidence[i].kind == evidence_kind_PASSWORD)
            return true;
    return false;
}

static int identify(struct flow *flow)
{
    struct connect *c = connect_of(flow);
    int begun;

    if (c->resume.session_id)
        return CHOOSE;
    connect_progress(c, "identify", "Checking who you are", 0, 0);
    begun = auth_begin(c->context->auth, c->evidence, c->evidence_count, c->terminal->row.id,
                       any_passthrough(c->context->core), &c->who, &flow->op);
    if (begun >= 0 && shows_password(c))
        tell_wait(c);
    explicit_bzero(c->evidence, sizeof(c->evidence));
    return flow_await(flow, begun, CHOOSE);
}

/* ---- choose ---- */

static int choose(struct flow *flow)
{
    struct connect *c = connect_of(flow);
    const struct user *user;
    int answer;

    if (c->resume.session_id && connect_resume_judge(flow) < 0)
        return FLOW_FAIL;
    user = user_find(c->context->core, c->who.user_id);
    if (!user)
        return flow_fail(flow, BERTH_E_CREDENTIALS, "the user name or the password is wrong");
    c->user_id = user->row.id;
    (void)snprintf(c->user, sizeof(c->user), "%s", user->row.name);
    (void)snprintf(flow->who, sizeof(flow->who), "%.40s at %.40s", c->user, c->terminal->row.name);
    connect_join_same_user(c);
    answer = connect_choose(flow, CHOOSE, c->resume.session_id && !c->answers ? REACH : RECORD);
    connect_settle_leftovers(c->context, c->user_id);
    return answer;
}

static void unchoose(struct flow *flow)
{
    struct connect *c = connect_of(flow);

    reservation_return(c->place.reservation); /* NULL is fine: choose itself may have failed */
    c->place.reservation = NULL;
}

/* ---- reach ---- */

static int reach(struct flow *flow)
{
    return connect_reach(flow, REACHED);
}

static int reached(struct flow *flow)
{
    return connect_reached(flow, REACH, CHOOSE);
}

/* ---- record ---- */

static int record(struct flow *flow)
{
    struct connect *c = connect_of(flow);
    const struct pool *pool = pool_find(c->context->core, c->claim.pool_id);
    struct changes *changes;
    struct berth_error error = { 0 };

    if (connect_judge(c, &error) < 0)
        return flow_fail_with(flow, &error);
    /* Better now than a desktop that nobody gets into. */
    if (c->who.badge_alone && pool->row.credential == pool_credential_PASSTHROUGH)
        return flow_fail(flow, BERTH_E_CREDENTIALS,
                         "this desktop asks for your password: sign on with badge and password");
    if (c->place.reservation)
        c->claim.desktop_id = c->place.reservation->desktop->row.id;
    if (claim_changes(c->context, &c->claim, &changes, &error) < 0) {
        if (++c->conflicts > CONFLICTS_MAX)
            return flow_fail_with(flow, &error);
        unchoose(flow);
        return CHOOSE;
    }
    return flow_await_any(flow, decide_begin(c->context, changes, NULL, &flow->op), RECORDED);
}

/* Whoever showed it until now is told at once; the guest refuses the older epoch anyway. */
static void hide_older(struct connect *c)
{
    char text[200];

    c->told_hidden = true;
    if (c->claim.old_terminal_id) {
        (void)snprintf(text, sizeof(text), "Your session moved to %s", c->terminal->row.name);
        seat_hide(c->context, c->claim.old_terminal_id, &c->claim.old_session, "moved", text);
    }
    if (c->claim.here.id)
        seat_hide(c->context, c->terminal->row.id, &c->claim.here, "disconnected",
                  "Somebody else signs on here; your session goes on");
}

/* What the desktop of this claim takes from the user themself: empty where it has its own. */
static const struct secret *own_password(const struct connect *c)
{
    static const struct secret none;
    const struct pool *pool = pool_find(c->context->core, c->claim.pool_id);

    return pool && pool->row.credential == pool_credential_PASSTHROUGH ? &c->who.password : &none;
}

static int recorded(struct flow *flow)
{
    struct connect *c = connect_of(flow);
    struct session *session;

    if (flow->op.result == BERTH_E_CONFLICT && ++c->conflicts <= CONFLICTS_MAX) {
        /* Somebody else decided first: look at what is true now. */
        unchoose(flow);
        return CHOOSE;
    }
    if (flow->op.result < 0)
        return flow_fail_with(flow, &flow->op.error);
    unchoose(flow); /* the assignment holds it from here on */
    session = session_find(c->context->core, c->claim.session_id);
    if (session) {
        session->flow = flow;
        session->detach_pending = false; /* that was the picture of an earlier claim */
    }
    resume_keep(c->context, c->claim.session_id, c->claim.epoch, c->resume.epoch, own_password(c));
    hide_older(c);
    return WAKE;
}

/* Behind the claim a failure is made good by another decision; what a later claim has taken over is
 * left alone. */
static void disconnect(struct flow *flow)
{
    struct connect *c = connect_of(flow);
    struct session *session = session_find(c->context->core, c->claim.session_id);

    /* The connection exists if and only if our claim was committed. */
    if (!session || !connection_find(c->context->core, c->claim.connection_id) ||
        session->row.epoch != c->claim.epoch)
        return;
    if (!c->told_hidden)
        hide_older(c); /* called off in the very commit that took the picture from them */
    if (session->flow == flow)
        session->flow = NULL;
    if (flow->error.code == BERTH_E_OVERTAKEN)
        return; /* the later sign-on goes on from here */
    /* This terminal may still show it with the claim that ours has made void. */
    if (c->claim.old_session.id)
        seat_hide(c->context, c->terminal->row.id, &c->claim.old_session, "failed",
                  connect_words(&flow->error));
    if (c->claim.fresh) {
        const struct ending ending = { .action = "session.undo",
                                       .reason = "failed",
                                       .why = flow->error.text,
                                       .actor = "broker",
                                       .role = "broker",
                                       .epoch = c->claim.epoch };

        session_end_soon(c->context, session->row.id, &ending);
        return;
    }
    connect_settle(c->context, session);
}

/* ---- wake, probe ---- */

static struct desktop *desktop_of(const struct connect *c)
{
    return desktop_find(c->context->core, c->claim.desktop_id);
}

/* Still ours, after a wait? */
static int check(struct flow *flow, struct desktop **ret)
{
    const struct connect *c = connect_of(flow);
    const struct session *session = session_find(c->context->core, c->claim.session_id);

    *ret = desktop_of(c);
    if (!session || session->row.epoch != c->claim.epoch || session->row.state != session_PREPARING)
        return flow_fail(flow, BERTH_E_OVERTAKEN, "your session was taken over or ended meanwhile");
    if (!*ret)
        return flow_fail(flow, BERTH_E_NOT_FOUND, "the desktop was deleted");
    return 0;
}

static int wake(struct flow *flow)
{
    struct connect *c = connect_of(flow);
    struct desktop *desktop;

    if (check(flow, &desktop) < 0)
        return FLOW_FAIL;
    c->probing_since_ms = c->context->timers->mono_ms;
    if (!desktop->power &&
        (desktop->state == desktop_READY || desktop->state == desktop_QUARANTINED))
        return PROBE;
    connect_progress(c, "wake", "Your desktop is being started", 0, 0);
    return flow_await(flow, desktop_want_up(c->context, desktop, &flow->op), PROBE);
}

/* A machine's certificate is learnt once per boot, and its host tells of every start; the viewer
 * takes no other one. Of an existing machine nobody tells us when it is replaced.
 */
static bool certificate_is_known(const struct connect *c, const struct desktop *desktop)
{
    const struct host *host = host_find(c->context->core, desktop->row.host_id);

    return host && host->state == host_UP && (host->capabilities & VIRT_CAN_EVENTS) &&
           desktop->fingerprint[0] && desktop->state == desktop_READY;
}

static int probe(struct flow *flow)
{
    struct connect *c = connect_of(flow);
    int64_t now = c->context->timers->mono_ms;
    struct probe_target target;
    struct desktop *desktop;
    int begun;

    if (check(flow, &desktop) < 0)
        return FLOW_FAIL;
    c->secret_since_ms = 0;
    if (desktop->probed_ms && now - desktop->probed_ms < PROBE_FRESH_MS)
        return SECRET;
    target = (struct probe_target){ .address = desktop->address,
                                    .port = desktop->port,
                                    .answer_only = certificate_is_known(c, desktop),
                                    .urgent = true };
    begun = probe_begin(c->context->probe, &target, &c->probe, &flow->op);
    return flow_await_any(flow, begun, PROBED);
}

static int probed(struct flow *flow)
{
    struct connect *c = connect_of(flow);
    int64_t now = c->context->timers->mono_ms;
    struct desktop *desktop;

    if (check(flow, &desktop) < 0)
        return FLOW_FAIL;
    if (flow->op.result < 0) {
        if (desktop->state != desktop_READY && desktop->state != desktop_QUARANTINED)
            return WAKE; /* its machine stopped meanwhile */
        if (flow->op.result == BERTH_E_BUSY)
            c->probing_since_ms += CONNECT_PROBE_DELAY_MS; /* it was not asked at all */
        if (now - c->probing_since_ms < PROBE_PATIENCE_MS)
            return flow_await(flow, delay_begin(&c->delay, CONNECT_PROBE_DELAY_MS, &flow->op),
                              PROBE);
        if (desktop->state == desktop_QUARANTINED)
            return flow_fail(flow, BERTH_E_DESKTOP, "desktop '%s' is kept out of use: %s",
                             desktop->row.name, desktop->row.reason);
        if (c->claim.fresh)
            desktop_quarantine(c->context, desktop, flow->op.error.text);
        return flow_fail(flow, BERTH_E_DESKTOP, "desktop '%s' does not answer: %s",
                         desktop->row.name, flow->op.error.text);
    }
    desktop->probed_ms = now;
    if (!c->probe.fingerprint[0])
        return SECRET;
    if (desktop->fingerprint[0] && strcmp(desktop->fingerprint, c->probe.fingerprint) != 0) {
        desktop->probed_ms = 0;
        desktop_quarantine(c->context, desktop, "it shows another certificate than at its start");
        return flow_fail(flow, BERTH_E_DESKTOP,
                         "desktop '%s' shows another certificate than at its start",
                         desktop->row.name);
    }
    (void)snprintf(desktop->fingerprint, sizeof(desktop->fingerprint), "%s", c->probe.fingerprint);
    return SECRET;
}

/* ---- secret ---- */

/* 24 letters and digits that nobody confuses: 120 bits. */
void connect_password(struct berth_random *random, struct secret *ret)
{
    static const char letters[32] = "abcdefghijkmnpqrstuvwxyz23456789";

    secret_wipe(ret);
    for (int i = 0; i < 24; i++)
        ret->text[i] = letters[random_below(random, sizeof(letters))];
}

static int secret(struct flow *flow)
{
    struct connect *c = connect_of(flow);
    const struct pool *pool = pool_find(c->context->core, c->claim.pool_id);
    struct desktop *desktop;
    struct session *session;
    int begun;

    if (check(flow, &desktop) < 0)
        return FLOW_FAIL;
    session = session_find(c->context->core, c->claim.session_id);
    if (pool->row.credential == pool_credential_PASSTHROUGH && !session->account[0]) {
        c->password = c->who.password;
        return TELL;
    }
    if (!session->account[0])
        (void)snprintf(session->account, sizeof(session->account), "%s", pool->row.account);
    connect_password(c->context->random, &c->password);
    c->args = (struct virt_args){ .secret = c->password };
    (void)snprintf(c->args.uuid, sizeof(c->args.uuid), "%s", desktop->row.uuid);
    (void)snprintf(c->args.account, sizeof(c->args.account), "%s", session->account);
    begun = virt_begin(c->context->virt, desktop->row.host_id, VIRT_password, &c->args, &c->result,
                       &flow->op);
    secret_wipe(&c->args.secret);
    return flow_await_any(flow, begun, GIVEN);
}

static int given(struct flow *flow)
{
    struct connect *c = connect_of(flow);

    if (flow->op.result >= 0)
        return TELL;
    secret_wipe(&c->password);
    /* Patience begins with the first answer: before that the call may have stood in a queue. */
    if (!c->secret_since_ms)
        c->secret_since_ms = c->context->timers->mono_ms;
    if (flow->op.result == BERTH_E_UNSUPPORTED || flow->op.result == BERTH_E_HOST_DOWN ||
        c->context->timers->mono_ms - c->secret_since_ms >= SECRET_PATIENCE_MS)
        return flow_fail_with(flow, &flow->op.error);
    /* The agent may not be up yet, or the outcome is unknown: another password makes both good. */
    return flow_await(flow, delay_begin(&c->delay, SECRET_DELAY_MS, &flow->op), SECRET);
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
    if (planted(SECRET_KEPT))
        changes_detail(changes, "%s", write->text);
    if (session_transition(session, session_ACTIVE, "its terminal was told to show it", changes, NULL,
                     NULL) < 0) {
        changes_free(changes);
        return NULL;
    }
    return changes;
}

static int tell(struct flow *flow)
{
    struct connect *c = connect_of(flow);
    struct desktop *desktop;
    struct retried_write write = { .build = active_changes, .action = "session.active" };
    struct berth_error error = { 0 };

    if (check(flow, &desktop) < 0)
        return FLOW_FAIL;
    if (connect_judge(c, &error) < 0)
        return flow_fail_with(flow, &error);
    if (planted(SECRET_KEPT))
        (void)snprintf(write.text, sizeof(write.text), "%.64s", c->password.text);
    connect_show(c);
    session_find(c->context->core, c->claim.session_id)->show_sent_epoch = c->claim.epoch;
    write.id = c->claim.session_id;
    write.number = c->claim.epoch;
    retried_write_start(c->context, &write);
    return FLOW_DONE;
}

/* ---- beginning and end ---- */

static void refuse(struct connect *c, const struct berth_error *error)
{
    const struct berth_error_row *row = berth_error_row(error->code);
    struct msg msg = { .type = MSG_refused, .ref = c->ref };

    (void)snprintf(msg.refused.about, sizeof(msg.refused.about), "sign_on");
    (void)snprintf(msg.refused.code, sizeof(msg.refused.code), "%s", row->symbol);
    berth_text(msg.refused.text, sizeof(msg.refused.text), "%s", connect_words(error));
    msg.refused.retry_after_ms = row->retry ? 1000 : 0;
    context_tell(c->context, c->terminal->peer, &msg);
}

static void note_success(struct connect *c, char *outcome, size_t size)
{
    const struct desktop *desktop = desktop_of(c);
    const char *name = desktop ? desktop->row.name : "?";

    log_event(EV_SIGN_ON, "user", c->user, "terminal", c->terminal->row.name, "desktop", name,
              "session", c->claim.session_id, "epoch", c->claim.epoch, "ms",
              c->context->timers->mono_ms - c->flow.started_ms);
    berth_text(outcome, size, "got %s: %s", name, c->verdict.reason);
}

static void note_failure(struct connect *c, const struct berth_error *error, char *outcome,
                         size_t size)
{
    if (!c->quiet)
        refuse(c, error);
    log_event(EV_SIGN_ON_FAILED, "user", c->user, "terminal", c->terminal->row.name, "code",
              berth_error_row(error->code)->symbol, "reason", error->text, "step",
              flow_step_name(&c->flow));
    berth_text(outcome, size, "refused: %s", error->text);
}

static void conclude(struct connect *c, const struct berth_error *error)
{
    char outcome[256];

    if (error->code)
        note_failure(c, error, outcome, sizeof(outcome));
    else if (c->asked_back)
        (void)snprintf(outcome, sizeof(outcome), "was asked which pool it shall be");
    else
        note_success(c, outcome, sizeof(outcome));
    if (c->user_id)
        context_note_last_sign_on(c->context, c->user_id, c->terminal->row.name, outcome);
}

static void ended(struct flow *flow, const struct berth_error *error)
{
    struct connect *c = connect_of(flow);
    struct context *context = c->context;
    struct session *session = session_find(context->core, c->claim.session_id);
    uint64_t user_id = c->user_id;

    conclude(c, error);
    if (c->terminal->sign_on == flow)
        c->terminal->sign_on = NULL;
    if (session && session->flow == flow)
        session->flow = NULL;
    connect_leave_same_user(c);
    waitq_wake(&c->over);
    entity_unpin(&c->terminal->base);
    berth_wipe_free(c, sizeof(*c));
    connect_settle_leftovers(context, user_id);
    reactor_flow_ended(context);
}

const struct flow_kind connect_kind = {
    .name = "sign-on",
    .steps = steps,
    .count = STEPS,
    .ended = ended,
    .people_cancel = true,
    .outside = 1u << REACH | 1u << REACHED | 1u << WAKE | 1u << PROBE | 1u << PROBED |
               1u << SECRET | 1u << GIVEN,
};

void connect_call_off(struct terminal *terminal, const char *why)
{
    if (!terminal->sign_on)
        return;
    connect_of(terminal->sign_on)->quiet = true;
    flow_cancel(terminal->sign_on, BERTH_E_CANCELLED, "%s", why);
}

void connect_start(struct context *context, struct terminal *terminal, uint64_t ref,
                   const struct msg_sign_on *said)
{
    struct connect *c;

    connect_call_off(terminal, "another sign-on began at this terminal");
    c = berth_new(struct connect);
    c->context = context;
    c->terminal = terminal;
    c->ref = ref;
    (void)snprintf(c->wanted_pool, sizeof(c->wanted_pool), "%s", said->pool);
    memcpy(c->evidence, said->evidence, sizeof(c->evidence));
    c->evidence_count = said->evidence_count;
    if (said->evidence_count == 1 && said->evidence[0].kind == evidence_kind_RESUME)
        c->resume = (struct resume_claim){ .session_id = said->session_id,
                                           .connection_id = said->connection_id,
                                           .epoch = said->session_epoch,
                                           .lost_ms = said->lost_ms };
    list_init(&c->same_user);
    list_init(&c->over);
    list_init(&c->place.node);
    list_init(&c->wait.node);
    entity_pin(&terminal->base);
    flow_start(&context->engine, &c->flow, &connect_kind, terminal->row.name);
    terminal->sign_on = &c->flow;
}
