/* agent_flow.c - start and stop the flows; their state changes, sending and observers. */
#include "flow/agent_flow.h"

#include <string.h>

#include "berth/log.h"

#include "flow/certificate_renewal.h"
#include "flow/commands.h"
#include "flow/dial.h"
#include "flow/dispatch.h"
#include "flow/join_request.h"
#include "flow/log_upload.h"
#include "flow/presence.h"
#include "flow/profile.h"
#include "flow/recording.h"
#include "flow/screen_events.h"
#include "flow/sign_on_request.h"
#include "flow/viewer_session.h"

static const struct uplink_events uplink_events = {
    .message = dispatch_broker_message,
    .lost = dial_link_lost,
};

static const struct viewer_events viewer_events = {
    .connected = viewer_session_connected,
    .ended = viewer_session_viewer_ended,
};

void agent_flow_start(struct agent_flow *agent)
{
    const struct agent_identity_facts *facts = agent_identity_facts(agent->identity);

    list_init(&agent->observers);
    flow_engine_init(&agent->engine, agent->timers);
    terminal_status_init(&agent->terminal, facts->terminal);
    agent->presence.slept_ms = device_slept_ms(agent->device);
    recording_start(agent);
    profile_load(agent);
    commands_init(agent);
    uplink_set_events(agent->uplink, &uplink_events, agent);
    viewer_set_events(agent->viewer, &viewer_events, agent);
    screen_set_events(agent->screen, screen_events_handle, agent);
    agent_flow_show_page(agent);
    dial_start(agent);
}

void agent_flow_stop(struct agent_flow *agent)
{
    agent->stopping = true;
    presence_goodbye(agent);
    certificate_renewal_stop(agent);
    log_upload_stop(agent);
    commands_stop(agent);
    sign_on_request_stop(agent);
    viewer_session_stop(agent);
    recording_stop(agent);
    join_request_stop(agent);
    dial_stop(agent);
    uplink_close(agent->uplink);
}

int64_t agent_flow_uptime_ms(const struct agent_flow *agent)
{
    return agent->timers->mono_ms + device_slept_ms(agent->device);
}

int64_t agent_flow_wall_ms(const struct agent_flow *agent)
{
    const struct agent_presence *presence = &agent->presence;
    /* The broker's time at its last grant, advanced by the up time: setting the local clock does
     * not change how the broker's certificate is verified.
     */
    int64_t passed_ms = agent_flow_uptime_ms(agent) - presence->broker_at_ms;
    int64_t now_ms = presence->broker_ms && !presence->broker_clock_doubted
                         ? presence->broker_ms + passed_ms
                         : agent->timers->wall_ms;
    int64_t least_ms = agent_identity_facts(agent->identity)->accepted_ms;

    if (least_ms < agent->options.built_ms)
        least_ms = agent->options.built_ms;
    return now_ms > least_ms ? now_ms : least_ms;
}

void agent_flow_show_page(struct agent_flow *agent)
{
    struct page page;

    terminal_status_page(&agent->terminal, &agent->settings, &page);
    page.now_ms = agent_flow_wall_ms(agent);
    /* Until the first picture the greeter's window is unmapped, to sample the screen for it. */
    if (agent->terminal.state == agent_CONNECTING && agent->viewer_session.awaiting_picture) {
        page.kind = page_kind_DESKTOP;
        page.watch = true;
    }
    (void)screen_show(agent->screen, &page);
    recording_page_shown(agent);
    agent_flow_notify(agent, AGENT_EVENT_CHANGED, NULL);
}

void agent_flow_set_state_text(struct agent_flow *agent, enum agent_state next, const char *why,
                               const char *title, const char *text, bool alert)
{
    terminal_status_set_state(&agent->terminal, next, agent->timers->mono_ms, why);
    terminal_status_set_text(&agent->terminal, title, text, alert);
    agent_flow_show_page(agent);
    sign_on_request_check_kiosk(agent);
}

void agent_flow_set_state(struct agent_flow *agent, enum agent_state next, const char *why)
{
    agent_flow_set_state_text(agent, next, why, NULL, NULL, false);
}

void agent_flow_init_message(struct agent_flow *agent, struct msg *msg, enum msg_type type)
{
    msg_init(msg, type);
    msg->ref = ++agent->last_ref;
}

bool agent_flow_send(struct agent_flow *agent, const struct msg *msg)
{
    struct berth_error error = { 0 };

    if (!agent->terminal.online)
        return false;
    if (uplink_send(agent->uplink, msg, &error) == 0)
        return true;
    log_failure(EV_AGENT_LINK, &error, msg_row(msg->type)->name);
    dial_drop_link(agent, &error);
    return false;
}

void agent_flow_add_observer(struct agent_flow *agent, struct agent_observer *observer)
{
    list_append(&agent->observers, &observer->node);
}

void agent_flow_remove_observer(struct agent_observer *observer)
{
    list_remove(&observer->node);
}

void agent_flow_notify(struct agent_flow *agent, enum agent_event event,
                       const struct berth_error *why)
{
    list_each (&agent->observers, node) {
        struct agent_observer *observer = list_entry(node, struct agent_observer, node);

        observer->notify(observer, event, why);
    }
}
