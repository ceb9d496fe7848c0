/* join_request.c - connect to the join listener, send the request, keep the identity. */
#include "flow/join_request.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/reconnect.h"
#include "core/texts.h"
#include "flow/endpoint.h"

/* Delay after a refusal or while an approval is pending, when the broker names none. */
#define JOIN_RETRY_MS 60000

static flow_begin_fn back_off, find_address, connect_tls, ask;
static flow_finish_fn joined;

enum { BACK_OFF, FIND, CONNECT, ASK };

/* clang-format off */
static const struct flow_step join_request_steps[] = {
    /*             name        begin         finish  undo  limit/ms          true when it is behind us                    */
    [BACK_OFF] = { "back-off", back_off,     NULL,   NULL, FLOW_QUEUED }, /* the delay is over                            */
    [FIND]     = { "find",     find_address, NULL,   NULL, 10000 },       /* an address is known                          */
    [CONNECT]  = { "connect",  connect_tls,  NULL,   NULL, 15000 },       /* TLS is established, issued by the pinned CA  */
    [ASK]      = { "ask",      ask,          joined, NULL, 20000 },       /* the certificate is stored, the invitation is wiped; join_pending extends the limit */
};
/* clang-format on */

static struct agent_flow *agent_of(struct flow *flow)
{
    return container_of(flow, struct agent_flow, join.flow);
}

static int back_off(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    struct join_request *join = &agent->join;
    int64_t delay_ms = reconnect_delay_ms(agent->random, agent->dial.failures, 0, RECONNECT_IDLE);

    if (join->retry_after_ms > 0)
        delay_ms = reconnect_jitter_ms(agent->random, join->retry_after_ms);
    join->retry_after_ms = 0;
    return flow_await(flow, delay_begin(&join->delay, delay_ms, &flow->op));
}

static int find_address(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);

    return flow_await(flow,
                      endpoint_find_begin(agent, &agent->join.endpoint, UPLINK_JOIN, &flow->op));
}

static int connect_tls(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);

    return flow_await(flow,
                      endpoint_dial_begin(agent, &agent->join.endpoint, UPLINK_JOIN, &flow->op));
}

static void add_secret(struct msg_join *join, enum join_evidence_kind kind,
                       const struct secret *value)
{
    struct msg_join_evidence *evidence = &join->evidence[join->evidence_count];

    if (secret_empty(value))
        return;
    evidence->kind = kind;
    evidence->value = *value;
    join->evidence_count++;
}

static int send_join(struct agent_flow *agent, struct msg *msg, struct berth_error *reterr)
{
    const struct device_facts *facts = device_facts(agent->device);
    struct msg_join *join = &msg->join;
    struct msg_join_evidence old = { 0 };
    int r;

    r = agent_identity_request(agent->identity, true, join->request, &old, reterr);
    if (r < 0)
        return r;
    copy_text(join->serial, facts->serial);
    copy_text(join->mac, facts->mac);
    copy_text(join->model, facts->model);
    copy_text(join->agent_version, agent->options.agent_version);
    add_secret(join, join_evidence_kind_INVITATION, &agent->options.invitation);
    add_secret(join, join_evidence_kind_BOOT_SECRET, &agent->options.boot_secret);
    if (old.kind != join_evidence_kind_NONE)
        join->evidence[join->evidence_count++] = old;
    return uplink_send(agent->uplink, msg, reterr);
}

static int ask(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    struct berth_error error = { 0 };
    struct msg msg;
    int r;

    agent_flow_init_message(agent, &msg, MSG_join);
    agent->join.answer.ref = msg.ref;
    r = send_join(agent, &msg, &error);
    msg_wipe(&msg);
    if (r < 0)
        return flow_fail_with(flow, &error);
    return flow_await(flow, event_wait_begin(&agent->join.answer, &flow->op));
}

static int joined(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    const struct agent_identity_facts *facts = agent_identity_facts(agent->identity);

    if (flow->op.result < 0)
        return flow_fail_with(flow, &flow->op.error);
    log_event(EV_AGENT_JOIN, "terminal", facts->terminal, "authority", facts->authority_hash);
    copy_text(agent->terminal.name, facts->terminal);
    /* The token may admit other terminals: do not keep it longer than needed. */
    secret_wipe(&agent->options.invitation);
    return FLOW_DONE;
}

/* The page of joining must not replace a desktop, a notice or a sign-on. */
static bool may_show_join_page(const struct agent_flow *agent)
{
    enum agent_state state = agent->terminal.state;

    return state == agent_STARTING || state == agent_OFFLINE || state == agent_JOINING ||
           state == agent_WAITING;
}

static void show_joining(struct agent_flow *agent, const char *why, const char *text, bool alert)
{
    if (may_show_join_page(agent))
        agent_flow_set_state_text(agent, agent_JOINING, why, NULL, text, alert);
}

static void show_waiting(struct agent_flow *agent)
{
    if (!may_show_join_page(agent))
        return;
    if (agent->terminal.state != agent_WAITING && agent->terminal.state != agent_JOINING)
        show_joining(agent, "the request was sent", NULL, false);
    agent_flow_set_state(agent, agent_WAITING, "waiting for an administrator");
}

static void join_request_ended(struct flow *flow, const struct berth_error *error)
{
    struct agent_flow *agent = agent_of(flow);

    agent->join.running = false;
    uplink_close(agent->uplink);
    if (agent->stopping)
        return;
    agent_flow_notify(agent, error->code ? AGENT_EVENT_JOIN_FAILED : AGENT_EVENT_JOINED, error);
    if (error->code == BERTH_E_CANCELLED)
        return;
    if (!error->code) {
        agent->dial.failures = 0;
        if (may_show_join_page(agent))
            agent_flow_set_state(agent, agent_OFFLINE, "joined");
    } else if (error->code == BERTH_E_WAITING) {
        show_waiting(agent);
    } else {
        log_failure(EV_AGENT_JOIN, error, "not joined");
        agent->dial.failures++;
        endpoint_next(&agent->join.endpoint);
        show_joining(agent, "not joined",
                     text_of_join(agent->settings.language, berth_error_row(error->code)->symbol),
                     true);
        /* The terminal may have an identity that the broker accepts again later: alternate between
         * the two listeners. */
        agent->dial.try_join = false;
    }
    changes_note(&agent->changes, CHANGE_LINK_WANTED, NULL);
}

const struct flow_kind join_request_kind = {
    .name = "join",
    .steps = join_request_steps,
    .count = BERTH_COUNT(join_request_steps),
    .ended = join_request_ended,
};

void join_request_start(struct agent_flow *agent)
{
    if (agent->join.running)
        return;
    agent->join.running = true;
    if (agent->terminal.state == agent_STARTING || agent->terminal.state == agent_OFFLINE)
        show_joining(agent, "no accepted identity", NULL, false);
    flow_start(&agent->engine, &agent->join.flow, &join_request_kind, "broker");
}

void join_request_stop(struct agent_flow *agent)
{
    if (agent->join.running)
        flow_cancel(&agent->join.flow, BERTH_E_CANCELLED, "the agent stops");
}

void join_request_reset(struct agent_flow *agent)
{
    if (agent->join.running)
        flow_cancel(&agent->join.flow, BERTH_E_CANCELLED, "superseded by a new invitation");
    agent->join.retry_after_ms = 0;
    show_joining(agent, "a new invitation arrived", NULL, false);
}

bool join_request_link_lost(struct agent_flow *agent, const struct berth_error *why)
{
    return event_wait_end(&agent->join.answer, why->code, why);
}

void join_request_joined(struct agent_flow *agent, const struct msg *msg)
{
    const struct msg_joined *joined_ = &msg->joined;
    struct berth_error error = { 0 };
    int r;

    if (!event_wait_active(&agent->join.answer))
        return;
    r = agent_identity_accept(agent->identity, joined_->certificate, joined_->authority,
                              joined_->terminal, agent_flow_wall_ms(agent), &error);
    (void)event_wait_end(&agent->join.answer, r, &error);
}

void join_request_pending(struct agent_flow *agent, berth_unused const struct msg *msg)
{
    if (event_wait_active(&agent->join.answer))
        flow_wait_longer(&agent->join.flow);
}

void join_request_wait(struct agent_flow *agent, const struct msg *msg)
{
    const struct msg_join_wait *wait = &msg->join_wait;
    struct berth_error error = { 0 };

    if (!event_wait_active(&agent->join.answer))
        return;
    agent->join.retry_after_ms = wait->retry_after_ms > 0 ? wait->retry_after_ms : JOIN_RETRY_MS;
    agent->dial.failures = 0;
    copy_text(agent->terminal.code, wait->code);
    (void)berth_fail(&error, BERTH_E_WAITING, "waiting for approval, code %s", wait->code);
    (void)event_wait_end(&agent->join.answer, error.code, &error);
}

bool join_request_refused(struct agent_flow *agent, const struct msg_refused *refused, int code)
{
    agent->terminal.revoked = code == BERTH_E_REVOKED;
    agent->join.retry_after_ms =
        refused->retry_after_ms > 0 ? refused->retry_after_ms : JOIN_RETRY_MS;
    return true;
}
