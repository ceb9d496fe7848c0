/* session_limit.c - how much is left of the absolute limit, and of the one while disconnected. */
#include "core/session_limit.h"

/* What is left of a limit that began at since_ms. */
static int64_t left_ms(const struct session *session, int64_t limit_s, int64_t since_ms)
{
    int64_t left = since_ms + limit_s * 1000 - session->base.core->timers->mono_ms;

    if (limit_s <= 0)
        return SESSION_LIMIT_NEVER;
    return left > 0 ? left : 0;
}

static int64_t absolute_left_ms(const struct session *session, const struct pool *pool)
{
    return left_ms(session, pool->row.absolute_s, session->begun_ms);
}

/* Only while it is disconnected, and that was noted. */
static int64_t disconnected_left_ms(const struct session *session, const struct pool *pool)
{
    if (session->row.state != session_DISCONNECTED || session->limit_state != session->row.state)
        return SESSION_LIMIT_NEVER;
    return left_ms(session, pool->row.disconnected_s, session->since_ms);
}

static const struct pool *pool_of(const struct session *session)
{
    if (session->row.state == session_ENDING || session->row.state == session_ENDED)
        return NULL;
    return pool_find(session->base.core, session->row.pool_id);
}

int64_t session_limit_left_ms(const struct session *session)
{
    const struct pool *pool = pool_of(session);
    int64_t absolute_ms = pool ? absolute_left_ms(session, pool) : SESSION_LIMIT_NEVER;
    int64_t disconnected_ms = pool ? disconnected_left_ms(session, pool) : SESSION_LIMIT_NEVER;

    return absolute_ms < disconnected_ms ? absolute_ms : disconnected_ms;
}

bool session_limit_over(const struct session *session, struct session_limit *ret)
{
    const struct pool *pool = pool_of(session);
    int64_t now_ms = session->base.core->timers->mono_ms;

    if (!pool)
        return false;
    if (absolute_left_ms(session, pool) == 0) {
        *ret = (struct session_limit){ .absolute = true,
                                       .waited_ms = now_ms - session->begun_ms,
                                       .limit_ms = pool->row.absolute_s * 1000 };
        return true;
    }
    *ret = (struct session_limit){ .waited_ms = now_ms - session->since_ms,
                                   .limit_ms = pool->row.disconnected_s * 1000 };
    return disconnected_left_ms(session, pool) == 0;
}
