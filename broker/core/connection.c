/* connection.c - finding connections, and changing their states. */
#include "core/connection.h"

#include "berth/log.h"

#include "core/hooks.h"
#include "core/index.h"

struct connection *connection_of(struct core *core, uint64_t session_id)
{
    struct entity *entity = index_first(core, CONNECTIONS_OF_SESSION, session_id);

    return ENTITY_AS(connection, entity);
}

struct connection *connection_at(struct core *core, uint64_t terminal_id)
{
    struct entity *entity = index_first(core, CONNECTIONS_AT_TERMINAL, terminal_id);

    return ENTITY_AS(connection, entity);
}

int connection_transition(struct connection *connection, enum connection_state next,
                          const char *why, struct changes *changes, struct row_connection **ret_row,
                          struct berth_error *reterr)
{
    struct row_connection *row;

    if (!connection_may_transition(connection->row.state, next))
        return entity_refuse("connection", connection_state_names[connection->row.state],
                             connection_state_names[next], reterr);
    row = entity_change(&connection->base, changes);
    row->state = next;
    if (next == connection_ENDED)
        row->ended_ms = connection->base.core->timers->wall_ms;
    berth_text(row->reason, sizeof(row->reason), "%s", why);
    if (ret_row)
        *ret_row = row;
    return 0;
}

void connection_changed(struct entity *entity, const union row *was)
{
    struct connection *connection = container_of(entity, struct connection, base);
    const struct row_connection *old = &was->connection;

    if (old->state != connection->row.state)
        log_event(EV_CONNECTION_STATE, "connection", connection->row.id, "session",
                  connection->row.session_id, "from", connection_state_names[old->state], "to",
                  connection_state_names[connection->row.state], "why", connection->row.reason);
}
