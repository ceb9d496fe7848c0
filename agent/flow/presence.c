/* presence.c - see presence.h. */
#include "flow/presence.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/reconnect.h"
#include "flow/reach.h"
#include "flow/showing.h"
#include "flow/sign_on.h"

/* A grant without timing would make us renew without pause; the protocol's smallest grant is 5 s.
 */
#define RENEW_LEAST_MS 1000
/* A renewal that is not answered for this long: the link is not worth waiting for. */
#define UNANSWERED_MS 7000
/* How often we look whether the machine was asleep, besides every renewal. */
#define LOOK_MS 5000
/* Differences of the two clocks below this are reading noise. */
#define SLEPT_LEAST_MS 500

static struct station *station_of(struct berth_timer *timer, size_t offset)
{
    return container_of((struct station_presence *)(void *)((char *)timer - offset), struct station,
                        presence);
}

static void look_due(struct berth_timer *timer);
static void renew_due(struct berth_timer *timer);

static void link_silent(struct berth_timer *timer)
{
    struct station *station = station_of(timer, offsetof(struct station_presence, unanswered));
    struct berth_error error = { 0 };

    (void)berth_fail(&error, BERTH_E_TIMEOUT, "the broker did not answer a renewal in %d ms",
                     UNANSWERED_MS);
    reach_give_up(station, &error);
}

/* The machine slept. Whoever sits there now may be somebody else: past the grant the screen is
 * given back. */
static void woke_up(struct station *station, int64_t slept_ms)
{
    struct station_presence *presence = &station->presence;
    bool over = station->timers->mono_ms + slept_ms >= presence->deadline_ms;
    struct berth_error error = { 0 };

    (void)berth_fail(&error, BERTH_E_TIMEOUT, "the terminal slept for %lld ms",
                     (long long)slept_ms);
    log_failure(EV_AGENT_LINK, &error, over ? "slept past its presence" : "slept");
    if (!over) {
        presence->deadline_ms -= slept_ms;
        presence_renew_now(station);
        return;
    }
    presence->id[0] = '\0';
    if (terminal_status_shows_desktop(&station->terminal))
        showing_lock(station, "the terminal slept");
    else if (station->sign_on.resume.on)
        sign_on_cancel(station);
    reach_give_up(station, &error);
}

/* True when the machine slept since the last look. */
static bool look(struct station *station)
{
    struct station_presence *presence = &station->presence;
    int64_t slept_ms = device_slept_ms(station->device);
    int64_t since_ms = slept_ms - presence->slept_ms;

    presence->slept_ms = slept_ms;
    if (since_ms < SLEPT_LEAST_MS)
        return false;
    woke_up(station, since_ms);
    return true;
}

static void look_due(struct berth_timer *timer)
{
    struct station *station = station_of(timer, offsetof(struct station_presence, look));

    timer_start(station->timers, timer, LOOK_MS, look_due);
    (void)look(station);
}

static int64_t input_idle_ms(const struct station *station)
{
    const struct station_presence *presence = &station->presence;

    if (presence->input_said_ms == 0)
        return 0;
    return presence->input_idle_ms + station->timers->mono_ms - presence->input_said_ms;
}

static void renew(struct station *station)
{
    struct station_presence *presence = &station->presence;
    struct msg msg berth_unset;

    station_message(station, &msg, MSG_renew);
    berth_copy_text(msg.renew.presence_id, sizeof(msg.renew.presence_id), presence->id);
    msg.renew.seq = ++presence->seq;
    msg.renew.want_expires_in_ms = station->options.want_expires_ms;
    msg.renew.screen = terminal_status_screen(&station->terminal);
    msg.renew.input_idle_ms = input_idle_ms(station);
    if (!timer_armed(&presence->unanswered)) {
        presence->sent_ms = station->timers->mono_ms;
        timer_start(station->timers, &presence->unanswered, UNANSWERED_MS, link_silent);
    }
    timer_start(station->timers, &presence->renew,
                reconnect_jitter_ms(station->random, presence->renew_after_ms), renew_due);
    (void)station_send(station, &msg);
}

static void renew_due(struct berth_timer *timer)
{
    struct station *station = station_of(timer, offsetof(struct station_presence, renew));

    if (!look(station))
        renew(station);
}

void presence_granted(struct station *station, const struct msg_granted *granted, int64_t sent_ms)
{
    struct station_presence *presence = &station->presence;
    int64_t now_ms = station->timers->mono_ms;
    int64_t renew_ms = granted->renew_after_ms;

    timer_stop(station->timers, &presence->unanswered);
    if (granted->incarnation != presence->incarnation)
        log_event(EV_AGENT_LINK, "terminal", granted->terminal, "incarnation", granted->incarnation,
                  "spread_ms", granted->reconnect_spread_ms);
    berth_copy_text(presence->id, sizeof(presence->id), granted->presence_id);
    presence->deadline_ms = sent_ms + granted->presence_expires_in_ms;
    presence->spread_ms = granted->reconnect_spread_ms;
    presence->incarnation = granted->incarnation;
    presence->renew_after_ms = renew_ms > RENEW_LEAST_MS ? renew_ms : RENEW_LEAST_MS;
    if (granted->server_time_ms > 0) {
        presence->broker_ms = granted->server_time_ms;
        presence->broker_at_ms = station_up_ms(station);
        presence->broker_doubted = false;
    }
    if (granted->terminal[0])
        berth_copy_text(station->terminal.name, sizeof(station->terminal.name), granted->terminal);
    timer_start(station->timers, &presence->renew,
                reconnect_jitter_ms(station->random, presence->renew_after_ms), renew_due);
    if (station->terminal.online)
        return;
    presence->slept_ms = device_slept_ms(station->device);
    timer_start(station->timers, &presence->look, LOOK_MS, look_due);
    terminal_status_set_online(&station->terminal, true, now_ms, "presence granted");
    if (station->terminal.state == agent_IDLE)
        station_set_state(station, agent_IDLE, "presence granted");
    else
        station_paint(station);
}

void presence_unknown(struct station *station, const struct msg *msg)
{
    (void)msg;
    station->presence.id[0] = '\0';
    reach_announce_again(station);
}

void presence_lost(struct station *station)
{
    struct station_presence *presence = &station->presence;

    timer_stop(station->timers, &presence->renew);
    timer_stop(station->timers, &presence->unanswered);
    timer_stop(station->timers, &presence->look);
}

const char *presence_resumable(const struct station *station)
{
    const struct station_presence *presence = &station->presence;

    return station->timers->mono_ms < presence->deadline_ms ? presence->id : "";
}

void presence_renew_now(struct station *station)
{
    if (station->terminal.online && station->presence.id[0])
        renew(station);
}

void presence_input(struct station *station, int64_t idle_ms)
{
    station->presence.input_idle_ms = idle_ms;
    station->presence.input_said_ms = station->timers->mono_ms;
}

void presence_goodbye(struct station *station)
{
    struct station_presence *presence = &station->presence;
    struct msg msg;

    presence_lost(station);
    if (!station->terminal.online || !presence->id[0])
        return;
    station_message(station, &msg, MSG_bye);
    (void)snprintf(msg.bye.presence_id, sizeof(msg.bye.presence_id), "%s", presence->id);
    msg.bye.seq = ++presence->seq;
    (void)station_send(station, &msg);
    presence->id[0] = '\0';
}
