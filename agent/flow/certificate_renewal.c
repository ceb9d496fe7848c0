/* certificate_renewal.c - request, accept, and reconnect with the new identity. */
#include "flow/certificate_renewal.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/reconnect.h"

/* A failed renewal is repeated after a tenth of the certificate's life, within these bounds. */
#define RETRY_MIN_MS 60000
#define RETRY_MAX_MS 3600000

/* The switch to the new identity is delayed while a person waits for an answer over the link. */
#define SWITCH_LATER_MS 60000

static flow_begin_fn ask;
static flow_finish_fn stored;

enum { ASK };

/* clang-format off */
static const struct flow_step certificate_renewal_steps[] = {
    /*        name   begin finish  undo  limit/ms    true when it is behind us   */
    [ASK] = { "ask", ask,  stored, NULL, 30000 }, /* the new identity is stored  */
};
/* clang-format on */

static struct agent_flow *agent_of(struct flow *flow)
{
    return container_of(flow, struct agent_flow, certificate_renewal.flow);
}

static int ask(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    struct berth_error error = { 0 };
    struct msg msg;
    int r;

    agent_flow_init_message(agent, &msg, MSG_renew_certificate);
    r = agent_identity_request(agent->identity, false, msg.renew_certificate.request, NULL, &error);
    if (r < 0)
        return flow_fail_with(flow, &error);
    agent->certificate_renewal.answer.ref = msg.ref;
    r = event_wait_begin(&agent->certificate_renewal.answer, &flow->op);
    (void)agent_flow_send(agent, &msg);
    return flow_await(flow, r);
}

static int stored(struct flow *flow)
{
    const struct agent_identity_facts *facts = agent_identity_facts(agent_of(flow)->identity);

    if (flow->op.result < 0)
        return flow_fail_with(flow, &flow->op.error);
    log_event(EV_AGENT_JOIN, "terminal", facts->terminal, "certificate_until_ms",
              facts->not_after_ms);
    return FLOW_DONE;
}

static void renewal_due(struct berth_timer *timer);

/* The broker accepts the old key until the new one is first used. Reconnecting at once keeps the
 * time with two valid keys short; a desktop on the screen is not affected.
 */
static void switch_identity(struct agent_flow *agent)
{
    struct berth_error why = { 0 };

    if (terminal_status_user_waiting(&agent->terminal)) {
        timer_start(agent->timers, &agent->certificate_renewal.due, SWITCH_LATER_MS, renewal_due);
        return;
    }
    (void)berth_fail(&why, BERTH_E_CANCELLED, "reconnecting with the renewed certificate");
    agent_flow_drop_link(agent, &why);
}

static void certificate_renewal_ended(struct flow *flow, const struct berth_error *error)
{
    struct agent_flow *agent = agent_of(flow);
    const struct agent_identity_facts *facts = agent_identity_facts(agent->identity);
    int64_t again_ms = (facts->not_after_ms - facts->accepted_ms) / 10;

    agent->certificate_renewal.running = false;
    if (agent->stopping)
        return;
    if (!error->code) {
        agent->certificate_renewal.identity_unused = true;
        switch_identity(agent);
        return;
    }
    log_failure(EV_AGENT_JOIN, error, "certificate not renewed");
    if (again_ms < RETRY_MIN_MS)
        again_ms = RETRY_MIN_MS;
    if (again_ms > RETRY_MAX_MS)
        again_ms = RETRY_MAX_MS;
    if (agent->terminal.online)
        timer_start(agent->timers, &agent->certificate_renewal.due,
                    reconnect_jitter_ms(agent->random, again_ms), renewal_due);
}

const struct flow_kind certificate_renewal_kind = {
    .name = "renew-certificate",
    .steps = certificate_renewal_steps,
    .count = BERTH_COUNT(certificate_renewal_steps),
    .ended = certificate_renewal_ended,
};

static void renewal_due(struct berth_timer *timer)
{
    struct certificate_renewal *renewal = container_of(timer, struct certificate_renewal, due);
    struct agent_flow *agent = container_of(renewal, struct agent_flow, certificate_renewal);

    if (renewal->running || !agent->terminal.online)
        return;
    if (renewal->identity_unused) {
        switch_identity(agent);
        return;
    }
    renewal->running = true;
    flow_start(&agent->engine, &renewal->flow, &certificate_renewal_kind,
               agent_identity_facts(agent->identity)->terminal);
}

void certificate_renewal_schedule(struct agent_flow *agent)
{
    const struct agent_identity_facts *facts = agent_identity_facts(agent->identity);
    int64_t life_ms = facts->not_after_ms - facts->accepted_ms;
    int64_t at_ms = facts->accepted_ms + reconnect_jitter_ms(agent->random, life_ms / 2);

    agent->certificate_renewal.identity_unused = false;
    if (!facts->known || life_ms <= 0 || agent->certificate_renewal.running)
        return;
    timer_start(agent->timers, &agent->certificate_renewal.due, at_ms - agent_flow_wall_ms(agent),
                renewal_due);
}

void certificate_renewal_link_lost(struct agent_flow *agent, const struct berth_error *why)
{
    timer_stop(agent->timers, &agent->certificate_renewal.due);
    (void)event_wait_end(&agent->certificate_renewal.answer, why->code, why);
}

void certificate_renewal_stop(struct agent_flow *agent)
{
    timer_stop(agent->timers, &agent->certificate_renewal.due);
    if (agent->certificate_renewal.running)
        flow_cancel(&agent->certificate_renewal.flow, BERTH_E_CANCELLED, "the agent stops");
}

void certificate_renewal_received(struct agent_flow *agent, const struct msg *msg)
{
    struct berth_error error = { 0 };
    int r;

    if (!event_wait_active(&agent->certificate_renewal.answer))
        return;
    r = agent_identity_accept(agent->identity, msg->certificate.certificate, NULL, NULL,
                              agent_flow_wall_ms(agent), &error);
    (void)event_wait_end(&agent->certificate_renewal.answer, r, &error);
}
