/* sign_on.c - see sign_on.h. */
#include "flow/sign_on.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/texts.h"
#include "flow/showing.h"

/* How long a person waits for a broker that went away in the middle. */
#define PATIENCE_MS 60000
/* An offered choice does not stand for ever: the evidence is held meanwhile. */
#define CHOICE_MS 120000
/* A kiosk that was refused tries again, slower each time. */
#define KIOSK_FIRST_MS 2000
#define KIOSK_DOUBLINGS 5

static flow_step_fn ask, pick;

enum { ASK, PICK };

/* clang-format off */
static const struct flow_step sign_on_steps[] = {
    /*          name    step  undo  limit/ms       true when it is behind us                    */
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
    (void)station_send(station, &msg);
    msg_wipe(&msg);
}

static int ask(struct flow *flow)
{
    struct station *station = station_of(flow);
    int r = awaited_begin(&station->sign_on.answer, &flow->op);

    station_set_state(station, seat_SIGN_ON, "asked the broker");
    send_question(station); /* without a link: sign_on_link_back asks */
    return flow_await(flow, r, PICK);
}

/* Entered with every answer that is not a refusal. */
static int pick(struct flow *flow)
{
    struct station *station = station_of(flow);

    if (flow->op.result == ANSWER_SHOWN)
        return FLOW_DONE;
    station_set_state(station, seat_CHOOSING, "several pools are open");
    return flow_await(flow, awaited_begin(&station->sign_on.answer, &flow->op), ASK);
}

/* Back to the form, with the reason where the person did not choose it themself. */
static void back_to_rest(struct station *station, const struct berth_error *error)
{
    const char *language = station->settings.language;
    const char *text = text_of_refusal(language, berth_error_row(error->code)->symbol, error->text);

    if (!seat_waits(&station->seat))
        return;
    if (error->code == BERTH_E_CANCELLED)
        station_set_state(station, seat_rest(&station->seat), "called off");
    else if (!station->seat.online)
        station_say(station, seat_OFFLINE, "the broker is away", NULL,
                    text_in(language, TEXT_SIGN_ON_LOST), true);
    else
        station_say(station, seat_IDLE, "no desktop", NULL, text, true);
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
    log_failure(EV_AGENT_FLOW, error, "sign-on");
    if (sign_on->kiosk)
        sign_on_slow_down(station);
    back_to_rest(station, error);
    station_tell(station, STATION_SIGN_ON_FAILED, error);
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
    enum seat_state state = station->seat.state;

    if (station->sign_on.running)
        return berth_fail(reterr, BERTH_E_BUSY, "a sign-on is under way on this terminal");
    if (!station->seat.online)
        return berth_fail(reterr, BERTH_E_STATE, "the broker cannot be reached");
    if (state != seat_IDLE && state != seat_NOTICE && state != seat_LOCKED)
        return berth_fail(reterr, BERTH_E_STATE, "the terminal is %s", seat_state_names[state]);
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

    sign_on->running = true; /* before the seat moves: a kiosk must not begin a second one */
    sign_on->kiosk = evidence->kind == evidence_kind_KIOSK;
    sign_on->evidence[0] = *evidence;
    sign_on->evidence_count = 1;
    sign_on->began_ms = station->timers->mono_ms;
    (void)snprintf(sign_on->pool, sizeof(sign_on->pool), "%.63s",
                   pool[0] ? pool : station->settings.pool);
    if (station->seat.state != seat_IDLE)
        station_set_state(station, seat_IDLE, "somebody signs on");
    (void)snprintf(station->seat.user, sizeof(station->seat.user), "%s", evidence->name);
    flow_start(&station->engine, &sign_on->flow, &sign_on_kind,
               sign_on->kiosk ? "kiosk" : evidence->name);
    return 0;
}

void sign_on_cancel(struct station *station)
{
    struct msg msg;

    if (seat_shows(&station->seat)) {
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
    if (station->seat.state != seat_CHOOSING)
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

    if (!station->settings.kiosk || station->seat.state != seat_IDLE || !station->seat.online ||
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

    if (sign_on->running && !timer_armed(&sign_on->patience))
        timer_start(station->timers, &sign_on->patience, PATIENCE_MS, patience_over);
}

void sign_on_link_back(struct station *station)
{
    struct sign_on *sign_on = &station->sign_on;

    timer_stop(station->timers, &sign_on->patience);
    if (sign_on->running && station->seat.state == seat_SIGN_ON)
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
    struct seat *seat = &station->seat;

    if (seat->state != seat_SIGN_ON)
        return;
    seat_say(seat, NULL, progress->text, false);
    seat->queue_place = progress->queue_place;
    seat->estimate_ms = progress->estimate_ms;
    station_paint(station);
}

void sign_on_choose(struct station *station, const struct msg *msg)
{
    if (station->seat.state != seat_SIGN_ON || msg->choose.choices_count == 0)
        return;
    station->seat.choices_count = msg->choose.choices_count;
    memcpy(station->seat.choices, msg->choose.choices, sizeof(station->seat.choices));
    (void)awaited_end(&station->sign_on.answer, ANSWER_CHOOSE, NULL);
}

void sign_on_refused(struct station *station, const struct msg_refused *refused)
{
    struct berth_error error = { 0 };
    int code = berth_error_code(refused->code);

    (void)berth_fail(&error, code ? code : BERTH_E_DENIED, "%s", refused->text);
    if (station->seat.state == seat_SIGN_ON)
        (void)awaited_end(&station->sign_on.answer, error.code, &error);
}

void sign_on_shown(struct station *station)
{
    struct sign_on *sign_on = &station->sign_on;

    if (sign_on->running && !awaited_end(&sign_on->answer, ANSWER_SHOWN, NULL))
        flow_cancel(&sign_on->flow, BERTH_E_OVERTAKEN, "a desktop came from elsewhere");
}
