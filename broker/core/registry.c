/* registry.c - the life of an entity, from its row to its end. */
#include "core/registry.h"

#include <string.h>

/* ---- one entity ---- */

void *entity_row_of(struct entity *entity)
{
    return (char *)entity + entity->core->ops[entity->kind].row_offset;
}

const void *entity_row_of_const(const struct entity *entity)
{
    return (const char *)entity + entity->core->ops[entity->kind].row_offset;
}

const char *entity_name(const struct entity *entity)
{
    const struct field *field = record_field(entity_row(entity->kind)->record, "name");

    return field ? (const char *)entity_row_of_const(entity) + field->offset : NULL;
}

static uint64_t id_of(const struct entity *entity)
{
    uint64_t id;

    memcpy(&id, entity_row_of_const(entity), sizeof(id)); /* every row begins with it */
    return id;
}

bool entity_row_has_ended(const struct entity_ops *ops, const void *row)
{
    unsigned state;

    memcpy(&state, (const char *)row + ops->state_offset, sizeof(state));
    return ops->ended_from && state >= ops->ended_from;
}

static bool has_ended(const struct entity *entity)
{
    return entity_row_has_ended(&entity->core->ops[entity->kind], entity_row_of_const(entity));
}

size_t core_count_references(struct core *core, enum entity_kind kind, size_t offset, uint64_t id,
                             struct entity **ret_first)
{
    size_t count = 0;

    list_each (core_all(core, kind), node) {
        struct entity *entity = entity_of(node);
        uint64_t value;

        memcpy(&value, (const char *)entity_row_of(entity) + offset, sizeof(value));
        if (value != id || has_ended(entity))
            continue;
        if (ret_first && !*ret_first)
            *ret_first = entity;
        count++;
    }
    return count;
}

void changes_drop_all(struct changes *changes, struct core *core, enum index_by by, uint64_t id)
{
    list_each (index_list(core, by, id), node) {
        struct entity *entity = index_entry(by, node);

        changes_drop(changes, entity->kind, entity_row_of(entity));
    }
}

static void entity_free(struct entity *entity)
{
    /* Rows of users and administrators hold password hashes. */
    berth_wipe_free(entity, entity->core->ops[entity->kind].size);
}

static void reap(struct berth_deferred *deferred)
{
    struct entity *entity = container_of(deferred, struct entity, reap);

    if (!entity->pins) /* it may have been pinned again before the end of the turn */
        entity_free(entity);
}

void entity_pin(struct entity *entity)
{
    entity->pins++;
}

void entity_unpin(struct entity *entity)
{
    if (!entity->pins)
        abort();
    entity->pins--;
    if (!entity->pins && entity->dropped && !list_linked(&entity->reap.node))
        deferred_add(entity->core->timers, &entity->reap, reap);
}

void *entity_change(struct entity *entity, struct changes *changes)
{
    void *pending = changes_find(changes, entity->kind, id_of(entity));

    return changes_set(changes, entity->kind, pending ? pending : entity_row_of(entity));
}

int entity_refuse(const char *what, const char *from, const char *to, struct berth_error *reterr)
{
    return berth_fail(reterr, BERTH_E_STATE, "the %s is %s and cannot become %s", what, from, to);
}

/* ---- in its registry ---- */

/* Registries are in order of id. New entities have the highest id, so this walks one step. */
static void put_in_order(struct registry *registry, struct entity *entity)
{
    struct list *after = registry->all.prev;

    while (after != &registry->all && id_of(entity_of(after)) > id_of(entity))
        after = after->prev;
    list_prepend(after, &entity->node);
}

/* By its name and by what its row refers to. */
static void add_keys(struct registry *registry, struct entity *entity)
{
    const char *name = entity_name(entity);

    if (name)
        map_put_text(&registry->by_name, name, entity);
    if (!has_ended(entity))
        index_add(entity, entity_row_of(entity));
}

static void remove_keys(struct registry *registry, struct entity *entity)
{
    const char *name = entity_name(entity);

    if (name && map_get_text(&registry->by_name, name) == entity)
        (void)map_take_text(&registry->by_name, name);
    index_remove(entity, entity_row_of(entity));
}

struct entity *registry_add(struct core *core, enum entity_kind kind, const void *row, bool loaded)
{
    const struct entity_ops *ops = &core->ops[kind];
    struct entity *entity = berth_alloc(ops->size);
    struct registry *registry = &core->of[kind];

    entity->kind = kind;
    entity->core = core;
    list_init(&entity->node);
    list_init(&entity->reap.node);
    list_init(&entity->ended);
    for (int i = 0; i < ENTITY_LINKS; i++)
        list_init(&entity->links[i]);
    memcpy(entity_row_of(entity), row, entity_row(kind)->record->size);

    put_in_order(registry, entity);
    map_put_id(&registry->by_id, id_of(entity), entity);
    add_keys(registry, entity);
    registry->count++;
    if (id_of(entity) > core->last_id)
        core->last_id = id_of(entity);
    if (ops->added)
        ops->added(entity, loaded);
    return entity;
}

/* Memory keeps the ENDED_KEPT latest entities that ended in this run; the store has all of them. */
static void note_ended(struct entity *entity)
{
    struct core *core = entity->core;

    if (!has_ended(entity) || list_linked(&entity->ended))
        return;
    list_append(&core->ended, &entity->ended);
    core->ended_count++;
    if (core->ended_count > ENDED_KEPT)
        registry_drop(list_entry(core->ended.next, struct entity, ended));
}

void registry_set(struct entity *entity, const void *row)
{
    struct registry *registry = &entity->core->of[entity->kind];
    const struct entity_ops *ops = &entity->core->ops[entity->kind];
    size_t size = entity_row(entity->kind)->record->size;
    union row *was = berth_new(union row);

    memcpy(was, entity_row_of(entity), size);
    remove_keys(registry, entity);
    memcpy(entity_row_of(entity), row, size);
    add_keys(registry, entity);
    if (ops->changed)
        ops->changed(entity, was);
    berth_wipe_free(was, sizeof(*was));
    note_ended(entity);
}

void registry_drop(struct entity *entity)
{
    struct core *core = entity->core;
    struct registry *registry = &core->of[entity->kind];

    remove_keys(registry, entity);
    (void)map_take_id(&registry->by_id, id_of(entity));
    list_remove(&entity->node);
    registry->count--;
    if (list_linked(&entity->ended)) {
        list_remove(&entity->ended);
        core->ended_count--;
    }
    entity->dropped = true;
    if (core->ops[entity->kind].dropped)
        core->ops[entity->kind].dropped(entity);
    if (!entity->pins)
        deferred_add(core->timers, &entity->reap, reap);
}

/* ---- all of them ---- */

void registries_init(struct core *core)
{
    list_init(&core->ended);
    for (int kind = 0; kind < ENTITY_KINDS; kind++) {
        struct registry *registry = &core->of[kind];

        list_init(&registry->all);
        map_init(&registry->by_id, random_map_key(core->random));
        map_init(&registry->by_name, random_map_key(core->random));
    }
    core->indexes = indexes_new(core->random);
}

void registries_clear(struct core *core)
{
    for (int kind = 0; kind < ENTITY_KINDS; kind++) {
        list_each (&core->of[kind].all, node) {
            if (core->ops[kind].dropped)
                core->ops[kind].dropped(entity_of(node));
        }
    }
    for (int kind = 0; kind < ENTITY_KINDS; kind++) {
        list_each (&core->of[kind].all, node)
            entity_free(entity_of(node));
        map_clear(&core->of[kind].by_id);
        map_clear(&core->of[kind].by_name);
    }
    indexes_free(core->indexes);
}

uint64_t core_next_id(struct core *core)
{
    return ++core->last_id;
}

struct entity *core_find(struct core *core, enum entity_kind kind, uint64_t id)
{
    return id ? map_get_id(&core->of[kind].by_id, id) : NULL;
}

struct entity *core_find_name(struct core *core, enum entity_kind kind, const char *name)
{
    return *name ? map_get_text(&core->of[kind].by_name, name) : NULL;
}
