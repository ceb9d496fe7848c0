/* sign_on.c - see sign_on.h. */
#include "flow/sign_on.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/reconnect.h"
#include "core/texts.h"
#include "flow/showing.h"

/* How long a person waits for a broker that went away in the middle. */
#define PATIENCE_MS 60000
/* An offered choice does not stand for ever: the evidence is held meanwhile. */
#define CHOICE_MS 120000
/* A kiosk that was refused tries again, slower each time. */
#define KIOSK_FIRST_MS 2000
#define KIOSK_DOUBLINGS 5

/* A picture that broke is asked for so often, after pauses of 1, 2, 4, 8, 16 and 16 s: the guest
 * has time to say that its user logged off, and a network to come back. */
#define RESUME_TRIES 6
#define RESUME_FIRST_MS 1000
#define RESUME_DOUBLINGS 4

static flow_step_fn wait, ask, pick;

enum { WAIT, ASK, PICK };

/* clang-format off */
static const struct flow_step sign_on_steps[] = {
    /*          name    step  undo  limit/ms       true when it is behind us                    */
    [WAIT] = { "wait", wait, NULL, FLOW_QUEUED }, /* resume: time has passed since the last try */
    [ASK]  = { "ask",  ask,  NULL, FLOW_QUEUED }, /* the broker answered: a desktop, or pools  */
    [PICK] = { "pick", pick, NULL, CHOICE_MS },   /* the person picked one; back to ask        */
};
/* clang-format on */

/* Results of the broker's answer, by which the flow goes on. */
enum { ANSWER_SHOWN, ANSWER_CHOOSE };

static struct station *station_of(struct flow *flow)
{
    return container_of(flow, struct station, sign_on.flow);
}

static void send_question(struct station *station)
{
    struct sign_on *sign_on = &station->sign_on;
    struct msg msg;

    station_message(station, &msg, MSG_sign_on);
    msg.sign_on.evidence_count = sign_on->evidence_count;
    memcpy(msg.sign_on.evidence, sign_on->evidence, sizeof(sign_on->evidence));
    (void)snprintf(msg.sign_on.pool, sizeof(msg.sign_on.pool), "%s", sign_on->pool);
    if (sign_on->resume.on) {
        msg.sign_on.session_id = sign_on->resume.claim.session_id;
        msg.sign_on.session_epoch = sign_on->resume.claim.epoch;
        msg.sign_on.connection_id = sign_on->resume.claim.connection_id;
        msg.sign_on.lost_ms = station_up_ms(station) - sign_on->resume.broke_ms;
    }
    sign_on->answer.ref = msg.ref;
    (void)station_send(station, &msg);
    msg_wipe(&msg);
}

/* What the person reads while a picture is asked for. */
static void say_resuming(struct station *station)
{
    const char *language = station->settings.language;

    station_say(
        station, agent_SIGN_ON, "the picture is asked for", text_in(language, TEXT_RESUMING),
        text_in(language, station->terminal.online ? TEXT_RESUMING_LONG : TEXT_RESUMING_OFFLINE),
        false);
}

static int wait(struct flow *flow)
{
    struct station *station = station_of(flow);
    struct resume *resume = &station->sign_on.resume;
    int doublings = resume->tries < RESUME_DOUBLINGS ? resume->tries : RESUME_DOUBLINGS;

    station->sign_on.answer.ref = 0;
    if (!resume->on)
        return ASK;
    say_resuming(station);
    return flow_await(
        flow,
        pause_begin(&resume->pause, station->timers,
                    reconnect_jitter_ms(station->random, (int64_t)RESUME_FIRST_MS << doublings),
                    &flow->op),
        ASK);
}

static int ask(struct flow *flow)
{
    struct station *station = station_of(flow);
    struct resume *resume = &station->sign_on.resume;
    int r = awaited_begin(&station->sign_on.answer, &flow->op);

    if (resume->on) {
        resume->tries++;
        resume->retry = true; /* until somebody says otherwise */
        say_resuming(station);
    } else {
        station_set_state(station, agent_SIGN_ON, "asked the broker");
    }
    send_question(station); /* without a link: sign_on_link_back asks */
    return flow_await_any(flow, r, PICK);
}

static int refused(struct flow *flow)
{
    const struct resume *resume = &station_of(flow)->sign_on.resume;

    if (resume->on && resume->retry && resume->tries < RESUME_TRIES)
        return WAIT;
    return flow_fail_with(flow, &flow->op.error);
}

/* Entered with every answer. */
static int pick(struct flow *flow)
{
    struct station *station = station_of(flow);

    if (flow->op.result < 0)
        return refused(flow);
    if (flow->op.result == ANSWER_SHOWN)
        return FLOW_DONE;
    station_set_state(station, agent_CHOOSING, "several pools are open");
    return flow_await(flow, awaited_begin(&station->sign_on.answer, &flow->op), ASK);
}

/* It did not come back: what the person can do. text: the broker's reason. */
static void give_up_resuming(struct station *station, const char *text)
{
    const char *language = station->settings.language;
    enum text own = station->terminal.online ? TEXT_RESUME_OVER : TEXT_RESUME_OFFLINE_OVER;
    bool reason = station->terminal.online && !station->sign_on.resume.retry;

    station_say(station, terminal_status_fallback(&station->terminal), "the picture did not come back", NULL,
                reason ? text : text_in(language, own), true);
}

/* Back to the form, with the reason where the person did not choose it themself. */
static void back_to_rest(struct station *station, const struct berth_error *error)
{
    const char *language = station->settings.language;
    const char *text = text_of_refusal(language, berth_error_row(error->code)->symbol, error->text);

    if (!terminal_status_user_waiting(&station->terminal))
        return;
    if (station->sign_on.resume.on && error->code != BERTH_E_CANCELLED)
        give_up_resuming(station, text);
    else if (error->code == BERTH_E_CANCELLED)
        station_set_state(station, terminal_status_fallback(&station->terminal), "called off");
    else if (!station->terminal.online)
        station_say(station, agent_OFFLINE, "the broker is away", NULL,
                    text_in(language, TEXT_SIGN_ON_LOST), true);
    else
        station_say(station, agent_IDLE, "no desktop", NULL, text, true);
}

static void sign_on_ended(struct flow *flow, const struct berth_error *error)
{
    struct station *station = station_of(flow);
    struct sign_on *sign_on = &station->sign_on;

    sign_on->running = false;
    timer_stop(station->timers, &sign_on->patience);
    explicit_bzero(sign_on->evidence, sizeof(sign_on->evidence));
    sign_on->evidence_count = 0;
    sign_on->took_ms = station->timers->mono_ms - sign_on->began_ms;
    if (!error->code || station->stopping)
        return;
    sign_on->answer.ref = 0; /* what still comes of it is not wanted any more */
    log_failure(EV_AGENT_FLOW, error, sign_on->resume.on ? "resume" : "sign-on");
    if (sign_on->kiosk)
        sign_on_slow_down(station);
    back_to_rest(station, error);
    station_tell(station, sign_on->resume.on ? STATION_ENDED : STATION_SIGN_ON_FAILED, error);
    sign_on_resume_over(station);
}

const struct flow_kind sign_on_kind = {
    .name = "sign-on",
    .steps = sign_on_steps,
    .count = BERTH_COUNT(sign_on_steps),
    .ended = sign_on_ended,
};

static int may_begin(const struct station *station, const struct msg_evidence *evidence,
                     struct berth_error *reterr)
{
    enum agent_state state = station->terminal.state;
    bool resumes = station->sign_on.resume.on && evidence->kind != evidence_kind_KIOSK;

    if (station->sign_on.running && !resumes)
        return berth_fail(reterr, BERTH_E_BUSY, "a sign-on is under way on this terminal");
    if (!station->terminal.online)
        return berth_fail(reterr, BERTH_E_STATE, "the broker cannot be reached");
    if (state != agent_IDLE && state != agent_NOTICE && state != agent_LOCKED &&
        !(resumes && state == agent_SIGN_ON))
        return berth_fail(reterr, BERTH_E_STATE, "the terminal is %s", agent_state_names[state]);
    if (evidence->kind != evidence_kind_KIOSK && !evidence->name[0])
        return berth_fail(reterr, BERTH_E_INVALID, "a user name is needed");
    return 0;
}

int sign_on_begin(struct station *station, const struct msg_evidence *evidence, const char *pool,
                  struct berth_error *reterr)
{
    struct sign_on *sign_on = &station->sign_on;
    int r = may_begin(station, evidence, reterr);

    if (r < 0)
        return r;
    if (sign_on->running)
        sign_on_cancel(station); /* a person goes before a picture that is waited for */

    sign_on->resume.on = false;
    sign_on->resume.tries = 0;
    sign_on->running = true; /* before the state changes: a kiosk must not begin a second one */
    sign_on->kiosk = evidence->kind == evidence_kind_KIOSK;
    sign_on->evidence[0] = *evidence;
    sign_on->evidence_count = 1;
    sign_on->began_ms = station->timers->mono_ms;
    (void)snprintf(sign_on->pool, sizeof(sign_on->pool), "%.63s",
                   pool[0] ? pool : station->settings.pool);
    if (station->terminal.state != agent_IDLE)
        station_set_state(station, agent_IDLE, "somebody signs on");
    (void)snprintf(station->terminal.user, sizeof(station->terminal.user), "%s", evidence->name);
    flow_start(&station->engine, &sign_on->flow, &sign_on_kind,
               sign_on->kiosk ? "kiosk" : evidence->name);
    return 0;
}

static int64_t resume_left_ms(const struct station *station)
{
    const struct resume *resume = &station->sign_on.resume;

    return resume->limit_ms - (station_up_ms(station) - resume->broke_ms);
}

static void resume_too_late(struct berth_timer *timer)
{
    struct sign_on *sign_on = container_of(timer, struct sign_on, patience);

    flow_cancel(&sign_on->flow, BERTH_E_TIMEOUT, "the picture did not come back in %lld s",
                (long long)sign_on->resume.limit_ms / 1000);
}

bool sign_on_resume(struct station *station, const struct session_claim *claim, bool fresh)
{
    struct sign_on *sign_on = &station->sign_on;
    struct resume *resume = &sign_on->resume;

    if (fresh) {
        resume->broke_ms = station_up_ms(station);
        resume->limit_ms = station->terminal.resume_ms;
    }
    if (sign_on->running || station->settings.kiosk || resume->tries >= RESUME_TRIES ||
        resume_left_ms(station) <= 0)
        return false;
    resume->on = true;
    resume->retry = true;
    resume->claim = *claim;
    sign_on->running = true;
    sign_on->kiosk = false;
    sign_on->evidence[0] = (struct msg_evidence){ .kind = evidence_kind_RESUME };
    sign_on->evidence_count = 1;
    sign_on->began_ms = station->timers->mono_ms;
    sign_on->pool[0] = '\0';
    timer_start(station->timers, &sign_on->patience, resume_left_ms(station), resume_too_late);
    flow_start(&station->engine, &sign_on->flow, &sign_on_kind, station->terminal.user);
    say_resuming(station);
    return true;
}

void sign_on_resume_over(struct station *station)
{
    station->sign_on.resume.on = false;
}

bool sign_on_resumes(const struct station *station, uint64_t session_id, int64_t epoch)
{
    const struct resume *resume = &station->sign_on.resume;

    return resume->on && resume->claim.session_id == session_id && resume->claim.epoch <= epoch;
}

void sign_on_cancel(struct station *station)
{
    struct msg msg;

    if (terminal_status_shows_desktop(&station->terminal)) {
        (void)showing_leave(station, SHOWING_DISCONNECT, NULL);
        return;
    }
    if (!station->sign_on.running)
        return;
    station_message(station, &msg, MSG_sign_on_cancel);
    (void)station_send(station, &msg);
    if (station->sign_on.running)
        flow_cancel(&station->sign_on.flow, BERTH_E_CANCELLED, "called off");
}

void sign_on_pick(struct station *station, const char *pool)
{
    if (station->terminal.state != agent_CHOOSING)
        return;
    (void)snprintf(station->sign_on.pool, sizeof(station->sign_on.pool), "%s", pool);
    (void)awaited_end(&station->sign_on.answer, 0, NULL);
}

static void kiosk_due(struct berth_timer *timer)
{
    struct sign_on *sign_on = container_of(timer, struct sign_on, kiosk_pause);

    sign_on_look(container_of(sign_on, struct station, sign_on));
}

void sign_on_look(struct station *station)
{
    struct sign_on *sign_on = &station->sign_on;
    const struct msg_evidence evidence = { .kind = evidence_kind_KIOSK };
    struct berth_error error = { 0 };

    if (!station->settings.kiosk || station->terminal.state != agent_IDLE || !station->terminal.online ||
        sign_on->running || station->stopping || timer_armed(&sign_on->kiosk_pause))
        return;
    if (sign_on_begin(station, &evidence, "", &error) < 0)
        log_failure(EV_AGENT_FLOW, &error, "kiosk");
}

void sign_on_slow_down(struct station *station)
{
    struct sign_on *sign_on = &station->sign_on;
    int doublings =
        sign_on->kiosk_failures < KIOSK_DOUBLINGS ? sign_on->kiosk_failures : KIOSK_DOUBLINGS;
    uint64_t half = (uint64_t)KIOSK_FIRST_MS << doublings >> 1;

    sign_on->kiosk_failures++;
    timer_start(station->timers, &sign_on->kiosk_pause,
                (int64_t)(half + random_below(station->random, half)), kiosk_due);
}

void sign_on_went_well(struct station *station)
{
    station->sign_on.kiosk_failures = 0;
    station->sign_on.resume.tries = 0;
}

static void patience_over(struct berth_timer *timer)
{
    struct sign_on *sign_on = container_of(timer, struct sign_on, patience);

    flow_cancel(&sign_on->flow, BERTH_E_TIMEOUT, "the broker did not come back in %d s",
                PATIENCE_MS / 1000);
}

void sign_on_link_lost(struct station *station)
{
    struct sign_on *sign_on = &station->sign_on;

    if (sign_on->running && sign_on->resume.on)
        say_resuming(station);
    else if (sign_on->running && !timer_armed(&sign_on->patience))
        timer_start(station->timers, &sign_on->patience, PATIENCE_MS, patience_over);
}

void sign_on_link_back(struct station *station)
{
    struct sign_on *sign_on = &station->sign_on;

    if (sign_on->running && sign_on->resume.on)
        say_resuming(station);
    else
        timer_stop(station->timers, &sign_on->patience);
    if (sign_on->running && awaited_is(&sign_on->answer) && station->terminal.state == agent_SIGN_ON)
        send_question(station);
}

void sign_on_stop(struct station *station)
{
    timer_stop(station->timers, &station->sign_on.kiosk_pause);
    if (station->sign_on.running)
        flow_cancel(&station->sign_on.flow, BERTH_E_CANCELLED, "the agent stops");
}

void sign_on_progress(struct station *station, const struct msg *msg)
{
    const struct msg_progress *progress = &msg->progress;
    struct terminal_status *terminal = &station->terminal;

    if (terminal->state != agent_SIGN_ON)
        return;
    /* Who waits for a picture reads one sentence, however often it is tried. */
    if (!station->sign_on.resume.on)
        terminal_status_set_text(terminal, NULL, progress->text, false);
    terminal->queue_place = progress->queue_place;
    terminal->estimate_ms = progress->estimate_ms;
    station_paint(station);
}

void sign_on_choose(struct station *station, const struct msg *msg)
{
    if (station->terminal.state != agent_SIGN_ON || msg->choose.choices_count == 0)
        return;
    station->terminal.choices_count = msg->choose.choices_count;
    memcpy(station->terminal.choices, msg->choose.choices, sizeof(station->terminal.choices));
    (void)awaited_end(&station->sign_on.answer, ANSWER_CHOOSE, NULL);
}

void sign_on_refused(struct station *station, const struct msg_refused *refused)
{
    struct berth_error error = { 0 };
    int code = berth_error_code(refused->code);

    station->sign_on.resume.retry = refused->retry_after_ms > 0;
    (void)berth_fail(&error, code ? code : BERTH_E_DENIED, "%s", refused->text);
    if (station->terminal.state == agent_SIGN_ON)
        (void)awaited_end(&station->sign_on.answer, error.code, &error);
}

void sign_on_shown(struct station *station)
{
    struct sign_on *sign_on = &station->sign_on;

    if (sign_on->running && !awaited_end(&sign_on->answer, ANSWER_SHOWN, NULL))
        flow_cancel(&sign_on->flow, BERTH_E_SUPERSEDED, "a desktop came from elsewhere");
}
