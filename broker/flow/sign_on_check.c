/* sign_on_check.c - may a sign-on that has waited still go on?
 *
 * User, terminal, evidence and entitlements are checked when a sign-on begins, and again after
 * every wait.
 */
#include "flow/sign_on_state.h"

int sign_on_check_account(const struct sign_on *s, struct berth_error *reterr)
{
    const struct user *user = user_find(s->context->core, s->user_id);

    if (!user)
        return berth_fail(reterr, BERTH_E_CREDENTIALS, "the account of %s was deleted", s->user);
    if (user->row.disabled)
        return berth_fail(reterr, BERTH_E_DISABLED, "the account of %s is disabled", s->user);
    if (s->terminal->row.state != terminal_ACCEPTED)
        return berth_fail(reterr, BERTH_E_STATE, "%s is %s: nobody may sign on here",
                          s->terminal->row.name, terminal_state_names[s->terminal->row.state]);
    return 0;
}

int sign_on_check(struct sign_on *s, struct berth_error *reterr)
{
    const struct user *user = user_find(s->context->core, s->user_id);
    const struct policy_subject subject = { .user = user, .terminal = s->terminal };
    const struct pool *pool = pool_find(s->context->core, s->claim.pool_id);
    int r = sign_on_check_account(s, reterr);

    if (r >= 0)
        r = evidence_check(s->context->core, &s->who.shown, user, s->terminal, reterr);
    if (r < 0)
        return r;
    if (!pool)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "the pool was deleted meanwhile");
    policy_evaluate(s->context->core, &subject, pool, &s->verdict);
    if (!s->verdict.allowed)
        return berth_fail(reterr, BERTH_E_NO_ENTITLEMENT, "pool '%s' is not open to %s here: %s",
                          pool->row.name, s->user, s->verdict.reason);
    return 0;
}
