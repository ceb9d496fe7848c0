/* agent.c - starts, drives and stops a real agent on the ports of ports.c. */
#include "sim/agent/agent.h"

#include <stdio.h>
#include <string.h>

#include "flow/sign_on_request.h"
#include "flow/viewer_session.h"
#include "sim/agent/agent_internal.h"

#include "random_seeded.h"

static void news(struct agent_observer *observer, enum agent_event what,
                 const struct berth_error *why)
{
    struct agent *agent = container_of(observer, struct agent, observer);

    switch (what) {
    case AGENT_EVENT_CHANGED:
    case AGENT_EVENT_JOINED:
    case AGENT_EVENT_JOIN_FAILED:
    case AGENT_EVENT_LINKED:
        return;
    case AGENT_EVENT_SHOWN:
        agent->callbacks.news(agent->callbacks.who, AGENT_SHOWN, why);
        return;
    case AGENT_EVENT_SIGN_ON_FAILED:
        agent->callbacks.news(agent->callbacks.who, AGENT_REFUSED, why);
        return;
    case AGENT_EVENT_ENDED:
        agent->callbacks.news(agent->callbacks.who, AGENT_ENDED, why);
        return;
    }
}

static void recall_identity(struct agent *agent)
{
    struct agent_identity_facts *facts = &agent->identity.facts;
    const struct agent_memory *memory = agent->memory;

    facts->known = memory->known;
    facts->accepted_ms = memory->accepted_ms;
    facts->not_after_ms = memory->not_after_ms;
    (void)snprintf(facts->terminal, sizeof(facts->terminal), "%s", memory->terminal);
    (void)snprintf(facts->authority_hash, sizeof(facts->authority_hash), "the site");
}

struct agent *agent_new(const struct agent_callbacks *callbacks, struct agent_memory *memory,
                        const char *boot_id, uint64_t seed, int64_t mono_ms, int64_t wall_ms)
{
    struct agent *agent = berth_new(struct agent);

    timers_init(&agent->timers, mono_ms, wall_ms);
    random_seeded(&agent->random, seed);
    agent->callbacks = *callbacks;
    agent->uplink.agent = agent;
    agent->viewer.agent = agent;
    agent->device.agent = agent;
    agent->identity.agent = agent;
    agent->memory = memory;
    recall_identity(agent);
    (void)snprintf(agent->device.facts.boot_id, sizeof(agent->device.facts.boot_id), "%s", boot_id);
    (void)snprintf(agent->device.facts.serial, sizeof(agent->device.facts.serial), "SN-%.60s",
                   memory->terminal);
    agent->flow = (struct agent_flow){
        .timers = &agent->timers,
        .random = &agent->random,
        .uplink = &agent->uplink,
        .locator = NULL, /* never asked: the addresses are given */
        .identity = &agent->identity,
        .viewer = &agent->viewer,
        .screen = &agent->screen,
        .device = &agent->device,
        .options = { .agent_version = "sim",
                     .links = { .count = 1, .at = { { "broker", 7001 } } },
                     .joins = { .count = 1, .at = { { "broker", 7002 } } } },
    };
    agent->flow.options.invitation = memory->invitation;
    agent->observer.notify = news;
    return agent;
}

void agent_start(struct agent *agent, struct history *history)
{
    agent->flow.history = history;
    agent_flow_start(&agent->flow);
    agent_flow_add_observer(&agent->flow, &agent->observer);
}

void agent_free(struct agent *agent)
{
    free(agent->flow.log_upload.logs.data);
    timers_free(&agent->timers);
    berth_wipe_free(agent, sizeof(*agent));
}

/* ---- time ---- */

int64_t agent_next(const struct agent *agent)
{
    return timers_next(&agent->timers);
}

void agent_turn(struct agent *agent, int64_t mono_ms, int64_t wall_ms)
{
    timers_advance(&agent->timers, mono_ms, wall_ms);
}

void agent_clock(struct agent *agent, int64_t mono_ms, int64_t wall_ms)
{
    if (mono_ms > agent->timers.mono_ms)
        agent->timers.mono_ms = mono_ms;
    agent->timers.wall_ms = wall_ms;
}

void agent_slept(struct agent *agent, int64_t ms)
{
    agent->device.slept_ms += ms;
}

/* ---- what happens to it ---- */

void agent_dialled(struct agent *agent, int code, const char *why)
{
    struct op *op = berth_take(agent->uplink.dialling);
    struct berth_error error = { 0 };

    if (!op)
        return;
    agent->uplink.open = code == 0;
    if (code)
        (void)berth_fail(&error, code, "%s", why);
    op_complete(op, code, &error);
    deferred_run(&agent->timers);
}

void agent_receive(struct agent *agent, const struct msg *msg)
{
    if (!agent->uplink.open)
        return;
    agent->uplink.events->message(agent->uplink.owner, msg);
    deferred_run(&agent->timers);
}

void agent_lost(struct agent *agent, const char *why)
{
    struct berth_error error = { 0 };

    if (agent->uplink.dialling) {
        agent_dialled(agent, BERTH_E_IO, why);
        return;
    }
    if (!agent->uplink.open)
        return;
    agent->uplink.open = false;
    (void)berth_fail(&error, BERTH_E_IO, "%s", why);
    agent->uplink.events->lost(agent->uplink.owner, &error);
    deferred_run(&agent->timers);
}

void agent_viewed(struct agent *agent)
{
    if (!agent->viewer.running)
        return;
    agent->viewer.events->connected(agent->viewer.owner);
    deferred_run(&agent->timers);
}

static void send_greeter_event(struct agent *agent, struct greeter_event *event)
{
    agent->screen.event(agent->screen.owner, event);
    explicit_bzero(event, sizeof(*event));
    deferred_run(&agent->timers);
}

void agent_picture(struct agent *agent)
{
    struct greeter_event event = { .kind = greeter_event_kind_PICTURE };

    send_greeter_event(agent, &event);
}

void agent_viewer_gone(struct agent *agent, int exit_code)
{
    if (!agent->viewer.running)
        return;
    agent->viewer.running = false;
    agent->viewer.events->ended(agent->viewer.owner, exit_code < 0 ? -1 : exit_code,
                                exit_code < 0 ? 9 : 0);
    deferred_run(&agent->timers);
}

/* ---- what people do ---- */

bool agent_sign_on(struct agent *agent, const char *user, const char *password, const char *pool)
{
    struct msg_evidence evidence = { .kind = evidence_kind_PASSWORD };
    struct berth_error error = { 0 };
    int r;

    (void)snprintf(evidence.name, sizeof(evidence.name), "%s", user);
    if (!secret_set(&evidence.value, password, strlen(password)))
        abort(); /* a mistake of the simulator */
    r = sign_on_request_begin(&agent->flow, &evidence, pool, &error);
    explicit_bzero(&evidence, sizeof(evidence));
    deferred_run(&agent->timers);
    return r == 0;
}

void agent_cancel(struct agent *agent)
{
    struct greeter_event event = { .kind = greeter_event_kind_CANCEL };

    send_greeter_event(agent, &event);
}

bool agent_leave(struct agent *agent, bool sign_off)
{
    int r = viewer_session_leave(&agent->flow, sign_off ? LEAVE_SIGN_OFF : LEAVE_DISCONNECT, NULL);

    deferred_run(&agent->timers);
    return r == 0;
}

void agent_pick(struct agent *agent)
{
    struct greeter_event event = { .kind = greeter_event_kind_PICK };

    if (agent->flow.terminal.choices_count == 0)
        return;
    (void)snprintf(event.pool, sizeof(event.pool), "%s", agent->flow.terminal.choices[0].pool);
    send_greeter_event(agent, &event);
}

void agent_key(struct agent *agent)
{
    struct greeter_event event = { .kind = greeter_event_kind_DISMISS };

    send_greeter_event(agent, &event);
}

void agent_idle(struct agent *agent, int64_t idle_ms)
{
    struct greeter_event event = { .kind = greeter_event_kind_IDLE, .idle_ms = idle_ms };

    send_greeter_event(agent, &event);
}

void agent_observe(const struct agent *agent, struct agent_snapshot *ret)
{
    const struct terminal_status *terminal = &agent->flow.terminal;

    *ret = (struct agent_snapshot){
        .state = agent_state_names[terminal->state],
        .session_id = terminal->shown.session_id,
        .epoch = terminal->shown.epoch,
        .online = terminal->online,
        .shows = terminal_status_shows_desktop(terminal),
        .waits = terminal_status_user_waiting(terminal),
        .idle_limit_ms = terminal_status_idle_limit_ms(terminal, &agent->flow.settings),
        .profile_version = agent->flow.profile_version,
        .choices = terminal->choices_count,
        .choice = terminal->choices[0].pool,
    };
}
