/* do_session.c - verbs for users and their sessions: where, explain, sign-off, disconnect, badges,
 * groups. */
#include <stdio.h>
#include <string.h>

#include "core/desktop_class.h"
#include "core/index.h"
#include "core/presence.h"
#include "core/user_location.h"
#include "flow/explain.h"

#include "api_internal.h"

/* ---- where ---- */

static void add_location(struct core *core, const struct session *session, struct view_where *view)
{
    struct view_location *location = &view->locations[view->locations_count++];
    const struct connection *connection = connection_of(core, session->row.id);
    const struct terminal *terminal =
        connection ? terminal_find(core, connection->row.terminal_id) : NULL;
    const struct place *place = terminal ? place_find(core, terminal->row.place_id) : NULL;
    const struct pool *pool = pool_find(core, session->row.pool_id);
    const struct desktop *desktop = desktop_find(core, session->row.desktop_id);
    int64_t age_ms = core->timers->wall_ms - session->row.changed_ms;

    put(location->terminal, terminal ? terminal->row.name : "");
    put(location->place, place ? place->row.name : "");
    put(location->pool, pool ? pool->row.name : "");
    put(location->desktop, desktop ? desktop->row.name : "");
    location->presence =
        terminal && terminal->presence ? terminal->presence->state : presence_ABSENT;
    location->session = session->row.id;
    location->state = session->row.state;
    location->since_s = age_ms > 0 ? age_ms / 1000 : 0;
}

int do_where(struct request *request, struct berth_error *reterr)
{
    const struct verb_where *in = request->params;
    struct core *core = request->api->context->core;
    const struct user *user = user_find(core, in->user);
    struct view_where *view = (struct view_where *)request_scratch(request, sizeof(*view));
    struct user_location where;
    const struct terminal *terminal;
    char object[96];

    if (request->step)
        return answer_view(request, &view_where_record, view);
    if (!user)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "user not found");
    user_presence(core, in->user, &where);
    terminal = terminal_find(core, where.terminal_id);
    put(view->user, user->row.name);
    if (terminal)
        (void)snprintf(view->text, sizeof(view->text), "%s is %s at terminal '%s', seen %lld s ago",
                       user->row.name, user_presence_names[where.presence], terminal->row.name,
                       (long long)(where.age_ms / 1000));
    else
        (void)snprintf(view->text, sizeof(view->text), "%s is not signed on at any terminal",
                       user->row.name);
    list_each (index_list(core, SESSIONS_OF_USER, in->user), node) {
        if (view->locations_count < BERTH_COUNT(view->locations))
            add_location(core, index_at(SESSIONS_OF_USER, node, session), view);
    }
    (void)snprintf(object, sizeof(object), "user %s", user->row.name);
    return request_wait(request,
                        admin_audit(request->api->context, &request->caller.actor, "user.where",
                                    object, in->user, &request->op),
                        reterr);
}

/* ---- explain ---- */

static struct view_candidate *next_candidate(struct view_explained *view)
{
    if (view->candidates_count == BERTH_COUNT(view->candidates))
        return NULL;
    return &view->candidates[view->candidates_count++];
}

static void add_pool(const struct explain *explain, const struct explain_pool *pool,
                     struct view_explained *view)
{
    struct view_candidate *candidate = next_candidate(view);

    if (!candidate)
        return;
    put(candidate->pool, pool->pool);
    put(candidate->reason, pool->reason);
    candidate->open = pool->allowed;
    candidate->chosen = pool->pool_id == explain->pool_id;
    for (size_t i = 0; i < pool->desktops_count; i++) {
        const struct explain_desktop *desktop = &pool->desktops[i];

        candidate = next_candidate(view);
        if (!candidate)
            return;
        put(candidate->pool, pool->pool);
        put(candidate->desktop, desktop->desktop);
        put(candidate->reason, desktop->reason);
        candidate->open = desktop->fits;
        candidate->chosen = desktop->desktop_id == explain->desktop_id;
    }
}

static void explain_fill(const struct explain *explain, struct view_explained *view)
{
    put(view->user, explain->user);
    put(view->terminal, explain->terminal);
    put(view->text, explain->verdict);
    put(view->last_terminal, explain->last.terminal);
    put(view->last_outcome, explain->last.outcome);
    view->last_at_ms = explain->last.at_ms;
    view->granted = explain->pool_id != 0;
    for (size_t i = 0; i < explain->pools_count; i++)
        add_pool(explain, &explain->pools[i], view);
}

int do_explain(struct request *request, struct berth_error *reterr)
{
    const struct verb_explain *in = request->params;
    struct context *context = request->api->context;
    struct view_explained *view = (struct view_explained *)request_scratch(request, sizeof(*view));
    struct explain *explain;
    char object[96];
    int r;

    if (request->step)
        return answer_view(request, &view_explained_record, view);
    explain = berth_new(struct explain);
    r = explain_user(context, in->user, in->terminal, explain, reterr);
    if (r == 0)
        explain_fill(explain, view);
    free(explain);
    if (r < 0)
        return r;
    (void)snprintf(object, sizeof(object), "user %s", view->user);
    return request_wait(request,
                        admin_audit(context, &request->caller.actor, "user.explain", object,
                                    in->user, &request->op),
                        reterr);
}

/* ---- sessions ---- */

static int plan_sign_off(struct request *request, const struct session *session)
{
    struct core *core = request->api->context->core;
    const struct user *user = user_find(core, session->row.user_id);
    const struct desktop *desktop = desktop_find(core, session->row.desktop_id);
    const struct pool *pool = pool_find(core, session->row.pool_id);
    const struct connection *connection = connection_of(core, session->row.id);
    struct view_plan *plan = berth_new(struct view_plan);

    plan_add(plan, "the session of %s on desktop '%s' would end; unsaved work is lost",
             user ? user->row.name : "nobody", desktop ? desktop->row.name : "");
    if (connection) {
        const struct terminal *terminal = terminal_find(core, connection->row.terminal_id);

        plan_add(plan, "terminal '%s' shows it and would hide it",
                 terminal ? terminal->row.name : "");
    }
    if (desktop && pool && pool->row.kind == pool_kind_FLOATING && desktop_must_refresh(desktop))
        plan_add(plan, "its desktop would be refreshed from its image");
    return plan_answer(request, plan);
}

int do_session_sign_off(struct request *request, struct berth_error *reterr)
{
    const struct verb_session_sign_off *in = request->params;
    const struct session *session = session_find(request->api->context->core, in->session);

    if (request->step)
        return answer_result(request, "session %llu is being signed off",
                             (unsigned long long)in->session);
    if (request->dry_run && session)
        return plan_sign_off(request, session);
    return request_wait(request,
                        admin_session_sign_off(request->api->context, &request->caller.actor,
                                               in->session, in->reason, &request->op),
                        reterr);
}

int do_session_disconnect(struct request *request, struct berth_error *reterr)
{
    const struct verb_session_disconnect *in = request->params;

    if (request->step)
        return answer_result(request, "session %llu is disconnected; it stays",
                             (unsigned long long)in->session);
    return request_wait(request,
                        admin_session_disconnect(request->api->context, &request->caller.actor,
                                                 in->session, in->reason, &request->op),
                        reterr);
}

/* ---- badges and groups ---- */

int do_badge_add(struct request *request, struct berth_error *reterr)
{
    const struct verb_badge_add *in = request->params;

    if (request->step)
        return answer_row(request, MHD_HTTP_CREATED, ENTITY_badge, request->id, reterr);
    return request_wait(request,
                        admin_badge(request->api->context, &request->caller.actor, in->user,
                                    in->uid, in->label, &request->id, &request->op),
                        reterr);
}

int do_group_member_list(struct request *request, struct berth_error *reterr)
{
    const struct verb_group_member_list *in = request->params;
    struct core *core = request->api->context->core;
    json_t *items = json_array();

    (void)reterr;
    list_each (core_all(core, ENTITY_membership), node) {
        const struct membership *membership = entity_at(node, membership);
        const struct user *user = user_find(core, membership->row.user_id);
        struct view_member view = { 0 };

        if (membership->row.group_id != in->group || !user)
            continue;
        view.id = user->row.id;
        view.disabled = user->row.disabled;
        put(view.name, user->row.name);
        put(view.title, user->row.title);
        (void)json_array_append_new(items,
                                    record_encode(&view_member_record, &view, request->caller.see));
    }
    return answer_items(request, items, 0);
}

static const struct membership *membership_of(struct core *core, uint64_t group_id,
                                              uint64_t user_id)
{
    list_each (index_list(core, MEMBERSHIPS_OF_USER, user_id), node) {
        const struct membership *membership = index_at(MEMBERSHIPS_OF_USER, node, membership);

        if (membership->row.group_id == group_id)
            return membership;
    }
    return NULL;
}

int do_group_join(struct request *request, struct berth_error *reterr)
{
    const struct verb_group_join *in = request->params;
    struct row_membership row = { .group_id = in->group, .user_id = in->user };

    if (request->step)
        return answer_row(request, MHD_HTTP_CREATED, ENTITY_membership, request->id, reterr);
    if (membership_of(request->api->context->core, in->group, in->user))
        return berth_fail(reterr, BERTH_E_EXISTS, "the user is already in the group");
    return request_wait(request,
                        admin_add(request->api->context, &request->caller.actor, ENTITY_membership,
                                  &row, &request->id, &request->op),
                        reterr);
}

int do_group_leave(struct request *request, struct berth_error *reterr)
{
    const struct verb_group_leave *in = request->params;
    const struct membership *membership =
        membership_of(request->api->context->core, in->group, in->user);

    if (request->step)
        return answer_result(request, "the user is removed from the group");
    if (!membership)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "the user is not in the group");
    return request_wait(request,
                        admin_drop(request->api->context, &request->caller.actor, ENTITY_membership,
                                   membership->row.id, &request->op),
                        reterr);
}
