/* station.c - see station.h. */
#include "flow/station.h"

#include <string.h>

#include "berth/log.h"

#include "flow/attend.h"
#include "flow/bundle.h"
#include "flow/inbox.h"
#include "flow/join.h"
#include "flow/orders.h"
#include "flow/presence.h"
#include "flow/profile.h"
#include "flow/reach.h"
#include "flow/recording.h"
#include "flow/renewal.h"
#include "flow/showing.h"
#include "flow/sign_on.h"

static const struct uplink_events uplink_events = {
    .message = inbox_message,
    .lost = reach_lost,
};

static const struct viewer_events viewer_events = {
    .connected = showing_connected,
    .ended = showing_viewer_ended,
};

void station_start(struct station *station)
{
    const struct agent_identity_facts *facts = agent_identity_facts(station->identity);

    list_init(&station->watchers);
    flow_engine_init(&station->engine, station->timers);
    terminal_status_init(&station->terminal, facts->terminal);
    station->presence.slept_ms = device_slept_ms(station->device);
    recording_start(station);
    profile_recall(station);
    orders_init(station);
    uplink_attend(station->uplink, &uplink_events, station);
    viewer_attend(station->viewer, &viewer_events, station);
    screen_attend(station->screen, attend_event, station);
    station_paint(station);
    reach_start(station);
}

void station_stop(struct station *station)
{
    station->stopping = true;
    presence_goodbye(station);
    renewal_stop(station);
    bundle_stop(station);
    orders_stop(station);
    sign_on_stop(station);
    showing_stop(station);
    recording_stop(station);
    join_stop(station);
    reach_stop(station);
    uplink_close(station->uplink);
}

int64_t station_up_ms(const struct station *station)
{
    return station->timers->mono_ms + device_slept_ms(station->device);
}

int64_t station_wall_ms(const struct station *station)
{
    const struct station_presence *presence = &station->presence;
    /* Counted on from the last grant: whatever happens to our own clock meanwhile, the broker's
     * certificate is judged by the broker's time. */
    int64_t passed_ms = station_up_ms(station) - presence->broker_at_ms;
    int64_t now_ms = presence->broker_ms && !presence->broker_doubted
                         ? presence->broker_ms + passed_ms
                         : station->timers->wall_ms;
    int64_t least_ms = agent_identity_facts(station->identity)->accepted_ms;

    if (least_ms < station->options.built_ms)
        least_ms = station->options.built_ms;
    return now_ms > least_ms ? now_ms : least_ms;
}

void station_paint(struct station *station)
{
    struct page page;

    terminal_status_page(&station->terminal, &station->settings, &page);
    page.now_ms = station_wall_ms(station);
    /* While the viewer has no picture yet the greeter must be out of its way to see the first one. */
    if (station->terminal.state == agent_CONNECTING && station->showing.seeing) {
        page.kind = page_kind_DESKTOP;
        page.watch = true;
    }
    (void)screen_show(station->screen, &page);
    recording_look(station);
    station_tell(station, STATION_SAYS, NULL);
}

void station_say(struct station *station, enum agent_state next, const char *why, const char *title,
                 const char *text, bool alert)
{
    terminal_status_set_state(&station->terminal, next, station->timers->mono_ms, why);
    terminal_status_set_text(&station->terminal, title, text, alert);
    station_paint(station);
    sign_on_look(station);
}

void station_set_state(struct station *station, enum agent_state next, const char *why)
{
    station_say(station, next, why, NULL, NULL, false);
}

void station_message(struct station *station, struct msg *msg, enum msg_type type)
{
    msg_init(msg, type);
    msg->ref = ++station->last_ref;
}

bool station_send(struct station *station, const struct msg *msg)
{
    struct berth_error error = { 0 };

    if (!station->terminal.online)
        return false;
    if (uplink_send(station->uplink, msg, &error) == 0)
        return true;
    log_failure(EV_AGENT_LINK, &error, msg_row(msg->type)->name);
    reach_give_up(station, &error);
    return false;
}

void station_watch(struct station *station, struct station_watcher *watcher)
{
    list_append(&station->watchers, &watcher->node);
}

void station_unwatch(struct station_watcher *watcher)
{
    list_remove(&watcher->node);
}

void station_tell(struct station *station, enum station_news news, const struct berth_error *why)
{
    list_each (&station->watchers, node) {
        struct station_watcher *watcher = list_entry(node, struct station_watcher, node);

        watcher->news(watcher, news, why);
    }
}
