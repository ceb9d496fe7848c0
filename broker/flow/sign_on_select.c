/* sign_on_select.c - choosing session, pool and desktop, and superseding earlier sign-ons. */
#include <stdio.h>
#include <string.h>

#include "core/index.h"
#include "flow/context.h"
#include "flow/sign_on_state.h"

#define POOLS_MAX 64

/* ---- other sign-ons of the user ---- */

/* Another sign-on of this user for this pool, or NULL. */
static struct sign_on *rival_of(const struct sign_on *s, uint64_t pool_id)
{
    struct list *same = map_get_id(&s->context->signing_on, s->user_id);

    if (!same)
        return NULL;
    list_each (same, node) {
        struct sign_on *other = list_entry(node, struct sign_on, same_user);

        if (other != s && other->claim.pool_id == pool_id)
            return other;
    }
    return NULL;
}

/* Does the pool's roaming policy permit the session at this terminal? */
static int may_roam(struct flow *flow, const struct pool *pool, const struct session *session)
{
    struct sign_on *s = sign_on_of(flow);
    const struct connection *connection = connection_of(s->context->core, session->row.id);
    const struct terminal *there =
        connection ? terminal_find(s->context->core, connection->row.terminal_id) : NULL;
    const struct terminal *began = terminal_find(s->context->core, session->row.terminal_id);

    switch (pool->row.roam) {
    case pool_roam_DISCONNECTED_ONLY:
        if (there && there != s->terminal)
            return flow_fail(flow, BERTH_E_STATE,
                             "Your session is on the screen of %s; disconnect it there first",
                             there->row.name);
        return 0;
    case pool_roam_SAME_TERMINAL:
        if (began && began != s->terminal)
            return flow_fail(flow, BERTH_E_STATE,
                             "Your session belongs to %s and is shown only there", began->row.name);
        return 0;
    case pool_roam_ALWAYS:
    case pool_roam_NONE:
    case pool_roam_END:
        return 0;
    }
    return 0;
}

/* The later sign-on wins: the earlier one is cancelled, and this one waits until its outcome is
 * known. */
static int overtake(struct flow *flow, struct sign_on *rival, const struct pool *pool)
{
    struct sign_on *s = sign_on_of(flow);

    /* A terminal that resumes by itself gives way to a person, and does not keep one waiting. */
    if (s->resume.session_id && rival->terminal != s->terminal)
        return flow_fail(flow, BERTH_E_SUPERSEDED, "You are signing on at %s",
                         rival->terminal->row.name);
    if (rival->terminal != s->terminal && pool->row.roam != pool_roam_ALWAYS &&
        !rival->resume.session_id)
        return flow_fail(flow, BERTH_E_STATE, "You are signing on at %s already",
                         rival->terminal->row.name);
    if (rival->flow.cancelling)
        return flow_await_then(flow, waitq_wait(&rival->over, &s->wait, &flow->op), SIGN_ON_CHOOSE);
    /* Wait first: a rival that can end at once wakes its queue while it is being cancelled. */
    (void)flow_await_then(flow, waitq_wait(&rival->over, &s->wait, &flow->op), SIGN_ON_CHOOSE);
    flow_cancel(&rival->flow, BERTH_E_SUPERSEDED, "Your session moved to %s",
                s->terminal->row.name);
    return FLOW_WAIT;
}

/* ---- session, pool, desktop ---- */

/* The latest session of this user in an allowed pool, and in the wanted one if there is one. */
static struct session *session_to_resume(const struct sign_on *s,
                                         const struct policy_verdict *verdicts, size_t count,
                                         const struct pool *wanted)
{
    struct core *core = s->context->core;
    struct session *latest = NULL;

    list_each (index_list(core, SESSIONS_OF_USER, s->user_id), node) {
        struct session *session = index_at(SESSIONS_OF_USER, node, session);

        if (wanted && session->row.pool_id != wanted->row.id)
            continue;
        for (size_t i = 0; i < count; i++) {
            if (verdicts[i].pool_id != session->row.pool_id || !verdicts[i].allowed)
                continue;
            if (!latest || session->row.changed_ms > latest->row.changed_ms ||
                (session->row.changed_ms == latest->row.changed_ms &&
                 session->row.id > latest->row.id))
                latest = session;
        }
    }
    return latest;
}

static const struct policy_verdict *verdict_of(const struct policy_verdict *verdicts, size_t count,
                                               uint64_t pool_id)
{
    for (size_t i = 0; i < count; i++)
        if (verdicts[i].pool_id == pool_id)
            return &verdicts[i];
    return NULL;
}

static size_t allowed_count(const struct policy_verdict *verdicts, size_t count)
{
    size_t allowed = 0;

    while (allowed < count && verdicts[allowed].allowed)
        allowed++;
    return allowed;
}

static int after_choice(const struct sign_on *s)
{
    return s->resume.session_id && !s->desktop_reached ? SIGN_ON_REACH : SIGN_ON_RECORD;
}

/* For a user without session: their own desktop when the pool has assigned one before, else one
 * that is ready. */
static int choose_desktop(struct flow *flow, struct pool *pool)
{
    struct sign_on *s = sign_on_of(flow);
    const struct user *user = user_find(s->context->core, s->user_id);
    const struct assignment *assignment =
        assignment_open_of(s->context->core, s->user_id, pool->row.id);

    if (assignment) {
        s->claim.desktop_id = assignment->row.desktop_id;
        s->claim.slot = assignment->row.slot;
        return after_choice(s);
    }
    s->queue_entry.user_id = s->user_id;
    s->queue_entry.terminal_id = s->terminal->row.id;
    s->queue_entry.person = user && user->row.kind == user_kind_PERSON;
    s->queue_entry.ref = s->ref;
    return flow_await_then(flow, pool_request_desktop(s->context, pool, &s->queue_entry, &flow->op),
                           after_choice(s));
}

static int choose_session(struct flow *flow, struct session *session)
{
    struct sign_on *s = sign_on_of(flow);
    const struct pool *pool = pool_find(s->context->core, session->row.pool_id);
    int r;

    if (session->row.state == session_ENDING) {
        sign_on_send_progress(s, "ending", "Your earlier session is being signed off", 0, 0);
        return flow_await_then(flow, waitq_wait(&session->waiting, &s->wait, &flow->op),
                               SIGN_ON_CHOOSE);
    }
    r = may_roam(flow, pool, session);
    if (r < 0)
        return r;
    s->claim.session_id = session->row.id;
    s->claim.desktop_id = session->row.desktop_id;
    s->claim.slot = session->row.slot;
    session->flow = flow;
    return after_choice(s);
}

/* ---- the step ---- */

/* Choosing again: drop what the earlier choice held. */
static void drop_choice(struct sign_on *s)
{
    struct session *session = session_find(s->context->core, s->claim.session_id);

    if (session && session->flow == &s->flow)
        session->flow = NULL;
    s->claim = (struct claim){ .user_id = s->user_id, .terminal_id = s->terminal->row.id };
}

static int choose_pool(struct flow *flow, const struct policy_verdict *verdicts, size_t count)
{
    struct sign_on *s = sign_on_of(flow);
    struct core *core = s->context->core;
    struct pool *wanted = *s->wanted_pool ? pool_by_name(core, s->wanted_pool) : NULL;
    const struct policy_verdict *verdict;
    struct session *session;
    struct sign_on *rival;
    struct pool *pool;

    if (*s->wanted_pool && !wanted)
        return flow_fail(flow, BERTH_E_NO_ENTITLEMENT, "there is no pool '%s'", s->wanted_pool);
    session = session_to_resume(s, verdicts, count, wanted);
    if (session)
        pool = pool_find(core, session->row.pool_id);
    else
        pool = wanted ? wanted : pool_find(core, verdicts[0].pool_id);
    verdict = verdict_of(verdicts, count, pool->row.id);
    if (verdict)
        s->verdict = *verdict;
    if (!verdict || !verdict->allowed)
        return flow_fail(flow, BERTH_E_NO_ENTITLEMENT, "pool '%s' is not open to %s here: %s",
                         pool->row.name, s->user, s->verdict.reason);
    rival = rival_of(s, pool->row.id);
    if (rival)
        return overtake(flow, rival, pool);
    s->claim.pool_id = pool->row.id;
    if (session)
        return choose_session(flow, session);
    return choose_desktop(flow, pool);
}

int sign_on_select(struct flow *flow)
{
    struct sign_on *s = sign_on_of(flow);
    struct core *core = s->context->core;
    const struct user *user = user_find(core, s->user_id);
    const struct policy_subject subject = { .user = user, .terminal = s->terminal };
    struct policy_verdict *verdicts;
    struct berth_error error = { 0 };
    struct effective *effective;
    bool let_choose;
    size_t count;
    int answer;

    drop_choice(s);
    if (sign_on_check_account(s, &error) < 0)
        return flow_fail_with(flow, &error);

    effective = berth_new(struct effective);
    effective_settings(core, s->terminal, effective);
    if (!*s->wanted_pool)
        (void)snprintf(s->wanted_pool, sizeof(s->wanted_pool), "%.63s", effective->settings.pool);
    let_choose = effective->settings.choose_pool;
    free(effective);

    verdicts = berth_new_array(struct policy_verdict, POOLS_MAX);
    count = policy_list(core, &subject, verdicts, POOLS_MAX);
    if (allowed_count(verdicts, count) == 0) {
        answer = flow_fail(flow, BERTH_E_NO_ENTITLEMENT, "No pool is open to %s at %s", s->user,
                           s->terminal->row.name);
    } else if (let_choose && !*s->wanted_pool && allowed_count(verdicts, count) > 1 &&
               !session_to_resume(s, verdicts, count, NULL)) {
        s->choices_sent = true;
        sign_on_send_choices(s, verdicts, allowed_count(verdicts, count));
        answer = FLOW_DONE;
    } else {
        answer = choose_pool(flow, verdicts, count);
    }
    free(verdicts);
    return answer;
}
