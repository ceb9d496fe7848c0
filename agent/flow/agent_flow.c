/* agent_flow.c - the clock, pages and state changes, sending, a lost link, observers. */
#include "flow/agent_flow.h"

#include "berth/log.h"

#include "flow/recording.h"

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
    changes_note(&agent->changes, CHANGE_STATE, NULL);
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
    agent_flow_drop_link(agent, &error);
    return false;
}

void agent_flow_link_lost(struct agent_flow *agent, const struct berth_error *why)
{
    if (agent->terminal.online) {
        terminal_status_set_online(&agent->terminal, false, agent->timers->mono_ms,
                                   "the link was lost");
        terminal_status_set_text(&agent->terminal, NULL, NULL, false);
        agent_flow_show_page(agent);
    }
    changes_note(&agent->changes, CHANGE_LINK_LOST, why);
}

void agent_flow_drop_link(struct agent_flow *agent, const struct berth_error *why)
{
    if (agent->dial.running)
        return;
    uplink_close(agent->uplink);
    agent_flow_link_lost(agent, why);
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
