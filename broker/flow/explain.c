/* explain.c - applies the rules of a sign-on without deciding anything. */
#include "flow/explain.h"

#include <stdio.h>
#include <string.h>

#include "core/index.h"
#include "flow/shortage.h"

static void explain_own(struct core *core, const struct desktop *desktop,
                        struct explain_desktop *ret)
{
    const struct host *host = host_find(core, desktop->row.host_id);
    bool starting = desktop->state == desktop_STARTING; /* its reason says then what it waits for */
    char text[HOST_TEXT] = "";

    if (host && host->state != host_UP)
        host_text(host, text, sizeof(text));
    berth_text(ret->reason, sizeof(ret->reason), "it is theirs (%s%s%s)%s%s",
               desktop_state_names[desktop->state], starting ? ": " : "",
               starting ? desktop->reason : "", text[0] ? "; its " : "", text);
}

static void explain_desktop(struct core *core, const struct desktop *desktop,
                            uint64_t own_desktop_id, struct explain_desktop *ret)
{
    const struct entity *taken = index_first(core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id);

    ret->desktop_id = desktop->row.id;
    copy_text(ret->desktop, desktop->row.name);
    if (desktop->row.id == own_desktop_id) {
        ret->fits = true;
        explain_own(core, desktop, ret);
    } else if (taken) {
        berth_text(ret->reason, sizeof(ret->reason), "it belongs to another user");
    } else {
        ret->fits = placement_fits(desktop, ret->reason, sizeof(ret->reason));
        if (ret->fits)
            berth_text(ret->reason, sizeof(ret->reason), "it is a spare");
    }
}

static void explain_pool(struct core *core, const struct user *user,
                         const struct policy_verdict *verdict, struct explain_pool *ret)
{
    const struct pool *pool = pool_find(core, verdict->pool_id);
    const struct assignment *own = assignment_open_of(core, user->row.id, verdict->pool_id);

    ret->pool_id = verdict->pool_id;
    copy_text(ret->pool, pool->row.name);
    ret->allowed = verdict->allowed;
    ret->priority = verdict->priority;
    ret->flags = verdict->flags;
    berth_text(ret->reason, sizeof(ret->reason), "%s", verdict->reason);
    list_each (index_list(core, DESKTOPS_OF_POOL, pool->row.id), node) {
        if (ret->desktops_count == EXPLAIN_DESKTOPS)
            break;
        explain_desktop(core, index_at(DESKTOPS_OF_POOL, node, desktop),
                        own ? own->row.desktop_id : 0, &ret->desktops[ret->desktops_count++]);
    }
}

static void own_verdict(struct core *core, const struct user *user, const struct pool *pool,
                        const struct assignment *own, struct explain *ret)
{
    const struct session *session = session_of_user(core, user->row.id, pool->row.id);
    const struct desktop *desktop = desktop_find(core, own->row.desktop_id);
    const struct host *host = desktop ? host_find(core, desktop->row.host_id) : NULL;
    char text[HOST_TEXT] = "";

    if (host && host->state != host_UP)
        host_text(host, text, sizeof(text));
    ret->desktop_id = own->row.desktop_id;
    berth_text(ret->verdict, sizeof(ret->verdict), "%s would %s desktop '%s' of pool '%s'%s%s",
               user->row.name, session ? "return to the session on" : "get back",
               desktop ? desktop->row.name : "?", pool->row.name, text[0] ? "; its " : "", text);
}

/* What the user would get from the pool with the highest priority. */
static void judge_pool(struct core *core, const struct user *user, struct pool *pool,
                       struct explain *ret)
{
    const struct assignment *own = assignment_open_of(core, user->row.id, pool->row.id);
    const struct desktop *desktop;
    struct placement_count count;
    char why[SHORTAGE_TEXT];

    ret->pool_id = pool->row.id;
    if (own) {
        own_verdict(core, user, pool, own, ret);
        return;
    }
    desktop = placement_best(core, pool);
    if (desktop) {
        ret->desktop_id = desktop->row.id;
        berth_text(ret->verdict, sizeof(ret->verdict), "%s would get desktop '%s' of pool '%s'",
                   user->row.name, desktop->row.name, pool->row.name);
        return;
    }
    placement_count(core, pool, &count);
    shortage_text(core, pool, 1, why);
    berth_text(ret->verdict, sizeof(ret->verdict),
               "%s would wait in the queue of pool '%s' in place %d: no desktop is ready%s%s",
               user->row.name, pool->row.name, count.waiting + 1, why[0] ? "; " : "", why);
}

static void judge(struct core *core, const struct user *user, const struct terminal *terminal,
                  struct explain *ret)
{
    if (user->row.disabled) {
        berth_text(ret->verdict, sizeof(ret->verdict), "%s is disabled and gets nothing",
                   user->row.name);
    } else if (terminal && terminal->row.state != terminal_ACCEPTED) {
        berth_text(ret->verdict, sizeof(ret->verdict),
                   "terminal '%s' is %s: nobody can sign on there", terminal->row.name,
                   terminal_state_names[terminal->row.state]);
    } else if (ret->pools_count == 0 || !ret->pools[0].allowed) {
        berth_text(ret->verdict, sizeof(ret->verdict), "no pool is open to %s%s%s", user->row.name,
                   terminal ? " at " : "", terminal ? terminal->row.name : "");
    } else {
        judge_pool(core, user, pool_find(core, ret->pools[0].pool_id), ret);
    }
}

static void recall(struct context *context, uint64_t user_id, struct explain *ret)
{
    const struct last_sign_on *last = map_get_id(&context->last_sign_ons, user_id);

    if (!last)
        return;
    ret->last.at_ms = last->at_ms;
    memcpy(ret->last.terminal, last->terminal, sizeof(ret->last.terminal));
    memcpy(ret->last.outcome, last->outcome, sizeof(ret->last.outcome));
}

int explain_user(struct context *context, uint64_t user_id, uint64_t terminal_id,
                 struct explain *ret, struct berth_error *reterr)
{
    const struct user *user = user_find(context->core, user_id);
    const struct terminal *terminal = terminal_find(context->core, terminal_id);
    struct policy_verdict verdicts[EXPLAIN_POOLS];
    struct policy_subject subject = { .user = user, .terminal = terminal };

    memset(ret, 0, sizeof(*ret));
    if (!user)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no user with the id %llu",
                          (unsigned long long)user_id);
    if (terminal_id && !terminal)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no terminal with the id %llu",
                          (unsigned long long)terminal_id);
    copy_text(ret->user, user->row.name);
    if (terminal)
        copy_text(ret->terminal, terminal->row.name);
    ret->pools_count = policy_list(context->core, &subject, verdicts, EXPLAIN_POOLS);
    for (size_t i = 0; i < ret->pools_count; i++)
        explain_pool(context->core, user, &verdicts[i], &ret->pools[i]);
    judge(context->core, user, terminal, ret);
    recall(context, user_id, ret);
    return 0;
}
