/* presence.c - presence renewals, their timeout, and the check for a suspend. */
#include "flow/presence.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/reconnect.h"
/* Lower bound of the renewal interval: a grant without timing must not cause a busy loop. */
#define RENEW_MIN_MS 1000
/* The link is considered dead when a renewal is not answered for this long. */
#define UNANSWERED_MS 7000
/* Interval of the check for a suspend, which every renewal makes too. */
#define SUSPEND_CHECK_MS 5000
/* Smaller differences of the two clocks come from reading them one after the other. */
#define SUSPEND_MIN_MS 500

static struct agent_flow *agent_of(struct berth_timer *timer, size_t offset)
{
    return container_of((struct agent_presence *)(void *)((char *)timer - offset),
                        struct agent_flow, presence);
}

static void suspend_check_due(struct berth_timer *timer);
static void renew_due(struct berth_timer *timer);

static void renewal_unanswered(struct berth_timer *timer)
{
    struct agent_flow *agent = agent_of(timer, offsetof(struct agent_presence, unanswered));
    struct berth_error error = { 0 };

    (void)berth_fail(&error, BERTH_E_TIMEOUT, "the broker did not answer a renewal in %d ms",
                     UNANSWERED_MS);
    agent_flow_drop_link(agent, &error);
}

static void handle_suspend(struct agent_flow *agent, int64_t slept_ms)
{
    struct agent_presence *presence = &agent->presence;
    bool over = agent->timers->mono_ms + slept_ms >= presence->deadline_ms;
    struct berth_error error = { 0 };

    (void)berth_fail(&error, BERTH_E_TIMEOUT, "the terminal was suspended for %lld ms",
                     (long long)slept_ms);
    log_failure(EV_AGENT_LINK, &error, over ? "suspended past its presence deadline" : "suspended");
    if (!over) {
        presence->deadline_ms -= slept_ms;
        presence_renew_now(agent);
        return;
    }
    presence->id[0] = '\0';
    presence_lost(agent);
    changes_note(&agent->changes, CHANGE_SUSPENDED, &error);
}

/* True when the machine was suspended since the last check. */
static bool check_suspend(struct agent_flow *agent)
{
    struct agent_presence *presence = &agent->presence;
    int64_t slept_ms = device_slept_ms(agent->device);
    int64_t since_ms = slept_ms - presence->slept_ms;

    presence->slept_ms = slept_ms;
    if (since_ms < SUSPEND_MIN_MS)
        return false;
    handle_suspend(agent, since_ms);
    return true;
}

static void suspend_check_due(struct berth_timer *timer)
{
    struct agent_flow *agent = agent_of(timer, offsetof(struct agent_presence, suspend_check));

    timer_start(agent->timers, timer, SUSPEND_CHECK_MS, suspend_check_due);
    (void)check_suspend(agent);
}

static int64_t input_idle_ms(const struct agent_flow *agent)
{
    const struct agent_presence *presence = &agent->presence;

    if (presence->input_reported_ms == 0)
        return 0;
    return presence->input_idle_ms + agent->timers->mono_ms - presence->input_reported_ms;
}

static void renew(struct agent_flow *agent)
{
    struct agent_presence *presence = &agent->presence;
    struct msg msg berth_unset;

    agent_flow_init_message(agent, &msg, MSG_renew);
    copy_text(msg.renew.presence_id, presence->id);
    msg.renew.seq = ++presence->seq;
    msg.renew.want_expires_in_ms = agent->options.want_expires_ms;
    msg.renew.screen = terminal_status_screen(&agent->terminal);
    msg.renew.input_idle_ms = input_idle_ms(agent);
    if (!timer_armed(&presence->unanswered)) {
        presence->sent_ms = agent->timers->mono_ms;
        timer_start(agent->timers, &presence->unanswered, UNANSWERED_MS, renewal_unanswered);
    }
    timer_start(agent->timers, &presence->renew,
                reconnect_jitter_ms(agent->random, presence->renew_after_ms), renew_due);
    (void)agent_flow_send(agent, &msg);
}

static void renew_due(struct berth_timer *timer)
{
    struct agent_flow *agent = agent_of(timer, offsetof(struct agent_presence, renew));

    if (!check_suspend(agent))
        renew(agent);
}

void presence_granted(struct agent_flow *agent, const struct msg_granted *granted, int64_t sent_ms)
{
    struct agent_presence *presence = &agent->presence;
    int64_t now_ms = agent->timers->mono_ms;
    int64_t renew_ms = granted->renew_after_ms;

    timer_stop(agent->timers, &presence->unanswered);
    if (granted->incarnation != presence->incarnation)
        log_event(EV_AGENT_LINK, "terminal", granted->terminal, "incarnation", granted->incarnation,
                  "spread_ms", granted->reconnect_spread_ms);
    copy_text(presence->id, granted->presence_id);
    presence->deadline_ms = sent_ms + granted->presence_expires_in_ms;
    presence->spread_ms = granted->reconnect_spread_ms;
    presence->incarnation = granted->incarnation;
    presence->renew_after_ms = renew_ms > RENEW_MIN_MS ? renew_ms : RENEW_MIN_MS;
    if (granted->server_time_ms > 0) {
        presence->broker_ms = granted->server_time_ms;
        presence->broker_at_ms = agent_flow_uptime_ms(agent);
        presence->broker_clock_doubted = false;
    }
    if (granted->terminal[0])
        copy_text(agent->terminal.name, granted->terminal);
    timer_start(agent->timers, &presence->renew,
                reconnect_jitter_ms(agent->random, presence->renew_after_ms), renew_due);
    if (agent->terminal.online)
        return;
    presence->slept_ms = device_slept_ms(agent->device);
    timer_start(agent->timers, &presence->suspend_check, SUSPEND_CHECK_MS, suspend_check_due);
    terminal_status_set_online(&agent->terminal, true, now_ms, "presence granted");
    if (agent->terminal.state == agent_IDLE)
        agent_flow_set_state(agent, agent_IDLE, "presence granted");
    else
        agent_flow_show_page(agent);
}

void presence_lost(struct agent_flow *agent)
{
    struct agent_presence *presence = &agent->presence;

    timer_stop(agent->timers, &presence->renew);
    timer_stop(agent->timers, &presence->unanswered);
    timer_stop(agent->timers, &presence->suspend_check);
}

void presence_unknown(struct agent_flow *agent, berth_unused const struct msg *msg)
{
    agent->presence.id[0] = '\0';
    presence_lost(agent);
    changes_note(&agent->changes, CHANGE_LINK_WANTED, NULL);
}

const char *presence_resume_id(const struct agent_flow *agent)
{
    const struct agent_presence *presence = &agent->presence;

    return agent->timers->mono_ms < presence->deadline_ms ? presence->id : "";
}

void presence_renew_now(struct agent_flow *agent)
{
    if (agent->terminal.online && agent->presence.id[0])
        renew(agent);
}

void presence_set_input_idle(struct agent_flow *agent, int64_t idle_ms)
{
    agent->presence.input_idle_ms = idle_ms;
    agent->presence.input_reported_ms = agent->timers->mono_ms;
}

void presence_goodbye(struct agent_flow *agent)
{
    struct agent_presence *presence = &agent->presence;
    struct msg msg;

    presence_lost(agent);
    if (!agent->terminal.online || !presence->id[0])
        return;
    agent_flow_init_message(agent, &msg, MSG_bye);
    copy_text(msg.bye.presence_id, presence->id);
    msg.bye.seq = ++presence->seq;
    (void)agent_flow_send(agent, &msg);
    presence->id[0] = '\0';
}
