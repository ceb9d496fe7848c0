/* reactor.c - start, stop, and the reactions to a lost link, its return, a suspend. */
#include "flow/reactor.h"

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

/* A terminal without an identity, or whose certificate the broker does not accept, joins first. */
static void connect_broker(struct agent_flow *agent)
{
    if (agent->dial.running || agent->join.running)
        return;
    if (agent->dial.try_join || !agent_identity_facts(agent->identity)->known) {
        agent->dial.try_join = false;
        join_request_start(agent);
    } else {
        dial_start(agent);
    }
}

/* Past the deadline another person may sit at the terminal: take the desktop off the screen. */
static void react_to_suspend(struct agent_flow *agent)
{
    if (terminal_status_shows_desktop(&agent->terminal))
        viewer_session_lock(agent, "the terminal was suspended");
    else if (agent->sign_on.resume.on)
        sign_on_request_cancel(agent);
    agent_flow_drop_link(agent, &agent->changes.why);
}

static void react_to_link_back(struct agent_flow *agent)
{
    certificate_renewal_schedule(agent);
    sign_on_request_link_back(agent);
}

/* A desktop on the screen stays; a sign-on in progress waits for the broker for a limited time. */
static void react_to_link_loss(struct agent_flow *agent)
{
    presence_lost(agent);
    certificate_renewal_link_lost(agent, &agent->changes.why);
    log_upload_link_lost(agent, &agent->changes.why);
    sign_on_request_link_lost(agent);
}

/* In one turn a link can come back and break again, but not the other way round. The viewer and the
 * greeter end after the flows, and what they report until then changes nothing. */
static void react(struct changes *changes, unsigned what)
{
    struct agent_flow *agent = container_of(changes, struct agent_flow, changes);

    if (agent->stopping)
        return;
    if (what & CHANGE_SUSPENDED)
        react_to_suspend(agent);
    if (what & CHANGE_LINK_BACK)
        react_to_link_back(agent);
    if (what & CHANGE_LINK_LOST)
        react_to_link_loss(agent);
    if (what & (CHANGE_LINK_LOST | CHANGE_LINK_WANTED))
        connect_broker(agent);
    if (what & CHANGE_STATE)
        sign_on_request_check_kiosk(agent);
}

static void uplink_lost(void *owner, const struct berth_error *why)
{
    struct agent_flow *agent = owner;

    if (join_request_link_lost(agent, why) || dial_link_lost(agent, why))
        return;
    log_failure(EV_AGENT_LINK, why, "lost");
    agent_flow_link_lost(agent, why);
}

static const struct uplink_events uplink_events = {
    .message = dispatch_broker_message,
    .lost = uplink_lost,
};

static const struct viewer_events viewer_events = {
    .connected = viewer_session_connected,
    .ended = viewer_session_viewer_ended,
};

void agent_flow_start(struct agent_flow *agent)
{
    const struct agent_identity_facts *facts = agent_identity_facts(agent->identity);

    list_init(&agent->observers);
    changes_init(&agent->changes, agent->timers, react);
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
    connect_broker(agent);
}

void agent_flow_stop(struct agent_flow *agent)
{
    agent->stopping = true;
    presence_goodbye(agent);
    certificate_renewal_stop(agent);
    commands_stop(agent);
    sign_on_request_stop(agent);
    viewer_session_stop(agent);
    recording_stop(agent);
    join_request_stop(agent);
    dial_cancel(agent, "the agent stops");
    uplink_close(agent->uplink);
    changes_forget(&agent->changes);
}

void agent_flow_rejoin(struct agent_flow *agent)
{
    struct berth_error why = { 0 };

    (void)berth_fail(&why, BERTH_E_CANCELLED, "a new invitation arrived");
    dial_cancel(agent, why.text);
    join_request_reset(agent);
    agent->dial.failures = 0;
    agent->dial.try_join = true; /* also with an identity of this site: joining renews it */
    agent_flow_drop_link(agent, &why);
}
