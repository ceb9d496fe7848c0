/* index.c - the table of indexes and its upkeep. */
#include "core/index.h"

#include <string.h>

typedef bool indexed_fn(const union row *row);

static bool assignment_indexed(const union row *row)
{
    return row->assignment.state == assignment_OPEN;
}

static bool session_indexed(const union row *row)
{
    return row->session.state != session_ENDED;
}

static bool connection_indexed(const union row *row)
{
    return row->connection.state != connection_ENDED;
}

static bool command_indexed(const union row *row)
{
    return row->command.state == command_QUEUED || row->command.state == command_SENT ||
           row->command.state == command_ACKED;
}

struct index_row {
    enum entity_kind kind;
    int link; /* which of entity.links: different for the indexes of one kind */
    size_t offset;
    indexed_fn *includes; /* NULL: always */
};

/* clang-format off */
#define BY(kind_, link_, member, includes_) { ENTITY_##kind_, (link_), offsetof(struct row_##kind_, member), (includes_) }
static const struct index_row table[INDEX_KINDS] = {
    [SLOTS_OF_DESKTOP]        = BY(slot,        0, desktop_id,    NULL),
    [IDENTITIES_OF_TERMINAL]  = BY(identity,    0, terminal_id,   NULL),
    [DESKTOPS_OF_POOL]        = BY(desktop,     0, pool_id,       NULL),
    [DESKTOPS_OF_HOST]        = BY(desktop,     1, host_id,       NULL),
    [VERSIONS_OF_IMAGE]       = BY(image_version, 0, image_id,    NULL),
    [MEMBERSHIPS_OF_USER]     = BY(membership,  0, user_id,       NULL),
    [BADGES_OF_USER]          = BY(badge,       0, user_id,       NULL),
    [ENTITLEMENTS_OF_POOL]    = BY(entitlement, 0, pool_id,       NULL),
    [COMMANDS_OF_TERMINAL]    = BY(command,     0, terminal_id,   command_indexed),
    [ASSIGNMENTS_OF_DESKTOP]  = BY(assignment,  0, desktop_id,    assignment_indexed),
    [ASSIGNMENTS_OF_USER]     = BY(assignment,  1, user_id,       assignment_indexed),
    [SESSIONS_OF_ASSIGNMENT]  = BY(session,     0, assignment_id, session_indexed),
    [SESSIONS_OF_USER]        = BY(session,     1, user_id,       session_indexed),
    [SESSIONS_OF_POOL]        = BY(session,     2, pool_id,       session_indexed),
    [CONNECTIONS_OF_SESSION]  = BY(connection,  0, session_id,    connection_indexed),
    [CONNECTIONS_AT_TERMINAL] = BY(connection,  1, terminal_id,   connection_indexed),
    [TERMINALS_OF_PLACE]      = BY(terminal,    0, place_id,      NULL),
};
#undef BY

struct text_row {
    enum entity_kind kind;
    size_t offset;
};
static const struct text_row texts[INDEX_TEXTS] = {
    [IDENTITY_BY_KEY]     = { ENTITY_identity,   offsetof(struct row_identity, key_hash) },
    [DESKTOP_BY_UUID]     = { ENTITY_desktop,    offsetof(struct row_desktop, uuid) },
    [INVITATION_BY_TOKEN] = { ENTITY_invitation, offsetof(struct row_invitation, token_hash) },
    [BADGE_BY_UID]        = { ENTITY_badge,      offsetof(struct row_badge, uid_hash) },
    [TOKEN_BY_HASH]       = { ENTITY_token,      offsetof(struct row_token, token_hash) },
    [TERMINAL_BY_WAITING_KEY] = { ENTITY_terminal, offsetof(struct row_terminal, waiting_key) },
};
/* clang-format on */

/* All entities that refer to one id. */
struct bucket {
    struct list entities;
    size_t count;
};

struct indexes {
    struct map by[INDEX_KINDS]; /* id -> struct bucket */
    struct map text[INDEX_TEXTS];
    struct list none; /* the empty answer */
};

struct indexes *indexes_new(struct berth_random *random)
{
    struct indexes *indexes = berth_new(struct indexes);

    for (int i = 0; i < INDEX_KINDS; i++)
        map_init(&indexes->by[i], random_map_key(random));
    for (int i = 0; i < INDEX_TEXTS; i++)
        map_init(&indexes->text[i], random_map_key(random));
    list_init(&indexes->none);
    return indexes;
}

void indexes_free(struct indexes *indexes)
{
    if (!indexes)
        return;
    for (int i = 0; i < INDEX_KINDS; i++) {
        for (size_t at = 0; at < indexes->by[i].capacity; at++)
            if (indexes->by[i].slots[at].hash)
                free(indexes->by[i].slots[at].value);
        map_clear(&indexes->by[i]);
    }
    for (int i = 0; i < INDEX_TEXTS; i++)
        map_clear(&indexes->text[i]);
    free(indexes);
}

static uint64_t id_at(const struct entity *entity, size_t offset)
{
    uint64_t id;

    memcpy(&id, (const char *)entity_row_of_const(entity) + offset, sizeof(id));
    return id;
}

static void put_into(struct indexes *indexes, int by, struct entity *entity)
{
    uint64_t id = id_at(entity, table[by].offset);
    struct bucket *bucket;

    if (!id)
        return;
    bucket = map_get_id(&indexes->by[by], id);
    if (!bucket) {
        bucket = berth_new(struct bucket);
        list_init(&bucket->entities);
        map_put_id(&indexes->by[by], id, bucket);
    }
    list_append(&bucket->entities, &entity->links[table[by].link]);
    bucket->count++;
}

static void take_from(struct indexes *indexes, int by, struct entity *entity)
{
    struct list *link = &entity->links[table[by].link];
    uint64_t id = id_at(entity, table[by].offset);
    struct bucket *bucket;

    if (!list_linked(link))
        return;
    list_remove(link);
    bucket = map_get_id(&indexes->by[by], id);
    if (bucket && --bucket->count == 0)
        free(map_take_id(&indexes->by[by], id));
}

void index_add(struct core *core, struct entity *entity)
{
    const void *row = entity_row_of(entity);

    for (int by = 0; by < INDEX_KINDS; by++)
        if (table[by].kind == entity->kind && (!table[by].includes || table[by].includes(row)))
            put_into(core->indexes, by, entity);
    for (int by = 0; by < INDEX_TEXTS; by++) {
        const char *text = (const char *)row + texts[by].offset;

        if (texts[by].kind == entity->kind && *text)
            map_put_text(&core->indexes->text[by], text, entity);
    }
}

void index_remove(struct core *core, struct entity *entity)
{
    const void *row = entity_row_of(entity);

    for (int by = 0; by < INDEX_KINDS; by++)
        if (table[by].kind == entity->kind)
            take_from(core->indexes, by, entity);
    for (int by = 0; by < INDEX_TEXTS; by++) {
        const char *text = (const char *)row + texts[by].offset;

        if (texts[by].kind == entity->kind && *text &&
            map_get_text(&core->indexes->text[by], text) == entity)
            (void)map_take_text(&core->indexes->text[by], text);
    }
}

struct list *index_list(struct core *core, enum index_by by, uint64_t id)
{
    struct bucket *bucket = id ? map_get_id(&core->indexes->by[by], id) : NULL;

    return bucket ? &bucket->entities : &core->indexes->none;
}

struct entity *index_entry(enum index_by by, struct list *node)
{
    return container_of(node - table[by].link, struct entity, links);
}

struct entity *index_first(struct core *core, enum index_by by, uint64_t id)
{
    struct list *list = index_list(core, by, id);

    return list_empty(list) ? NULL : index_entry(by, list->next);
}

size_t index_count(struct core *core, enum index_by by, uint64_t id)
{
    const struct bucket *bucket = id ? map_get_id(&core->indexes->by[by], id) : NULL;

    return bucket ? bucket->count : 0;
}

struct entity *index_find_text(struct core *core, enum index_text by, const char *text)
{
    return *text ? map_get_text(&core->indexes->text[by], text) : NULL;
}
