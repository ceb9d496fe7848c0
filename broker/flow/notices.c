/* notices.c - dispatch of notices: for each kind of entity, the handlers that mark or begin what
 * follows from a change.
 *
 * Called for each notice, in the order in which the changes took effect. Longer work is only marked
 * here, and done at the end of the turn.
 */
#include "berth/wait.h"

#include "core/grace.h"
#include "core/index.h"
#include "core/presence.h"
#include "flow/command.h"
#include "flow/host_inventory.h"
#include "flow/limits.h"
#include "flow/machine_events.h"
#include "flow/pool_queue.h"
#include "flow/profile.h"
#include "flow/reactor.h"
#include "flow/recompose.h"
#include "flow/refill.h"
#include "flow/release.h"
#include "flow/resume.h"
#include "flow/session_detach.h"
#include "flow/sign_on.h"

static void desktop_notice(struct context *context, const struct notice *notice)
{
    struct desktop *desktop = desktop_find(context->core, notice->id);

    if (desktop && notice->kind == NOTICE_DOUBTED)
        domain_recheck(context, desktop, notice->why);
    else if (desktop)
        pool_mark(context, desktop->row.pool_id);
}

static void host_notice(struct context *context, const struct notice *notice)
{
    struct host *host = host_find(context->core, notice->id);

    if (notice->kind == NOTICE_DOUBTED) {
        if (host)
            host_list(context, host);
        return;
    }
    if (notice->gone) {
        virt_host_stop(context->virt, notice->id);
        waitq_wake(&container_of(notice->gone, struct host, base)->waiting);
    }
    if (host) {
        if (notice->kind == NOTICE_CHANGED)
            virt_host_start(context->virt, host->row.id, host->row.name, host->row.uri);
        waitq_wake(&host->waiting);
    }
    pools_mark(context);
}

static void pool_notice(struct context *context, const struct notice *notice)
{
    if (notice->gone)
        pool_queue_close(container_of(notice->gone, struct pool, base));
    pool_mark(context, notice->id);
    if (notice->kind != NOTICE_CHANGED)
        return;
    list_each (index_list(context->core, SESSIONS_OF_POOL, notice->id), node) {
        limits_arm(context, index_at(SESSIONS_OF_POOL, node, session), true);
    }
}

static void session_notice(struct context *context, const struct notice *notice)
{
    struct session *session = session_find(context->core, notice->id);

    if (session)
        limits_arm(context, session, false);
    resume_notice(context, notice->id);
    if (session)
        session_detach_recheck(context, session);
}

static void image_notice(struct context *context, const struct notice *notice)
{
    (void)notice; /* any image may belong to a pool */
    list_each (core_all(context->core, ENTITY_pool), node)
        recompose_image_changed(context->core, entity_at(node, pool));
    pools_mark(context);
}

static void assignment_notice(struct context *context, const struct notice *notice)
{
    const struct assignment *assignment = assignment_find(context->core, notice->id);

    if (assignment)
        pool_mark(context, assignment->row.pool_id);
}

static void terminal_changed(struct context *context, struct terminal *terminal)
{
    switch (terminal->row.state) {
    case terminal_REVOKED:
        limits_terminal_closed(context, terminal, BERTH_E_REVOKED,
                               "This terminal was taken out of service");
        if (terminal->peer && context->hang_up)
            context->hang_up(context->link, terminal->peer, BERTH_E_REVOKED,
                             "the terminal was revoked");
        break;
    case terminal_QUARANTINED:
    case terminal_WAITING:
        limits_terminal_closed(context, terminal, BERTH_E_STATE,
                               "This terminal was taken out of service");
        break;
    case terminal_ACCEPTED:
    case terminal_NO_STATE:
    case terminal_STATES_END:
        break;
    }
}

static void terminal_notice(struct context *context, const struct notice *notice)
{
    struct terminal *terminal = terminal_find(context->core, notice->id);

    if (!terminal)
        return;
    if (notice->kind == NOTICE_CHANGED)
        terminal_changed(context, terminal);
    else if (notice->kind == NOTICE_OBSERVED && terminal->presence->state == presence_ABSENT)
        session_detach_all(context, terminal->row.id, "its terminal vanished");
}

/* A key was retired or revoked: close the connection that uses it, and disconnect what it shows. */
static void identity_notice(struct context *context, const struct notice *notice)
{
    const struct identity *identity = identity_find(context->core, notice->id);
    struct terminal *terminal =
        identity ? terminal_find(context->core, identity->row.terminal_id) : NULL;
    const struct peer *peer = terminal ? context_peer(context, terminal->peer) : NULL;

    if (!peer || peer->identity_id != notice->id || identity->row.state == identity_CURRENT)
        return;
    limits_terminal_closed(context, terminal, BERTH_E_REVOKED,
                           "Another device is this terminal now");
    if (context->hang_up)
        context->hang_up(context->link, peer->id, BERTH_E_REVOKED,
                         "another key took the place of this one");
}

static void user_notice(struct context *context, const struct notice *notice)
{
    struct user *user = user_find(context->core, notice->id);

    if (user && user->row.disabled) {
        grace_end(context->core, user->row.id);
        limits_user_disabled(context, user);
    }
    if (notice->gone)
        limits_user_gone(context, container_of(notice->gone, struct user, base));
}

static void badge_notice(struct context *context, const struct notice *notice)
{
    const struct badge *badge = badge_find(context->core, notice->id);

    if (badge && badge->row.disabled)
        grace_end(context->core, badge->row.user_id);
}

/* A new command is sent when its terminal is connected. */
static void command_notice(struct context *context, const struct notice *notice)
{
    const struct command *command = command_find(context->core, notice->id);
    struct terminal *terminal =
        command ? terminal_find(context->core, command->row.terminal_id) : NULL;

    if (notice->verb != CHANGE_ADD || !terminal)
        return;
    command_send_waiting(context, terminal);
    command_watch(context);
}

#define NOTICE_HANDLERS_MAX 3

/* The table has designated rows, so a new kind of entity would compile without one. */
_Static_assert(ENTITY_KINDS == 24, "list the handlers of the new kind of entity below");

/* The handlers of each kind of entity, in order. The other kinds have none: image versions, slots,
 * invitations, groups, connections, administrators, tokens. */
static void (*const notice_handlers[ENTITY_KINDS][NOTICE_HANDLERS_MAX])(struct context *,
                                                                        const struct notice *) = {
    [ENTITY_desktop] = { desktop_notice },
    [ENTITY_host] = { host_notice },
    [ENTITY_pool] = { pool_notice },
    [ENTITY_image] = { image_notice },
    [ENTITY_assignment] = { assignment_notice },
    [ENTITY_session] = { session_notice },
    [ENTITY_terminal] = { terminal_notice, sign_on_notice, profile_notice },
    [ENTITY_identity] = { identity_notice },
    [ENTITY_user] = { user_notice, sign_on_notice },
    [ENTITY_badge] = { badge_notice, sign_on_notice },
    [ENTITY_membership] = { sign_on_notice },
    [ENTITY_entitlement] = { sign_on_notice },
    [ENTITY_command] = { command_notice },
    [ENTITY_place] = { sign_on_notice, profile_notice },
    [ENTITY_profile] = { profile_notice },
    [ENTITY_site] = { profile_notice },
};

void reactor_notify(struct notice_listener *listener, const struct notice *notice)
{
    struct context *context = container_of(listener, struct reactor, listener)->context;

    for (int i = 0; i < NOTICE_HANDLERS_MAX && notice_handlers[notice->entity][i]; i++)
        notice_handlers[notice->entity][i](context, notice);
}
