/* lookup.c - typed lookups of entities by key, name or relation: runtime.h. */
#include "core/index.h"
#include "core/runtime.h"

#define AS(type, entity) ((entity) ? container_of((entity), struct type, base) : NULL)

struct identity *identity_by_key(struct core *core, const char *key_hash)
{
    struct entity *entity = index_find_text(core, IDENTITY_BY_KEY, key_hash);

    return AS(identity, entity);
}

struct slot *slot_of(struct core *core, uint64_t desktop_id, int64_t number)
{
    list_each (index_list(core, SLOTS_OF_DESKTOP, desktop_id), node) {
        struct slot *slot = container_of(index_entry(SLOTS_OF_DESKTOP, node), struct slot, base);

        if (slot->row.number == number)
            return slot;
    }
    return NULL;
}

struct assignment *assignment_open_of(struct core *core, uint64_t user_id, uint64_t pool_id)
{
    list_each (index_list(core, ASSIGNMENTS_OF_USER, user_id), node) {
        struct entity *entity = index_entry(ASSIGNMENTS_OF_USER, node);
        struct assignment *assignment = container_of(entity, struct assignment, base);

        if (assignment->row.pool_id == pool_id)
            return assignment;
    }
    return NULL;
}

struct assignment *assignment_on(struct core *core, uint64_t desktop_id, int64_t slot)
{
    list_each (index_list(core, ASSIGNMENTS_OF_DESKTOP, desktop_id), node) {
        struct entity *entity = index_entry(ASSIGNMENTS_OF_DESKTOP, node);
        struct assignment *assignment = container_of(entity, struct assignment, base);

        if (assignment->row.slot == slot)
            return assignment;
    }
    return NULL;
}

struct session *session_on(struct core *core, uint64_t assignment_id)
{
    struct entity *entity = index_first(core, SESSIONS_OF_ASSIGNMENT, assignment_id);

    return AS(session, entity);
}

struct session *session_of_user(struct core *core, uint64_t user_id, uint64_t pool_id)
{
    struct session *oldest = NULL;

    list_each (index_list(core, SESSIONS_OF_USER, user_id), node) {
        struct entity *entity = index_entry(SESSIONS_OF_USER, node);
        struct session *session = container_of(entity, struct session, base);

        if (pool_id && session->row.pool_id != pool_id)
            continue;
        if (!oldest || session->row.id < oldest->row.id)
            oldest = session;
    }
    return oldest;
}

struct connection *connection_of(struct core *core, uint64_t session_id)
{
    struct entity *entity = index_first(core, CONNECTIONS_OF_SESSION, session_id);

    return AS(connection, entity);
}

struct connection *connection_at(struct core *core, uint64_t terminal_id)
{
    struct entity *entity = index_first(core, CONNECTIONS_AT_TERMINAL, terminal_id);

    return AS(connection, entity);
}

struct user *user_by_name(struct core *core, const char *name)
{
    struct entity *entity = core_find_name(core, ENTITY_user, name);

    return AS(user, entity);
}

struct terminal *terminal_by_name(struct core *core, const char *name)
{
    struct entity *entity = core_find_name(core, ENTITY_terminal, name);

    return AS(terminal, entity);
}

struct pool *pool_by_name(struct core *core, const char *name)
{
    struct entity *entity = core_find_name(core, ENTITY_pool, name);

    return AS(pool, entity);
}

struct desktop *desktop_by_uuid(struct core *core, const char *uuid)
{
    struct entity *entity = index_find_text(core, DESKTOP_BY_UUID, uuid);

    return AS(desktop, entity);
}
