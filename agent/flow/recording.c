/* recording.c - write the history's lines about the screen and the profile. */
#include "flow/recording.h"

#include <stdio.h>

#include "berth/history.h"

static void set_name(const struct agent_flow *agent, char name[64])
{
    berth_copy_text(name, 64, agent->terminal.name);
}

static int64_t now_us(const struct agent_flow *agent)
{
    return agent->timers->mono_ms * 1000;
}

static void write_line(const struct agent_flow *agent, enum history_screen_event event,
                       const struct session_claim *claim)
{
    struct history_line line = {
        .kind = HISTORY_screen,
        .at_us = now_us(agent),
        .screen = { .event = event, .session_id = claim->session_id, .epoch = claim->epoch }
    };

    set_name(agent, line.screen.terminal);
    agent->history->take(agent->history, &line);
}

/* Write what changed between the last recorded desktop and this one. */
static void record_change(struct agent_flow *agent, const struct session_claim *claim)
{
    struct session_claim *was = &agent->recorded;

    if (was->session_id == claim->session_id && was->epoch == claim->epoch)
        return;
    if (was->session_id)
        write_line(agent, history_screen_event_HIDES, was);
    if (claim->session_id)
        write_line(agent, history_screen_event_SHOWS, claim);
    *was = *claim;
}

void recording_start(struct agent_flow *agent)
{
    if (agent->history)
        write_line(agent, history_screen_event_OFF, &(struct session_claim){ 0 });
}

void recording_page_shown(struct agent_flow *agent)
{
    bool active = agent->terminal.state == agent_ACTIVE;

    if (agent->history)
        record_change(agent, active ? &agent->viewer_session.claim : &(struct session_claim){ 0 });
}

void recording_stop(struct agent_flow *agent)
{
    if (agent->history)
        record_change(agent, &(struct session_claim){ 0 });
}

void recording_profile(struct agent_flow *agent, int64_t version, size_t sent, int applied)
{
    struct history_line line = {
        .kind = HISTORY_profile,
        .at_us = now_us(agent),
        .profile = { .version = version, .sent = (int64_t)sent, .applied = applied }
    };

    if (!agent->history)
        return;
    set_name(agent, line.profile.terminal);
    agent->history->take(agent->history, &line);
}
