/* reach.c - see reach.h. */
#include "flow/reach.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/reconnect.h"
#include "flow/bundle.h"
#include "flow/join.h"
#include "flow/presence.h"
#include "flow/renewal.h"
#include "flow/sign_on.h"
#include "flow/way.h"

static flow_step_fn take_turn, find, dial, announce, present;

enum { TURN, FIND, DIAL, ANNOUNCE, PRESENT };

/* clang-format off */
static const struct flow_step reach_steps[] = {
    /*              name        step       undo  limit/ms      true when it is behind us          */
    [TURN]     = { "turn",     take_turn, NULL, FLOW_QUEUED }, /* it is our turn                  */
    [FIND]     = { "find",     find,      NULL, 10000 },       /* there is an address             */
    [DIAL]     = { "dial",     dial,      NULL, 15000 },       /* mutual TLS stands               */
    [ANNOUNCE] = { "announce", announce,  NULL, 10000 },       /* presence is granted             */
    [PRESENT]  = { "present",  present,   NULL, 0 },           /* everybody here knows it         */
};
/* clang-format on */

static struct station *station_of(struct flow *flow)
{
    return container_of(flow, struct station, reach.flow);
}

static enum reconnect_urgency urgency(const struct station *station)
{
    if (terminal_status_user_waiting(&station->terminal))
        return RECONNECT_WAITING;
    return terminal_status_shows_desktop(&station->terminal) ? RECONNECT_IN_SESSION : RECONNECT_NOBODY;
}

static int take_turn(struct flow *flow)
{
    struct station *station = station_of(flow);
    int64_t delay_ms;

    if (uplink_is_open(station->uplink))
        return ANNOUNCE;
    delay_ms = reconnect_delay_ms(station->random, station->reach.failures,
                                  station->presence.spread_ms, urgency(station));
    return flow_await(
        flow, pause_begin(&station->reach.pause, station->timers, delay_ms, &flow->op), FIND);
}

static int find(struct flow *flow)
{
    struct station *station = station_of(flow);

    return flow_await(flow, way_find_begin(station, &station->reach.way, UPLINK_LINK, &flow->op),
                      DIAL);
}

static int dial(struct flow *flow)
{
    struct station *station = station_of(flow);

    return flow_await(flow, way_dial_begin(station, &station->reach.way, UPLINK_LINK, &flow->op),
                      ANNOUNCE);
}

/* Everything the broker must know of us stands in the announcement: also what is on the screen, so
 * that it can claim the session again after it was away.
 */
static int announce(struct flow *flow)
{
    struct station *station = station_of(flow);
    const struct terminal_status *terminal = &station->terminal;
    struct berth_error error = { 0 };
    struct msg msg;

    station_message(station, &msg, MSG_announce);
    (void)snprintf(msg.announce.boot_id, sizeof(msg.announce.boot_id), "%s",
                   device_facts(station->device)->boot_id);
    (void)snprintf(msg.announce.agent_version, sizeof(msg.announce.agent_version), "%s",
                   station->options.agent_version);
    msg.announce.want_expires_in_ms = station->options.want_expires_ms;
    (void)snprintf(msg.announce.resume_presence_id, sizeof(msg.announce.resume_presence_id), "%s",
                   presence_resumable(station));
    if (terminal_status_shows_desktop(terminal)) {
        msg.announce.session_id = terminal->shown.session_id;
        msg.announce.session_epoch = terminal->shown.epoch;
        msg.announce.connection_id = terminal->shown.connection_id;
    }
    msg.announce.profile_version = station->profile_version;
    msg.announce.user_waiting = terminal_status_user_waiting(terminal);
    station->reach.answer.ref = msg.ref;
    station->reach.sent_ms = station->timers->mono_ms;
    if (uplink_send(station->uplink, &msg, &error) < 0)
        return flow_fail_with(flow, &error);
    return flow_await(flow, awaited_begin(&station->reach.answer, &flow->op), PRESENT);
}

static int present(struct flow *flow)
{
    struct station *station = station_of(flow);

    station->reach.failures = 0;
    renewal_plan(station);
    station_tell(station, STATION_LINKED, NULL);
    return FLOW_DONE;
}

/* Is it our certificate that is not accepted? Then the join door may help: an expired key that is
 * known renews there. But first the other of the two clocks is asked, in turn: the broker's may
 * have been wrong when it last spoke, as well as ours.
 */
static bool wants_join(struct station *station, const struct berth_error *error)
{
    struct station_presence *presence = &station->presence;

    if (error->code == BERTH_E_REVOKED)
        return true;
    if (error->code != BERTH_E_CERTIFICATE)
        return false;
    presence->broker_doubted = presence->broker_ms && !presence->broker_doubted;
    return !presence->broker_doubted;
}

static void reach_ended(struct flow *flow, const struct berth_error *error)
{
    struct station *station = station_of(flow);

    station->reach.running = false;
    if (!error->code) {
        sign_on_link_back(station);
        return;
    }
    uplink_close(station->uplink);
    if (station->stopping || error->code == BERTH_E_CANCELLED)
        return;
    log_failure(EV_AGENT_LINK, error, "not reached");
    station->reach.failures++;
    station->reach.join = wants_join(station, error);
    if (!station->reach.join)
        way_failed(&station->reach.way);
    if (station->terminal.state == agent_STARTING)
        station_set_state(station, agent_OFFLINE, "the broker cannot be reached");
    reach_start(station);
}

const struct flow_kind reach_kind = {
    .name = "reach",
    .steps = reach_steps,
    .count = BERTH_COUNT(reach_steps),
    .ended = reach_ended,
};

void reach_start(struct station *station)
{
    if (station->stopping || station->reach.running || station->join.running)
        return;
    if (station->reach.join || !agent_identity_facts(station->identity)->known) {
        station->reach.join = false;
        join_start(station);
        return;
    }
    station->reach.running = true;
    flow_start(&station->engine, &station->reach.flow, &reach_kind, "broker");
}

void reach_stop(struct station *station)
{
    if (station->reach.running)
        flow_cancel(&station->reach.flow, BERTH_E_CANCELLED, "the agent stops");
    presence_lost(station);
}

void reach_begin_anew(struct station *station)
{
    struct berth_error why = { 0 };

    (void)berth_fail(&why, BERTH_E_CANCELLED, "an invitation came");
    if (station->reach.running)
        flow_cancel(&station->reach.flow, BERTH_E_CANCELLED, "%s", why.text);
    join_forget(station);
    station->reach.failures = 0;
    station->reach.join =
        true; /* an identity of the same site is renewed there, one of another is made */
    reach_give_up(station, &why);
}

void reach_hurry(struct station *station)
{
    pause_cut(&station->reach.pause);
}

/* The link is gone. What is on the screen stays; who waits for an answer goes on waiting for a
 * while. */
static void without_link(struct station *station, const struct berth_error *why)
{
    presence_lost(station);
    renewal_link_lost(station, why);
    bundle_link_lost(station, why);
    if (station->terminal.online) {
        terminal_status_set_online(&station->terminal, false, station->timers->mono_ms, "the broker was lost");
        terminal_status_set_text(&station->terminal, NULL, NULL, false);
        station_paint(station);
    }
    sign_on_link_lost(station);
    reach_start(station);
}

void reach_lost(void *owner, const struct berth_error *why)
{
    struct station *station = owner;

    if (join_lost(station, why))
        return;
    if (awaited_end(&station->reach.answer, why->code, why))
        return;
    log_failure(EV_AGENT_LINK, why, "lost");
    without_link(station, why);
}

void reach_give_up(struct station *station, const struct berth_error *why)
{
    if (station->reach.running) /* its own limits see to it */
        return;
    uplink_close(station->uplink);
    without_link(station, why);
}

void reach_anew(struct station *station, const char *why)
{
    struct berth_error error = { 0 };

    (void)berth_fail(&error, BERTH_E_CANCELLED, "%s", why);
    reach_give_up(station, &error);
}

void reach_announce_again(struct station *station)
{
    presence_lost(station);
    reach_start(station);
}

void reach_granted(struct station *station, const struct msg *msg)
{
    bool first = awaited_is(&station->reach.answer);

    if (first && msg->ref != station->reach.answer.ref)
        return; /* of a renewal before: the announcement is answered by its own grant */
    presence_granted(station, &msg->granted,
                     first ? station->reach.sent_ms : station->presence.sent_ms);
    if (first)
        (void)awaited_end(&station->reach.answer, 0, NULL);
}

void reach_refused(struct station *station, const struct msg_refused *refused)
{
    struct berth_error error = { 0 };
    int code = berth_error_code(refused->code);

    (void)berth_fail(&error, code ? code : BERTH_E_DENIED, "%s", refused->text);
    if (code == BERTH_E_REVOKED)
        station->terminal.revoked = true;
    (void)awaited_end(&station->reach.answer, error.code, &error);
}
