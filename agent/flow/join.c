/* join.c - see join.h. */
#include "flow/join.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/reconnect.h"
#include "core/texts.h"
#include "flow/reach.h"
#include "flow/way.h"

/* A terminal that was turned away asks again, but slowly: somebody must do something first. */
#define JOIN_REFUSED_MS 60000

static flow_step_fn take_turn, find, dial, ask, joined;

enum { TURN, FIND, DIAL, ASK, JOINED };

/* clang-format off */
static const struct flow_step join_steps[] = {
    /*            name      step       undo  limit/ms      true when it is behind us                    */
    [TURN]   = { "turn",   take_turn, NULL, FLOW_QUEUED }, /* it is time to ask (again)                 */
    [FIND]   = { "find",   find,      NULL, 10000 },       /* there is an address                       */
    [DIAL]   = { "dial",   dial,      NULL, 15000 },       /* TLS stands, issued by the pinned CA       */
    [ASK]    = { "ask",    ask,       NULL, 20000 },       /* the certificate is kept; join_pending     */
    [JOINED] = { "joined", joined,    NULL, 0 },           /* the way to the link is open               */
};
/* clang-format on */

static struct station *station_of(struct flow *flow)
{
    return container_of(flow, struct station, join.flow);
}

static int take_turn(struct flow *flow)
{
    struct station *station = station_of(flow);
    struct join *join = &station->join;
    int64_t delay_ms =
        reconnect_delay_ms(station->random, station->reach.failures, 0, RECONNECT_NOBODY);

    if (join->retry_after_ms > 0)
        delay_ms = reconnect_jitter_ms(station->random, join->retry_after_ms);
    join->retry_after_ms = 0;
    return flow_await(flow, pause_begin(&join->pause, station->timers, delay_ms, &flow->op), FIND);
}

static int find(struct flow *flow)
{
    struct station *station = station_of(flow);

    return flow_await(flow, way_find_begin(station, &station->join.way, UPLINK_JOIN, &flow->op),
                      DIAL);
}

static int dial(struct flow *flow)
{
    struct station *station = station_of(flow);

    return flow_await(flow, way_dial_begin(station, &station->join.way, UPLINK_JOIN, &flow->op),
                      ASK);
}

static void add_secret(struct msg_join *join, enum join_evidence_kind kind,
                       const struct secret *value)
{
    struct msg_join_evidence *evidence = &join->evidence[join->evidence_count];

    if (secret_empty(value))
        return;
    evidence->kind = kind;
    evidence->value = *value;
    join->evidence_count++;
}

static int send_join(struct station *station, struct msg *msg, struct berth_error *reterr)
{
    const struct device_facts *facts = device_facts(station->device);
    struct msg_join *join = &msg->join;
    struct msg_join_evidence old = { 0 };
    int r;

    r = agent_identity_request(station->identity, true, join->request, &old, reterr);
    if (r < 0)
        return r;
    (void)snprintf(join->serial, sizeof(join->serial), "%s", facts->serial);
    (void)snprintf(join->mac, sizeof(join->mac), "%s", facts->mac);
    (void)snprintf(join->model, sizeof(join->model), "%s", facts->model);
    (void)snprintf(join->agent_version, sizeof(join->agent_version), "%s",
                   station->options.agent_version);
    add_secret(join, join_evidence_kind_INVITATION, &station->options.invitation);
    add_secret(join, join_evidence_kind_BOOT_SECRET, &station->options.boot_secret);
    if (old.kind != join_evidence_kind_NONE)
        join->evidence[join->evidence_count++] = old;
    return uplink_send(station->uplink, msg, reterr);
}

static int ask(struct flow *flow)
{
    struct station *station = station_of(flow);
    struct berth_error error = { 0 };
    struct msg msg;
    int r;

    station_message(station, &msg, MSG_join);
    station->join.answer.ref = msg.ref;
    r = send_join(station, &msg, &error);
    msg_wipe(&msg);
    if (r < 0)
        return flow_fail_with(flow, &error);
    return flow_await(flow, awaited_begin(&station->join.answer, &flow->op), JOINED);
}

static int joined(struct flow *flow)
{
    struct station *station = station_of(flow);
    const struct agent_identity_facts *facts = agent_identity_facts(station->identity);

    log_event(EV_AGENT_JOIN, "terminal", facts->terminal, "authority", facts->authority_hash);
    (void)snprintf(station->terminal.name, sizeof(station->terminal.name), "%s", facts->terminal);
    /* A token is good for a number of terminals; whoever has joined has no use for it any more. */
    secret_wipe(&station->options.invitation);
    return FLOW_DONE;
}

/* May the page speak of joining? Not over a desktop, and not over what a person must read. */
static bool page_is_ours(const struct station *station)
{
    enum agent_state state = station->terminal.state;

    return state == agent_STARTING || state == agent_OFFLINE || state == agent_JOINING ||
           state == agent_WAITING;
}

static void show_joining(struct station *station, const char *why, const char *text, bool alert)
{
    if (page_is_ours(station))
        station_say(station, agent_JOINING, why, NULL, text, alert);
}

static void show_waiting(struct station *station)
{
    if (!page_is_ours(station))
        return;
    if (station->terminal.state != agent_WAITING && station->terminal.state != agent_JOINING)
        show_joining(station, "asked", NULL, false);
    station_set_state(station, agent_WAITING, "somebody has to decide");
}

static void join_ended(struct flow *flow, const struct berth_error *error)
{
    struct station *station = station_of(flow);

    station->join.running = false;
    uplink_close(station->uplink);
    if (station->stopping)
        return;
    station_tell(station, error->code ? STATION_NOT_JOINED : STATION_JOINED, error);
    if (error->code == BERTH_E_CANCELLED)
        return;
    if (!error->code) {
        station->reach.failures = 0;
        if (page_is_ours(station))
            station_set_state(station, agent_OFFLINE, "joined");
        reach_start(station);
        return;
    }
    if (error->code == BERTH_E_WAITING) {
        show_waiting(station);
    } else {
        log_failure(EV_AGENT_JOIN, error, "not joined");
        station->reach.failures++;
        way_failed(&station->join.way);
        show_joining(station, "not joined",
                     text_of_join(station->settings.language, berth_error_row(error->code)->symbol),
                     true);
        /* An identity that was refused once may be fine again tomorrow: both doors are tried in
         * turn. */
        station->reach.join = false;
    }
    reach_start(station);
}

const struct flow_kind join_kind = {
    .name = "join",
    .steps = join_steps,
    .count = BERTH_COUNT(join_steps),
    .ended = join_ended,
};

void join_start(struct station *station)
{
    if (station->join.running)
        return;
    station->join.running = true;
    if (station->terminal.state == agent_STARTING || station->terminal.state == agent_OFFLINE)
        show_joining(station, "no accepted identity", NULL, false);
    flow_start(&station->engine, &station->join.flow, &join_kind, "broker");
}

void join_stop(struct station *station)
{
    if (station->join.running)
        flow_cancel(&station->join.flow, BERTH_E_CANCELLED, "the agent stops");
}

void join_forget(struct station *station)
{
    if (station->join.running)
        flow_cancel(&station->join.flow, BERTH_E_CANCELLED, "another invitation came");
    station->join.retry_after_ms = 0;
    show_joining(station, "an invitation came", NULL, false);
}

bool join_lost(struct station *station, const struct berth_error *why)
{
    return awaited_end(&station->join.answer, why->code, why);
}

void join_joined(struct station *station, const struct msg *msg)
{
    const struct msg_joined *joined_ = &msg->joined;
    struct berth_error error = { 0 };
    int r;

    if (!awaited_is(&station->join.answer))
        return;
    r = agent_identity_accept(station->identity, joined_->certificate, joined_->authority,
                              joined_->terminal, station_wall_ms(station), &error);
    (void)awaited_end(&station->join.answer, r, &error);
}

void join_pending(struct station *station, const struct msg *msg)
{
    (void)msg;
    if (awaited_is(&station->join.answer))
        flow_wait_longer(&station->join.flow);
}

void join_must_wait(struct station *station, const struct msg *msg)
{
    const struct msg_join_wait *wait = &msg->join_wait;
    struct berth_error error = { 0 };

    if (!awaited_is(&station->join.answer))
        return;
    station->join.retry_after_ms =
        wait->retry_after_ms > 0 ? wait->retry_after_ms : JOIN_REFUSED_MS;
    station->reach.failures = 0;
    (void)snprintf(station->terminal.code, sizeof(station->terminal.code), "%s", wait->code);
    (void)berth_fail(&error, BERTH_E_WAITING, "waiting for approval, code %s", wait->code);
    (void)awaited_end(&station->join.answer, error.code, &error);
}

void join_refused(struct station *station, const struct msg_refused *refused)
{
    struct berth_error error = { 0 };
    int code = berth_error_code(refused->code);

    (void)berth_fail(&error, code ? code : BERTH_E_DENIED, "%s", refused->text);
    station->terminal.revoked = code == BERTH_E_REVOKED;
    station->join.retry_after_ms =
        refused->retry_after_ms > 0 ? refused->retry_after_ms : JOIN_REFUSED_MS;
    (void)awaited_end(&station->join.answer, error.code, &error);
}
