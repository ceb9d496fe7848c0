/* session.c - finding sessions, and changing their states. */
#include "core/session.h"

#include "berth/log.h"

#include "core/hooks.h"
#include "core/index.h"

struct session *session_on(struct core *core, uint64_t assignment_id)
{
    struct entity *entity = index_first(core, SESSIONS_OF_ASSIGNMENT, assignment_id);

    return ENTITY_AS(session, entity);
}

struct session *session_of_user(struct core *core, uint64_t user_id, uint64_t pool_id)
{
    struct session *oldest = NULL;

    list_each (index_list(core, SESSIONS_OF_USER, user_id), node) {
        struct session *session = index_at(SESSIONS_OF_USER, node, session);

        if (pool_id && session->row.pool_id != pool_id)
            continue;
        if (!oldest || session->row.id < oldest->row.id)
            oldest = session;
    }
    return oldest;
}

int session_transition(struct session *session, enum session_state next, const char *why,
                       struct changes *changes, struct row_session **ret_row,
                       struct berth_error *reterr)
{
    struct row_session *row;

    if (!session_may_transition(session->row.state, next))
        return entity_refuse("session", session_state_names[session->row.state],
                             session_state_names[next], reterr);
    row = entity_change(&session->base, changes);
    row->state = next;
    row->changed_ms = session->base.core->timers->wall_ms;
    if (next == session_ENDED)
        row->ended_ms = row->changed_ms;
    berth_text(row->reason, sizeof(row->reason), "%s", why);
    if (ret_row)
        *ret_row = row;
    return 0;
}

void session_added(struct entity *entity, bool loaded)
{
    struct session *session = container_of(entity, struct session, base);

    list_init(&session->waiting);
    if (!loaded)
        log_event(EV_SESSION_STATE, "session", session->row.id, "to",
                  session_state_names[session->row.state], "epoch", session->row.epoch, "why",
                  session->row.reason);
}

void session_changed(struct entity *entity, const union row *was)
{
    struct session *session = container_of(entity, struct session, base);
    const struct row_session *old = &was->session;

    if (old->state != session->row.state)
        log_event(EV_SESSION_STATE, "session", session->row.id, "from",
                  session_state_names[old->state], "to", session_state_names[session->row.state],
                  "epoch", session->row.epoch, "why", session->row.reason);
}

void session_dropped(struct entity *entity)
{
    struct session *session = container_of(entity, struct session, base);

    timer_stop(entity->core->timers, &session->limit);
    timer_stop(entity->core->timers, &session->release_retry);
}
