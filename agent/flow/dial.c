/* dial.c - find the broker, connect, announce. */
#include "flow/dial.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/reconnect.h"
#include "flow/endpoint.h"
#include "flow/presence.h"

static flow_begin_fn back_off, find_address, connect_tls, announce;
static flow_finish_fn announced;

enum { BACK_OFF, FIND, CONNECT, ANNOUNCE };

/* clang-format off */
static const struct flow_step dial_steps[] = {
    /*             name        begin         finish     undo  limit/ms          true when it is behind us          */
    [BACK_OFF] = { "back-off", back_off,     NULL,      NULL, FLOW_QUEUED }, /* the delay is over                  */
    [FIND]     = { "find",     find_address, NULL,      NULL, 10000 },       /* an address is known                */
    [CONNECT]  = { "connect",  connect_tls,  NULL,      NULL, 15000 },       /* mutual TLS is established          */
    [ANNOUNCE] = { "announce", announce,     announced, NULL, 10000 },       /* presence is granted, and all know  */
};
/* clang-format on */

static struct agent_flow *agent_of(struct flow *flow)
{
    return container_of(flow, struct agent_flow, dial.flow);
}

static enum reconnect_urgency urgency(const struct agent_flow *agent)
{
    if (terminal_status_user_waiting(&agent->terminal))
        return RECONNECT_WAITING;
    return terminal_status_shows_desktop(&agent->terminal) ? RECONNECT_IN_SESSION : RECONNECT_IDLE;
}

static int back_off(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    int64_t delay_ms;

    if (uplink_is_open(agent->uplink))
        return ANNOUNCE;
    delay_ms = reconnect_delay_ms(agent->random, agent->dial.failures, agent->presence.spread_ms,
                                  urgency(agent));
    return flow_await(flow, delay_begin(&agent->dial.delay, delay_ms, &flow->op));
}

static int find_address(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);

    return flow_await(flow,
                      endpoint_find_begin(agent, &agent->dial.endpoint, UPLINK_LINK, &flow->op));
}

static int connect_tls(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);

    return flow_await(flow,
                      endpoint_dial_begin(agent, &agent->dial.endpoint, UPLINK_LINK, &flow->op));
}

/* The announcement carries all that the broker must know of this terminal, including the session on
 * the screen, so that a restarted broker can claim it again.
 */
static int announce(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    const struct terminal_status *terminal = &agent->terminal;
    struct berth_error error = { 0 };
    struct msg msg;

    agent_flow_init_message(agent, &msg, MSG_announce);
    copy_text(msg.announce.boot_id, device_facts(agent->device)->boot_id);
    copy_text(msg.announce.agent_version, agent->options.agent_version);
    msg.announce.want_expires_in_ms = agent->options.want_expires_ms;
    copy_text(msg.announce.resume_presence_id, presence_resume_id(agent));
    if (terminal_status_shows_desktop(terminal)) {
        msg.announce.session_id = terminal->shown.session_id;
        msg.announce.session_epoch = terminal->shown.epoch;
        msg.announce.connection_id = terminal->shown.connection_id;
    }
    msg.announce.profile_version = agent->profile_version;
    msg.announce.user_waiting = terminal_status_user_waiting(terminal);
    agent->dial.answer.ref = msg.ref;
    agent->dial.sent_ms = agent->timers->mono_ms;
    if (uplink_send(agent->uplink, &msg, &error) < 0)
        return flow_fail_with(flow, &error);
    return flow_await(flow, event_wait_begin(&agent->dial.answer, &flow->op));
}

static int announced(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);

    if (flow->op.result < 0)
        return flow_fail_with(flow, &flow->op.error);
    agent->dial.failures = 0;
    agent_flow_notify(agent, AGENT_EVENT_LINKED, NULL);
    return FLOW_DONE;
}

/* When the certificates are not accepted, joining may help: a known but expired key renews there. A
 * wrong clock causes the same error, and the broker's last one may be as wrong as the local one, so
 * the other clock is tried first.
 */
static bool should_join(struct agent_flow *agent, const struct berth_error *error)
{
    struct agent_presence *presence = &agent->presence;

    if (error->code == BERTH_E_REVOKED)
        return true;
    if (error->code != BERTH_E_CERTIFICATE)
        return false;
    presence->broker_clock_doubted = presence->broker_ms && !presence->broker_clock_doubted;
    return !presence->broker_clock_doubted;
}

static void dial_ended(struct flow *flow, const struct berth_error *error)
{
    struct agent_flow *agent = agent_of(flow);

    agent->dial.running = false;
    if (!error->code) {
        changes_note(&agent->changes, CHANGE_LINK_BACK, NULL);
        return;
    }
    uplink_close(agent->uplink);
    if (agent->stopping || error->code == BERTH_E_CANCELLED)
        return;
    log_failure(EV_AGENT_LINK, error, "not reached");
    agent->dial.failures++;
    agent->dial.try_join = should_join(agent, error);
    if (!agent->dial.try_join)
        endpoint_next(&agent->dial.endpoint);
    if (agent->terminal.state == agent_STARTING)
        agent_flow_set_state(agent, agent_OFFLINE, "the broker cannot be reached");
    changes_note(&agent->changes, CHANGE_LINK_WANTED, NULL);
}

const struct flow_kind dial_kind = {
    .name = "dial",
    .steps = dial_steps,
    .count = BERTH_COUNT(dial_steps),
    .ended = dial_ended,
};

void dial_start(struct agent_flow *agent)
{
    agent->dial.running = true;
    flow_start(&agent->engine, &agent->dial.flow, &dial_kind, "broker");
}

void dial_cancel(struct agent_flow *agent, const char *why)
{
    if (agent->dial.running)
        flow_cancel(&agent->dial.flow, BERTH_E_CANCELLED, "%s", why);
}

void dial_now(struct agent_flow *agent)
{
    delay_skip(&agent->dial.delay);
}

bool dial_link_lost(struct agent_flow *agent, const struct berth_error *why)
{
    return event_wait_end(&agent->dial.answer, why->code, why);
}

void dial_granted(struct agent_flow *agent, const struct msg *msg)
{
    bool first = event_wait_active(&agent->dial.answer);

    if (first && msg->ref != agent->dial.answer.ref)
        return; /* answers an earlier renewal; the announcement gets a grant of its own */
    presence_granted(agent, &msg->granted, first ? agent->dial.sent_ms : agent->presence.sent_ms);
    if (first)
        (void)event_wait_end(&agent->dial.answer, 0, NULL);
}

bool dial_refused(struct agent_flow *agent, berth_unused const struct msg_refused *refused,
                  int code)
{
    if (code == BERTH_E_REVOKED)
        agent->terminal.revoked = true;
    return true;
}
