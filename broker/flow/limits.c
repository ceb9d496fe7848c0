/* limits.c - timers of sessions, and shutting out users and terminals. */
#include "flow/limits.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/index.h"
#include "core/session_limit.h"
#include "flow/release.h"
#include "flow/session_detach.h"
#include "flow/sign_on_state.h"

/* The monotonic time at which a state began: now, unless it is older than this broker. Only then
 * the wall clock is read, once; if it was set back, no time has passed.
 */
static int64_t began_ms(const struct context *context, int64_t wall_ms, bool loaded)
{
    int64_t passed_ms = loaded ? context->timers->wall_ms - wall_ms : 0;

    return context->timers->mono_ms - (passed_ms > 0 ? passed_ms : 0);
}

static void time_is_over(struct berth_timer *timer)
{
    struct session *session = container_of(timer, struct session, limit);
    struct context *context = session->context;
    struct ending ending = { .action = "session.limit",
                             .reason = "limit",
                             .actor = "broker",
                             .role = "broker",
                             .limit = true };
    struct session_limit over;
    char why[160];

    if (!session_limit_over(session, &over))
        return;
    (void)snprintf(why, sizeof(why),
                   over.absolute ? "Your session has reached its limit of %lld min"
                                 : "The session was disconnected for %lld min",
                   (long long)over.limit_ms / 60000);
    ending.why = why;
    log_event(EV_LIMIT_REACHED, "session", session->row.id, "why", why);
    session_end_retried(context, session->row.id, &ending);
}

void limits_arm(struct context *context, struct session *session, bool rearm)
{
    const struct pool *pool = pool_find(context->core, session->row.pool_id);
    int64_t left;
    int64_t spare_ms = context->core->recovery_until_ms - context->timers->mono_ms;

    if (!pool || session->row.state == session_ENDING || session->row.state == session_ENDED) {
        timer_stop(context->timers, &session->limit);
        return;
    }
    if (session->limit_state == session->row.state && !rearm)
        return; /* another part of the row changed: the timer goes on */
    if (!session->limit_state)
        session->begun_ms = began_ms(context, session->row.started_ms, rearm);
    if (session->limit_state != session->row.state)
        session->since_ms =
            began_ms(context, session->row.changed_ms, rearm && !session->limit_state);
    session->limit_state = session->row.state;
    left = session_limit_left_ms(session);
    if (left == SESSION_LIMIT_NEVER) {
        timer_stop(context->timers, &session->limit);
        return;
    }
    session->context = context;
    timer_start(context->timers, &session->limit, left > spare_ms ? left : spare_ms, time_is_over);
}

void limits_idle(struct context *context, struct session *session, int64_t input_idle_ms)
{
    const struct pool *pool = pool_find(context->core, session->row.pool_id);
    const struct connection *connection = connection_of(context->core, session->row.id);
    char why[96];

    session->input_idle_ms = input_idle_ms;
    session->input_said_ms = context->timers->mono_ms;
    if (!pool || pool->row.idle_s <= 0 || input_idle_ms < pool->row.idle_s * 1000 || !connection ||
        connection->row.state != connection_ACTIVE)
        return;
    (void)snprintf(why, sizeof(why), "Nobody touched anything for %lld min",
                   (long long)pool->row.idle_s / 60);
    log_event(EV_LIMIT_REACHED, "session", session->row.id, "why", why);
    session_detach_retried(context, session, "limit", why);
}

/* A running sign-on of this user that is not being cancelled. */
static struct sign_on *running_sign_on(struct context *context, const struct user *user)
{
    struct list *same = map_get_id(&context->signing_on, user->row.id);

    if (!same)
        return NULL;
    list_each (same, node) {
        struct sign_on *s = list_entry(node, struct sign_on, same_user);

        if (!s->flow.cancelling)
            return s;
    }
    return NULL;
}

void limits_user_disabled(struct context *context, struct user *user)
{
    struct sign_on *s;

    list_each (index_list(context->core, SESSIONS_OF_USER, user->row.id), node) {
        session_force_disconnect(context, index_at(SESSIONS_OF_USER, node, session),
                                 "The account was disabled");
    }
    while ((s = running_sign_on(context, user)) != NULL)
        flow_cancel(&s->flow, BERTH_E_DISABLED, "the account of %s is disabled", user->row.name);
}

void limits_user_gone(struct context *context, const struct user *user)
{
    struct sign_on *s;

    while ((s = running_sign_on(context, user)) != NULL)
        flow_cancel(&s->flow, BERTH_E_CREDENTIALS, "the account of %s was deleted", user->row.name);
}

void limits_terminal_closed(struct context *context, struct terminal *terminal, int code,
                            const char *why)
{
    list_each (index_list(context->core, CONNECTIONS_AT_TERMINAL, terminal->row.id), node) {
        const struct connection *connection = index_at(CONNECTIONS_AT_TERMINAL, node, connection);
        struct session *session = session_find(context->core, connection->row.session_id);

        if (session && session->row.epoch == connection->row.epoch)
            session_force_disconnect(context, session, why);
    }
    if (terminal->sign_on)
        flow_cancel(terminal->sign_on, code, "%s", why);
}
