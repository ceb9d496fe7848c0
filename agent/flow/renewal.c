/* renewal.c - see renewal.h. */
#include "flow/renewal.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/reconnect.h"
#include "flow/reach.h"

/* A renewal that failed is tried again after a tenth of the life, within these bounds. */
#define AGAIN_LEAST_MS 60000
#define AGAIN_MOST_MS 3600000

/* Somebody waits for an answer over the old link: the new identity is used a little later. */
#define USE_LATER_MS 60000

static flow_step_fn ask, kept;

enum { ASK, KEPT };

/* clang-format off */
static const struct flow_step renewal_steps[] = {
    /*          name    step  undo  limit/ms   true when it is behind us          */
    [ASK]  = { "ask",  ask,  NULL, 30000 }, /* the new identity is kept           */
    [KEPT] = { "kept", kept, NULL, 0 },     /* the next renewal is planned        */
};
/* clang-format on */

static struct station *station_of(struct flow *flow)
{
    return container_of(flow, struct station, renewal.flow);
}

static int ask(struct flow *flow)
{
    struct station *station = station_of(flow);
    struct berth_error error = { 0 };
    struct msg msg;
    int r;

    station_message(station, &msg, MSG_renew_certificate);
    r = agent_identity_request(station->identity, false, msg.renew_certificate.request, NULL,
                               &error);
    if (r < 0)
        return flow_fail_with(flow, &error);
    station->renewal.answer.ref = msg.ref;
    r = awaited_begin(&station->renewal.answer, &flow->op);
    (void)station_send(station, &msg);
    return flow_await(flow, r, KEPT);
}

static int kept(struct flow *flow)
{
    const struct agent_identity_facts *facts = agent_identity_facts(station_of(flow)->identity);

    log_event(EV_AGENT_JOIN, "terminal", facts->terminal, "certificate_until_ms",
              facts->not_after_ms);
    return FLOW_DONE;
}

static void due(struct berth_timer *timer);

/* The earlier key is good until this one was used, so that is done now: by a connection of its own.
 * What is on the screen does not notice.
 */
static void use(struct station *station)
{
    if (terminal_status_user_waiting(&station->terminal))
        timer_start(station->timers, &station->renewal.due, USE_LATER_MS, due);
    else
        reach_anew(station, "the next key is used from here on");
}

static void renewal_ended(struct flow *flow, const struct berth_error *error)
{
    struct station *station = station_of(flow);
    const struct agent_identity_facts *facts = agent_identity_facts(station->identity);
    int64_t again_ms = (facts->not_after_ms - facts->accepted_ms) / 10;

    station->renewal.running = false;
    if (station->stopping)
        return;
    if (!error->code) {
        station->renewal.unused = true;
        use(station);
        return;
    }
    log_failure(EV_AGENT_JOIN, error, "certificate not renewed");
    if (again_ms < AGAIN_LEAST_MS)
        again_ms = AGAIN_LEAST_MS;
    if (again_ms > AGAIN_MOST_MS)
        again_ms = AGAIN_MOST_MS;
    if (station->terminal.online)
        timer_start(station->timers, &station->renewal.due,
                    reconnect_jitter_ms(station->random, again_ms), due);
}

const struct flow_kind renewal_kind = {
    .name = "renew-certificate",
    .steps = renewal_steps,
    .count = BERTH_COUNT(renewal_steps),
    .ended = renewal_ended,
};

static void due(struct berth_timer *timer)
{
    struct renewal *renewal = container_of(timer, struct renewal, due);
    struct station *station = container_of(renewal, struct station, renewal);

    if (renewal->running || !station->terminal.online)
        return;
    if (renewal->unused) {
        use(station);
        return;
    }
    renewal->running = true;
    flow_start(&station->engine, &renewal->flow, &renewal_kind,
               agent_identity_facts(station->identity)->terminal);
}

void renewal_plan(struct station *station)
{
    const struct agent_identity_facts *facts = agent_identity_facts(station->identity);
    int64_t life_ms = facts->not_after_ms - facts->accepted_ms;
    int64_t at_ms = facts->accepted_ms + reconnect_jitter_ms(station->random, life_ms / 2);

    station->renewal.unused = false;
    if (!facts->known || life_ms <= 0 || station->renewal.running)
        return;
    timer_start(station->timers, &station->renewal.due, at_ms - station_wall_ms(station), due);
}

void renewal_link_lost(struct station *station, const struct berth_error *why)
{
    timer_stop(station->timers, &station->renewal.due);
    (void)awaited_end(&station->renewal.answer, why->code, why);
}

void renewal_stop(struct station *station)
{
    timer_stop(station->timers, &station->renewal.due);
    if (station->renewal.running)
        flow_cancel(&station->renewal.flow, BERTH_E_CANCELLED, "the agent stops");
}

void renewal_certificate(struct station *station, const struct msg *msg)
{
    struct berth_error error = { 0 };
    int r;

    if (!awaited_is(&station->renewal.answer))
        return;
    r = agent_identity_accept(station->identity, msg->certificate.certificate, NULL, NULL,
                              station_wall_ms(station), &error);
    (void)awaited_end(&station->renewal.answer, r, &error);
}

void renewal_refused(struct station *station, const struct msg_refused *refused)
{
    struct berth_error error = { 0 };
    int code = berth_error_code(refused->code);

    (void)berth_fail(&error, code ? code : BERTH_E_DENIED, "%s", refused->text);
    (void)awaited_end(&station->renewal.answer, error.code, &error);
}
