/* index.c - the tables of indexes.def, and their upkeep. */
#include "core/index.h"

#include <string.h>

/* clang-format off */
struct index_row {
    enum entity_kind kind;
    size_t offset; /* of the id in the row */
    int link;      /* which of entity.links */
};
static const struct index_row table[INDEX_KINDS] = {
#define INDEX(name, kind, member, link) [name] = { ENTITY_##kind, offsetof(struct row_##kind, member), (link) },
#include "core/indexes.def"
};

struct text_row {
    enum entity_kind kind;
    size_t offset;
};
static const struct text_row texts[INDEX_TEXTS] = {
#define INDEX_TEXT(name, kind, member) [name] = { ENTITY_##kind, offsetof(struct row_##kind, member) },
#include "core/indexes.def"
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

static uint64_t id_at(const void *row, size_t offset)
{
    uint64_t id;

    memcpy(&id, (const char *)row + offset, sizeof(id));
    return id;
}

static void put_into(struct map *map, uint64_t id, struct list *link)
{
    struct bucket *bucket;

    if (!id)
        return;
    bucket = map_get_id(map, id);
    if (!bucket) {
        bucket = berth_new(struct bucket);
        list_init(&bucket->entities);
        map_put_id(map, id, bucket);
    }
    list_append(&bucket->entities, link);
    bucket->count++;
}

static void take_from(struct map *map, uint64_t id, struct list *link)
{
    struct bucket *bucket;

    if (!list_linked(link))
        return;
    list_remove(link);
    bucket = map_get_id(map, id);
    if (bucket && --bucket->count == 0)
        free(map_take_id(map, id));
}

void index_add(struct entity *entity, const void *row)
{
    struct indexes *indexes = entity->core->indexes;

    for (int by = 0; by < INDEX_KINDS; by++)
        if (table[by].kind == entity->kind)
            put_into(&indexes->by[by], id_at(row, table[by].offset),
                     &entity->links[table[by].link]);
    for (int by = 0; by < INDEX_TEXTS; by++) {
        const char *text = (const char *)row + texts[by].offset;

        if (texts[by].kind == entity->kind && *text)
            map_put_text(&indexes->text[by], text, entity);
    }
}

void index_remove(struct entity *entity, const void *row)
{
    struct indexes *indexes = entity->core->indexes;

    for (int by = 0; by < INDEX_KINDS; by++)
        if (table[by].kind == entity->kind)
            take_from(&indexes->by[by], id_at(row, table[by].offset),
                      &entity->links[table[by].link]);
    for (int by = 0; by < INDEX_TEXTS; by++) {
        const char *text = (const char *)row + texts[by].offset;

        if (texts[by].kind == entity->kind && *text &&
            map_get_text(&indexes->text[by], text) == entity)
            (void)map_take_text(&indexes->text[by], text);
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
