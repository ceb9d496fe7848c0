/* sign_on_request.c - ask the broker for a desktop; resume; choice of a pool; kiosk. */
#include "flow/sign_on_request.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/reconnect.h"
#include "core/texts.h"

/* Limit for a lost link during a sign-on. */
#define BROKER_AWAY_MAX_MS 60000
/* Limit for the choice of a pool, because the evidence is kept meanwhile. */
#define CHOICE_MS 120000
/* A kiosk that was refused tries again, after a delay that doubles up to this many times. */
#define KIOSK_FIRST_MS 2000
#define KIOSK_DOUBLINGS 5

/* A lost picture is requested this often, after 1, 2, 4, 8, 16 and 16 s. The delays give the guest
 * time to report a log-off, and a network time to recover. */
#define RESUME_TRIES 6
#define RESUME_FIRST_MS 1000
#define RESUME_DOUBLINGS 4

static flow_begin_fn wait, ask, pick;
static flow_finish_fn answered;

enum { WAIT, ASK, PICK };

/* clang-format off */
static const struct flow_step sign_on_request_steps[] = {
    /*         name    begin finish    undo  limit/ms          true when it is behind us                          */
    [WAIT] = { "wait", wait, NULL,     NULL, FLOW_QUEUED }, /* resume: the delay since the last attempt is over   */
    [ASK]  = { "ask",  ask,  answered, NULL, FLOW_QUEUED }, /* the broker answered: show, choose or refused       */
    [PICK] = { "pick", pick, NULL,     NULL, CHOICE_MS },   /* the person picked a pool; back to ask              */
};
/* clang-format on */

/* Results of the wait for the broker's answer. */
enum { ANSWER_SHOWN, ANSWER_CHOOSE };

static struct agent_flow *agent_of(struct flow *flow)
{
    return container_of(flow, struct agent_flow, sign_on.flow);
}

static void send_sign_on(struct agent_flow *agent)
{
    struct sign_on_request *sign_on = &agent->sign_on;
    struct msg msg;

    agent_flow_init_message(agent, &msg, MSG_sign_on);
    msg.sign_on.evidence_count = sign_on->evidence_count;
    memcpy(msg.sign_on.evidence, sign_on->evidence, sizeof(sign_on->evidence));
    copy_text(msg.sign_on.pool, sign_on->pool);
    if (sign_on->resume.on) {
        msg.sign_on.session_id = sign_on->resume.claim.session_id;
        msg.sign_on.session_epoch = sign_on->resume.claim.epoch;
        msg.sign_on.connection_id = sign_on->resume.claim.connection_id;
        msg.sign_on.lost_ms = agent_flow_uptime_ms(agent) - sign_on->resume.lost_at_ms;
    }
    sign_on->answer.ref = msg.ref;
    (void)agent_flow_send(agent, &msg);
    msg_wipe(&msg);
}

/* The page while a picture is being resumed. */
static void show_resuming(struct agent_flow *agent)
{
    const char *language = agent->settings.language;

    agent_flow_set_state_text(
        agent, agent_SIGN_ON, "resuming the picture", text_in(language, TEXT_RESUMING),
        text_in(language, agent->terminal.online ? TEXT_RESUMING_LONG : TEXT_RESUMING_OFFLINE),
        false);
}

static int wait(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    struct resume *resume = &agent->sign_on.resume;
    int doublings = resume->tries < RESUME_DOUBLINGS ? resume->tries : RESUME_DOUBLINGS;

    agent->sign_on.answer.ref = 0;
    if (!resume->on)
        return ASK;
    show_resuming(agent);
    return flow_await(
        flow, delay_begin(&resume->delay,
                          reconnect_jitter_ms(agent->random, (int64_t)RESUME_FIRST_MS << doublings),
                          &flow->op));
}

static int ask(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    struct resume *resume = &agent->sign_on.resume;
    int r = event_wait_begin(&agent->sign_on.answer, &flow->op);

    if (resume->on) {
        resume->tries++;
        resume->retry = true; /* until the broker refuses for good */
        show_resuming(agent);
    } else {
        agent_flow_set_state(agent, agent_SIGN_ON, "the sign-on was sent");
    }
    send_sign_on(agent); /* without a link, sign_on_request_link_back sends it */
    return flow_await(flow, r);
}

static int retry_or_fail(struct flow *flow)
{
    const struct resume *resume = &agent_of(flow)->sign_on.resume;

    if (resume->on && resume->retry && resume->tries < RESUME_TRIES)
        return WAIT;
    return flow_fail_with(flow, &flow->op.error);
}

/* A show, a refusal or a choice of pools. */
static int answered(struct flow *flow)
{
    if (flow->op.result < 0)
        return retry_or_fail(flow);
    return flow->op.result == ANSWER_SHOWN ? FLOW_DONE : PICK;
}

static int pick(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);

    agent_flow_set_state(agent, agent_CHOOSING, "the broker offers several pools");
    return flow_await_then(flow, event_wait_begin(&agent->sign_on.answer, &flow->op), ASK);
}

/* The picture did not come back: say what the person can do. text: the broker's refusal. */
static void give_up_resuming(struct agent_flow *agent, const char *text)
{
    const char *language = agent->settings.language;
    enum text own = agent->terminal.online ? TEXT_RESUME_OVER : TEXT_RESUME_OFFLINE_OVER;
    bool reason = agent->terminal.online && !agent->sign_on.resume.retry;

    agent_flow_set_state_text(agent, terminal_status_fallback(&agent->terminal),
                              "the picture did not come back", NULL,
                              reason ? text : text_in(language, own), true);
}

/* Back to the sign-on form, with the reason unless the person cancelled. */
static void return_to_idle(struct agent_flow *agent, const struct berth_error *error)
{
    const char *language = agent->settings.language;
    const char *text = text_of_refusal(language, berth_error_row(error->code)->symbol, error->text);

    if (!terminal_status_user_waiting(&agent->terminal))
        return;
    if (agent->sign_on.resume.on && error->code != BERTH_E_CANCELLED)
        give_up_resuming(agent, text);
    else if (error->code == BERTH_E_CANCELLED)
        agent_flow_set_state(agent, terminal_status_fallback(&agent->terminal), "cancelled");
    else if (!agent->terminal.online)
        agent_flow_set_state_text(agent, agent_OFFLINE, "the broker is away", NULL,
                                  text_in(language, TEXT_SIGN_ON_LOST), true);
    else
        agent_flow_set_state_text(agent, agent_IDLE, "sign-on refused", NULL, text, true);
}

static void sign_on_request_ended(struct flow *flow, const struct berth_error *error)
{
    struct agent_flow *agent = agent_of(flow);
    struct sign_on_request *sign_on = &agent->sign_on;

    sign_on->running = false;
    timer_stop(agent->timers, &sign_on->deadline);
    explicit_bzero(sign_on->evidence, sizeof(sign_on->evidence));
    sign_on->evidence_count = 0;
    sign_on->took_ms = agent->timers->mono_ms - sign_on->began_ms;
    if (!error->code || agent->stopping)
        return;
    sign_on->answer.ref = 0; /* later answers to this request are dropped */
    log_failure(EV_AGENT_FLOW, error, sign_on->resume.on ? "resume" : "sign-on");
    if (sign_on->kiosk)
        sign_on_request_kiosk_back_off(agent);
    return_to_idle(agent, error);
    agent_flow_notify(agent, sign_on->resume.on ? AGENT_EVENT_ENDED : AGENT_EVENT_SIGN_ON_FAILED,
                      error);
    sign_on_request_end_resume(agent);
}

const struct flow_kind sign_on_request_kind = {
    .name = "sign-on",
    .steps = sign_on_request_steps,
    .count = BERTH_COUNT(sign_on_request_steps),
    .ended = sign_on_request_ended,
};

static int may_begin(const struct agent_flow *agent, const struct msg_evidence *evidence,
                     struct berth_error *reterr)
{
    enum agent_state state = agent->terminal.state;
    bool resumes = agent->sign_on.resume.on && evidence->kind != evidence_kind_KIOSK;

    if (agent->sign_on.running && !resumes)
        return berth_fail(reterr, BERTH_E_BUSY, "a sign-on is already running on this terminal");
    if (!agent->terminal.online || agent->stopping)
        return berth_fail(reterr, BERTH_E_STATE, "the broker cannot be reached");
    if (state != agent_IDLE && state != agent_NOTICE && state != agent_LOCKED &&
        !(resumes && state == agent_SIGN_ON))
        return berth_fail(reterr, BERTH_E_STATE, "the terminal is in state '%s'",
                          agent_state_names[state]);
    if (evidence->kind != evidence_kind_KIOSK && !evidence->name[0])
        return berth_fail(reterr, BERTH_E_INVALID, "a user name is needed");
    return 0;
}

int sign_on_request_begin(struct agent_flow *agent, const struct msg_evidence *evidence,
                          const char *pool, struct berth_error *reterr)
{
    struct sign_on_request *sign_on = &agent->sign_on;
    int r = may_begin(agent, evidence, reterr);

    if (r < 0)
        return r;
    if (sign_on->running)
        sign_on_request_cancel(agent); /* a person takes precedence over a resume */

    sign_on->resume.on = false;
    sign_on->resume.tries = 0;
    sign_on->running = true;
    sign_on->kiosk = evidence->kind == evidence_kind_KIOSK;
    sign_on->evidence[0] = *evidence;
    sign_on->evidence_count = 1;
    sign_on->began_ms = agent->timers->mono_ms;
    (void)snprintf(sign_on->pool, sizeof(sign_on->pool), "%.63s",
                   pool[0] ? pool : agent->settings.pool);
    if (agent->terminal.state != agent_IDLE)
        agent_flow_set_state(agent, agent_IDLE, "a person signs on");
    copy_text(agent->terminal.user, evidence->name);
    flow_start(&agent->engine, &sign_on->flow, &sign_on_request_kind,
               sign_on->kiosk ? "kiosk" : evidence->name);
    return 0;
}

static int64_t resume_left_ms(const struct agent_flow *agent)
{
    const struct resume *resume = &agent->sign_on.resume;

    return resume->limit_ms - (agent_flow_uptime_ms(agent) - resume->lost_at_ms);
}

static void resume_too_late(struct berth_timer *timer)
{
    struct sign_on_request *sign_on = container_of(timer, struct sign_on_request, deadline);

    flow_cancel(&sign_on->flow, BERTH_E_TIMEOUT, "the picture did not come back in %lld s",
                (long long)sign_on->resume.limit_ms / 1000);
}

bool sign_on_request_resume(struct agent_flow *agent, const struct session_claim *claim, bool fresh)
{
    struct sign_on_request *sign_on = &agent->sign_on;
    struct resume *resume = &sign_on->resume;

    if (fresh) {
        resume->lost_at_ms = agent_flow_uptime_ms(agent);
        resume->limit_ms = agent->terminal.resume_ms;
    }
    if (sign_on->running || agent->settings.kiosk || resume->tries >= RESUME_TRIES ||
        resume_left_ms(agent) <= 0)
        return false;
    resume->on = true;
    resume->retry = true;
    resume->claim = *claim;
    sign_on->running = true;
    sign_on->kiosk = false;
    sign_on->evidence[0] = (struct msg_evidence){ .kind = evidence_kind_RESUME };
    sign_on->evidence_count = 1;
    sign_on->began_ms = agent->timers->mono_ms;
    sign_on->pool[0] = '\0';
    timer_start(agent->timers, &sign_on->deadline, resume_left_ms(agent), resume_too_late);
    flow_start(&agent->engine, &sign_on->flow, &sign_on_request_kind, agent->terminal.user);
    show_resuming(agent);
    return true;
}

void sign_on_request_end_resume(struct agent_flow *agent)
{
    agent->sign_on.resume.on = false;
}

bool sign_on_request_is_resuming(const struct agent_flow *agent, uint64_t session_id, int64_t epoch)
{
    const struct resume *resume = &agent->sign_on.resume;

    return resume->on && resume->claim.session_id == session_id && resume->claim.epoch <= epoch;
}

void sign_on_request_cancel(struct agent_flow *agent)
{
    struct msg msg;

    if (!agent->sign_on.running)
        return;
    agent_flow_init_message(agent, &msg, MSG_sign_on_cancel);
    (void)agent_flow_send(agent, &msg);
    if (agent->sign_on.running)
        flow_cancel(&agent->sign_on.flow, BERTH_E_CANCELLED, "cancelled");
}

void sign_on_request_pick(struct agent_flow *agent, const char *pool)
{
    if (agent->terminal.state != agent_CHOOSING)
        return;
    copy_text(agent->sign_on.pool, pool);
    (void)event_wait_end(&agent->sign_on.answer, 0, NULL);
}

static void kiosk_due(struct berth_timer *timer)
{
    struct sign_on_request *sign_on = container_of(timer, struct sign_on_request, kiosk_delay);

    sign_on_request_check_kiosk(container_of(sign_on, struct agent_flow, sign_on));
}

void sign_on_request_check_kiosk(struct agent_flow *agent)
{
    struct sign_on_request *sign_on = &agent->sign_on;
    const struct msg_evidence evidence = { .kind = evidence_kind_KIOSK };
    struct berth_error error = { 0 };

    if (!agent->settings.kiosk || agent->terminal.state != agent_IDLE || !agent->terminal.online ||
        sign_on->running || agent->stopping || timer_armed(&sign_on->kiosk_delay))
        return;
    if (sign_on_request_begin(agent, &evidence, "", &error) < 0)
        log_failure(EV_AGENT_FLOW, &error, "kiosk");
}

void sign_on_request_kiosk_back_off(struct agent_flow *agent)
{
    struct sign_on_request *sign_on = &agent->sign_on;
    int doublings =
        sign_on->kiosk_failures < KIOSK_DOUBLINGS ? sign_on->kiosk_failures : KIOSK_DOUBLINGS;
    uint64_t half = (uint64_t)KIOSK_FIRST_MS << doublings >> 1;

    sign_on->kiosk_failures++;
    timer_start(agent->timers, &sign_on->kiosk_delay,
                (int64_t)(half + random_below(agent->random, half)), kiosk_due);
}

void sign_on_request_reset_back_off(struct agent_flow *agent)
{
    agent->sign_on.kiosk_failures = 0;
    agent->sign_on.resume.tries = 0;
}

static void broker_away_too_long(struct berth_timer *timer)
{
    struct sign_on_request *sign_on = container_of(timer, struct sign_on_request, deadline);

    flow_cancel(&sign_on->flow, BERTH_E_TIMEOUT, "the broker did not come back in %d s",
                BROKER_AWAY_MAX_MS / 1000);
}

void sign_on_request_link_lost(struct agent_flow *agent)
{
    struct sign_on_request *sign_on = &agent->sign_on;

    if (sign_on->running && sign_on->resume.on)
        show_resuming(agent);
    else if (sign_on->running && !timer_armed(&sign_on->deadline))
        timer_start(agent->timers, &sign_on->deadline, BROKER_AWAY_MAX_MS, broker_away_too_long);
}

void sign_on_request_link_back(struct agent_flow *agent)
{
    struct sign_on_request *sign_on = &agent->sign_on;

    if (sign_on->running && sign_on->resume.on)
        show_resuming(agent);
    else
        timer_stop(agent->timers, &sign_on->deadline);
    if (sign_on->running && event_wait_active(&sign_on->answer) &&
        agent->terminal.state == agent_SIGN_ON)
        send_sign_on(agent);
}

void sign_on_request_stop(struct agent_flow *agent)
{
    timer_stop(agent->timers, &agent->sign_on.kiosk_delay);
    if (agent->sign_on.running)
        flow_cancel(&agent->sign_on.flow, BERTH_E_CANCELLED, "the agent stops");
}

void sign_on_request_progress(struct agent_flow *agent, const struct msg *msg)
{
    const struct msg_progress *progress = &msg->progress;
    struct terminal_status *terminal = &agent->terminal;

    if (terminal->state != agent_SIGN_ON)
        return;
    /* During a resume the page keeps one text for all attempts. */
    if (!agent->sign_on.resume.on)
        terminal_status_set_text(terminal, NULL, progress->text, false);
    terminal->queue_place = progress->queue_place;
    terminal->estimate_ms = progress->estimate_ms;
    agent_flow_show_page(agent);
}

void sign_on_request_choose(struct agent_flow *agent, const struct msg *msg)
{
    if (agent->terminal.state != agent_SIGN_ON || msg->choose.choices_count == 0)
        return;
    agent->terminal.choices_count = msg->choose.choices_count;
    memcpy(agent->terminal.choices, msg->choose.choices, sizeof(agent->terminal.choices));
    (void)event_wait_end(&agent->sign_on.answer, ANSWER_CHOOSE, NULL);
}

bool sign_on_request_refused(struct agent_flow *agent, const struct msg_refused *refused,
                             berth_unused int code)
{
    agent->sign_on.resume.retry = refused->retry_after_ms > 0;
    return agent->terminal.state == agent_SIGN_ON;
}

void sign_on_request_shown(struct agent_flow *agent)
{
    struct sign_on_request *sign_on = &agent->sign_on;

    if (sign_on->running && !event_wait_end(&sign_on->answer, ANSWER_SHOWN, NULL))
        flow_cancel(&sign_on->flow, BERTH_E_SUPERSEDED, "the broker showed another desktop");
}
