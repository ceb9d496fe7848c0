/* recording.c - see recording.h. */
#include "flow/recording.h"

#include <stdio.h>

#include "berth/history.h"

static void set_name(const struct station *station, char name[64])
{
    (void)snprintf(name, 64, "%s", station->terminal.name);
}

static int64_t now_us(const struct station *station)
{
    return station->timers->mono_ms * 1000;
}

static void note(const struct station *station, enum history_screen_event event,
                 const struct session_claim *claim)
{
    struct history_line line = {
        .kind = HISTORY_screen,
        .at_us = now_us(station),
        .screen = { .event = event, .session_id = claim->session_id, .epoch = claim->epoch }
    };

    set_name(station, line.screen.terminal);
    station->history->take(station->history, &line);
}

/* The screen goes from what was recorded of it to this. */
static void turn_to(struct station *station, const struct session_claim *claim)
{
    struct session_claim *was = &station->recorded;

    if (was->session_id == claim->session_id && was->epoch == claim->epoch)
        return;
    if (was->session_id)
        note(station, history_screen_event_HIDES, was);
    if (claim->session_id)
        note(station, history_screen_event_SHOWS, claim);
    *was = *claim;
}

void recording_start(struct station *station)
{
    if (station->history)
        note(station, history_screen_event_DARK, &(struct session_claim){ 0 });
}

void recording_look(struct station *station)
{
    bool active = station->terminal.state == agent_ACTIVE;

    if (station->history)
        turn_to(station, active ? &station->showing.claim : &(struct session_claim){ 0 });
}

void recording_stop(struct station *station)
{
    if (station->history)
        turn_to(station, &(struct session_claim){ 0 });
}

void recording_profile(struct station *station, int64_t version, size_t sent, int applied)
{
    struct history_line line = {
        .kind = HISTORY_profile,
        .at_us = now_us(station),
        .profile = { .version = version, .sent = (int64_t)sent, .applied = applied }
    };

    if (!station->history)
        return;
    set_name(station, line.profile.terminal);
    station->history->take(station->history, &line);
}
