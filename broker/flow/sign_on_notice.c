/* sign_on_notice.c - when a change takes the right to a sign-on away, a waiting sign-on is refused at
 * once, not when it is its turn.
 */
#include "flow/sign_on.h"
#include "flow/sign_on_state.h"

/* The sign-ons whose right may have changed: of a user, at a terminal, for a pool or by an
 * entitlement; all 0: every one. */
struct touched {
    uint64_t user_id, terminal_id, pool_id, entitlement_id;
};

/* An entitlement that was moved to another pool also concerns the sign-ons in the queue of its
 * former pool that it had permitted. */
static bool is_of_pool(const struct sign_on *s, const struct touched *touched)
{
    return !touched->pool_id || touched->pool_id == s->claim.pool_id ||
           (touched->entitlement_id && touched->entitlement_id == s->verdict.entitlement_id);
}

static bool is_touched(const struct sign_on *s, const struct touched *touched)
{
    return (!touched->user_id || touched->user_id == s->user_id) &&
           (!touched->terminal_id || touched->terminal_id == s->terminal->row.id) &&
           is_of_pool(s, touched);
}

/* Sign-ons that have not chosen a pool yet are checked when they do; those of a pool that was
 * deleted are failed by its queue. */
static void judge_touched(struct context *context, const struct touched *touched)
{
    list_each (&context->engine.flows, node) {
        struct flow *flow = list_entry(node, struct flow, node);
        struct berth_error error = { 0 };

        if (flow->kind != &sign_on_flow_kind || !flow->waiting || flow->cancelling ||
            !pool_find(context->core, sign_on_of(flow)->claim.pool_id) ||
            !is_touched(sign_on_of(flow), touched))
            continue;
        if (sign_on_check(sign_on_of(flow), &error) < 0)
            flow_cancel(flow, error.code, "%s", error.text);
    }
}

void sign_on_notice(struct context *context, const struct notice *notice)
{
    struct entity *entity =
        notice->gone ? notice->gone : core_find(context->core, notice->entity, notice->id);
    const union row *row = entity ? entity_row_of(entity) : NULL;
    struct touched touched = { 0 };

    if (notice->kind != NOTICE_CHANGED || !row)
        return;
    if (notice->entity == ENTITY_user)
        touched.user_id = notice->id;
    else if (notice->entity == ENTITY_badge)
        touched.user_id = row->badge.user_id;
    else if (notice->entity == ENTITY_membership)
        touched.user_id = row->membership.user_id;
    else if (notice->entity == ENTITY_terminal)
        touched.terminal_id = notice->id;
    else if (notice->entity == ENTITY_entitlement)
        touched =
            (struct touched){ .pool_id = row->entitlement.pool_id, .entitlement_id = notice->id };
    judge_touched(context, &touched);
}
