/* connect_resume.c - a sign-on that shows a broken picture again: its terminal has nobody type.
 *
 * Whether it may is decided by resume.c. Its desktop is asked before anything is claimed, and then
 * the sign-on chooses once more, for time has passed.
 */
#include <stdio.h>

#include "flow/connect_state.h"

int connect_resume_judge(struct flow *flow)
{
    struct connect *c = connect_of(flow);
    struct resume_claim claim = c->resume;
    struct berth_error error = { 0 };
    struct session *session;
    const struct pool *pool;
    int r;

    claim.lost_ms += c->context->timers->mono_ms - flow->started_ms;
    r = resume_judge(c->context, c->terminal, &claim, &session, &c->who.password, &error);
    if (r < 0)
        return flow_fail_with(flow, &error);
    c->who.user_id = session->row.user_id;
    pool = pool_find(c->context->core, session->row.pool_id);
    if (!pool)
        return flow_fail(flow, BERTH_E_NOT_FOUND, "the pool was deleted meanwhile");
    (void)snprintf(c->wanted_pool, sizeof(c->wanted_pool), "%s", pool->row.name);
    return 0;
}

int connect_reach(struct flow *flow, int next)
{
    struct connect *c = connect_of(flow);
    const struct desktop *desktop = desktop_find(c->context->core, c->claim.desktop_id);
    struct probe_target target;

    if (!desktop)
        return flow_fail(flow, BERTH_E_NOT_FOUND, "the desktop was deleted");
    if (desktop->power ||
        (desktop->state != desktop_READY && desktop->state != desktop_QUARANTINED))
        return flow_fail(flow, BERTH_E_DESKTOP, "desktop '%s' is not up", desktop->row.name);
    connect_progress(c, "reach", "Your desktop is being reached", 0, 0);
    target = (struct probe_target){
        .address = desktop->address, .port = desktop->port, .answer_only = true, .urgent = true
    };
    return flow_await_any(flow, probe_begin(c->context->probe, &target, &c->probe, &flow->op), next);
}

int connect_reached(struct flow *flow, int again, int next)
{
    struct connect *c = connect_of(flow);

    if (flow->op.result == BERTH_E_BUSY) /* it was not asked at all */
        return flow_await(flow, delay_begin(&c->delay, CONNECT_PROBE_DELAY_MS, &flow->op), again);
    if (flow->op.result < 0)
        return flow_fail(flow, BERTH_E_DESKTOP, "your desktop does not answer: %s",
                         flow->op.error.text);
    c->answers = true;
    return next; /* time has passed: what is true now? */
}
