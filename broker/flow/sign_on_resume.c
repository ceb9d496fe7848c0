/* sign_on_resume.c - a sign-on that shows a broken picture again, without its user.
 *
 * resume.c checks whether it may. The desktop is probed before anything is claimed; then the
 * sign-on chooses again, because time has passed.
 */
#include <stdio.h>

#include "flow/sign_on_state.h"

int sign_on_check_resume(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    struct resume_claim claim = s->resume;
    struct berth_error error = { 0 };
    struct session *session;
    const struct pool *pool;
    int r;

    claim.lost_ms += s->context->timers->mono_ms - flow->started_ms;
    r = resume_check(s->context, s->terminal, &claim, &session, &s->who.password, &error);
    if (r < 0)
        return flow_fail_with(flow, &error);
    s->who.user_id = session->row.user_id;
    pool = pool_find(s->context->core, session->row.pool_id);
    if (!pool)
        return flow_fail(flow, BERTH_E_NOT_FOUND, "the pool was deleted meanwhile");
    copy_text(s->wanted_pool, pool->row.name);
    return 0;
}

int sign_on_reach(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    const struct desktop *desktop = desktop_find(s->context->core, s->claim.desktop_id);
    struct probe_target target;

    if (!desktop)
        return flow_fail(flow, BERTH_E_NOT_FOUND, "the desktop was deleted");
    if (desktop->power ||
        (desktop->state != desktop_READY && desktop->state != desktop_QUARANTINED))
        return flow_fail(flow, BERTH_E_DESKTOP, "desktop '%s' is not up", desktop->row.name);
    sign_on_send_progress(s, "reach", "Your desktop is being reached", 0, 0);
    target = (struct probe_target){
        .address = desktop->address, .port = desktop->port, .answer_only = true, .urgent = true
    };
    return flow_await(flow, probe_begin(s->context->probe, &target, &s->probe, &flow->op));
}

int sign_on_reached(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);

    if (flow->op.result == BERTH_E_BUSY) /* it was not probed at all */
        return flow_await_then(flow, delay_begin(&s->delay, SIGN_ON_PROBE_DELAY_MS, &flow->op),
                               SIGN_ON_REACH);
    if (flow->op.result < 0)
        return flow_fail(flow, BERTH_E_DESKTOP, "your desktop does not answer: %s",
                         flow->op.error.text);
    s->desktop_reached = true;
    return SIGN_ON_CHOOSE; /* time has passed: check again */
}
