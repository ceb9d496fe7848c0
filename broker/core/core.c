/* core.c - registries, applying decisions, notices, pins, and freeing entities. */
#include "core/core.h"

#include <string.h>

#include "core/entity_ops.h"
#include "core/grace.h"
#include "core/history_lines.h"
#include "core/index.h"
#include "core/presence.h"

static const struct core_limits default_limits = {
    .grant_ms = 30000,
    .renew_ms = 10000,
    .suspect_ms = 15000,
    .link_grace_ms = 5000,
    .resume_ms = 60000,
    .handshake_us = 1800, /* full mutual TLS 1.3 with P-256, measured */
    .link_threads = 1,
};

static void stalled(void *context, int64_t by_ms)
{
    const struct core *core = context;

    history_write(core->history, core_us(core), HISTORY_clock, clock, .stall_ms = by_ms);
}

struct core *core_new(struct berth_timers *timers, struct berth_random *random)
{
    struct core *core = berth_new(struct core);

    core->timers = timers;
    timers->stalled = stalled;
    timers->stalled_context = core;
    core->random = random;
    list_init(&core->listeners);
    list_init(&core->ended);
    for (int kind = 0; kind < ENTITY_KINDS; kind++) {
        struct registry *registry = &core->of[kind];

        list_init(&registry->all);
        map_init(&registry->by_id, random_map_key(random));
        map_init(&registry->by_name, random_map_key(random));
    }
    core->limits = default_limits;
    core->indexes = indexes_new(random);
    core->presence = presence_table_new(core);
    core->grace = grace_table_new(random_map_key(random));
    return core;
}

/* ---- one entity ---- */

static const char *name_of(const struct entity *entity)
{
    const struct field *field = record_field(entity_row(entity->kind)->record, "name");

    return field ? (const char *)entity_row_of_const(entity) + field->offset : NULL;
}

void *entity_row_of(struct entity *entity)
{
    return (char *)entity + entity_ops(entity->kind)->row_offset;
}

const void *entity_row_of_const(const struct entity *entity)
{
    return (const char *)entity + entity_ops(entity->kind)->row_offset;
}

static uint64_t id_of(const struct entity *entity)
{
    uint64_t id;

    memcpy(&id, entity_row_of_const(entity), sizeof(id)); /* every row begins with it */
    return id;
}

static void entity_free(struct entity *entity)
{
    const struct entity_ops *kind = entity_ops(entity->kind);

    if (kind->freed)
        kind->freed(entity);
    /* Rows of users and administrators hold password hashes. */
    berth_wipe_free(entity, kind->size);
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

/* Registries are in order of id. New entities have the highest id, so this walks one step. */
static void put_in_order(struct registry *registry, struct entity *entity)
{
    struct list *after = registry->all.prev;

    while (after != &registry->all && id_of(entity_of(after)) > id_of(entity))
        after = after->prev;
    list_prepend(after, &entity->node);
}

static struct entity *entity_make(struct core *core, enum entity_kind kind, const void *row)
{
    struct entity *entity = berth_alloc(entity_ops(kind)->size);
    struct registry *registry = &core->of[kind];
    const char *name;

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
    name = name_of(entity);
    if (name)
        map_put_text(&registry->by_name, name, entity);
    registry->count++;
    index_add(core, entity);
    if (id_of(entity) > core->last_id)
        core->last_id = id_of(entity);
    return entity;
}

static void remove_name(struct registry *registry, struct entity *entity)
{
    const char *name = name_of(entity);

    if (name && map_get_text(&registry->by_name, name) == entity)
        (void)map_take_text(&registry->by_name, name);
}

static void entity_set(struct entity *entity, const void *row)
{
    struct registry *registry = &entity->core->of[entity->kind];
    const struct entity_ops *kind = entity_ops(entity->kind);
    size_t size = entity_row(entity->kind)->record->size;
    union row *was = berth_new(union row);
    const char *name;

    memcpy(was, entity_row_of(entity), size);
    remove_name(registry, entity);
    index_remove(entity->core, entity);
    memcpy(entity_row_of(entity), row, size);
    name = name_of(entity);
    if (name)
        map_put_text(&registry->by_name, name, entity);
    index_add(entity->core, entity);
    if (kind->changed)
        kind->changed(entity, was);
    berth_wipe_free(was, sizeof(*was));
}

static void entity_drop(struct entity *entity)
{
    struct registry *registry = &entity->core->of[entity->kind];
    const struct entity_ops *kind = entity_ops(entity->kind);

    remove_name(registry, entity);
    index_remove(entity->core, entity);
    (void)map_take_id(&registry->by_id, id_of(entity));
    list_remove(&entity->node);
    registry->count--;
    if (list_linked(&entity->ended)) {
        list_remove(&entity->ended);
        entity->core->ended_count--;
    }
    entity->dropped = true;
    if (kind->dropped)
        kind->dropped(entity);
    if (!entity->pins)
        deferred_add(entity->core->timers, &entity->reap, reap);
}

/* ---- history ---- */

bool core_keeps_history(enum entity_kind kind)
{
    return entity_ops(kind)->has_ended != NULL;
}

bool core_has_ended(enum entity_kind kind, const void *row)
{
    return core_keeps_history(kind) && entity_ops(kind)->has_ended(row);
}

/* Memory keeps the ENDED_KEPT latest entities that ended in this run; the store has all of them. */
static void note_ended(struct entity *entity)
{
    struct core *core = entity->core;

    if (!core_has_ended(entity->kind, entity_row_of(entity)) || list_linked(&entity->ended))
        return;
    list_append(&core->ended, &entity->ended);
    core->ended_count++;
    if (core->ended_count > ENDED_KEPT)
        entity_drop(list_entry(core->ended.next, struct entity, ended));
}

/* ---- the core ---- */

void core_free(struct core *core)
{
    if (!core)
        return;
    core->timers->stalled = NULL;
    /* Frees the dropped entities that wait for the end of the turn. */
    deferred_run(core->timers);
    for (int kind = 0; kind < ENTITY_KINDS; kind++) {
        list_each (&core->of[kind].all, node) {
            struct entity *entity = entity_of(node);

            if (entity_ops(entity->kind)->dropped)
                entity_ops(entity->kind)->dropped(entity);
        }
    }
    for (int kind = 0; kind < ENTITY_KINDS; kind++) {
        list_each (&core->of[kind].all, node)
            entity_free(entity_of(node));
        map_clear(&core->of[kind].by_id);
        map_clear(&core->of[kind].by_name);
    }
    indexes_free(core->indexes);
    presence_table_free(core->presence);
    grace_table_free(core->grace);
    free(core);
}

uint64_t core_next_id(struct core *core)
{
    return ++core->last_id;
}

void core_load_begin(struct core *core, int64_t incarnation)
{
    int64_t recovery_ms = core->recovery_until_ms - core->timers->mono_ms;

    core->incarnation = incarnation;
    history_write(core->history, core_us(core), HISTORY_broker, broker,
                  .event = history_broker_event_STARTED, .incarnation = incarnation,
                  .recovery_ms = recovery_ms > 0 ? recovery_ms : 0);
}

void core_load_end(struct core *core)
{
    history_write(core->history, core_us(core), HISTORY_broker, broker,
                  .event = history_broker_event_LOADED, .incarnation = core->incarnation);
}

int core_load(struct core *core, enum entity_kind kind, const void *row, struct berth_error *reterr)
{
    struct entity *entity;
    uint64_t id;

    memcpy(&id, row, sizeof(id));
    if (!id)
        return berth_fail(reterr, BERTH_E_STORE, "a row of '%s' has no id",
                          entity_row(kind)->table);
    if (core_find(core, kind, id))
        return berth_fail(reterr, BERTH_E_STORE, "'%s' has two rows with id %llu",
                          entity_row(kind)->table, (unsigned long long)id);
    core_note_loaded(core, kind, row);
    if (core_has_ended(kind, row)) {
        if (id > core->last_id)
            core->last_id = id;
        return 0;
    }
    entity = entity_make(core, kind, row);
    if (entity_ops(kind)->added)
        entity_ops(kind)->added(entity, true);
    core->loaded++;
    return 0;
}

static void apply_one(struct core *core, struct change *change)
{
    struct entity *entity = core_find(core, change->kind, change->row.id);

    switch (change->verb) {
    case CHANGE_ADD:
        if (entity) /* the store refuses a second row with the same id */
            abort();
        entity = entity_make(core, change->kind, &change->row);
        if (entity_ops(change->kind)->added)
            entity_ops(change->kind)->added(entity, false);
        return;
    case CHANGE_SET:
        if (entity) {
            entity_set(entity, &change->row);
            note_ended(entity);
        }
        return;
    case CHANGE_DROP:
        change->gone = entity;
        if (entity)
            entity_drop(entity);
        return;
    }
}

void core_apply(struct core *core, struct changes *changes)
{
    if (changes->rev > core->rev)
        core->rev = changes->rev;
    if (changes->repeated) {
        changes_free(changes);
        return;
    }
    for (size_t i = 0; i < changes->count; i++)
        apply_one(core, changes->at[i]);
    core_note_changes(core, changes);
    /* After all rows: a listener must see the whole decision. */
    for (size_t i = 0; i < changes->count; i++) {
        const struct notice notice = { .kind = NOTICE_CHANGED,
                                       .entity = changes->at[i]->kind,
                                       .id = changes->at[i]->row.id,
                                       .verb = changes->at[i]->verb,
                                       .gone = changes->at[i]->gone,
                                       .rev = changes->rev };

        core_notify(core, &notice);
    }
    changes_free(changes);
}

struct entity *core_find(struct core *core, enum entity_kind kind, uint64_t id)
{
    return id ? map_get_id(&core->of[kind].by_id, id) : NULL;
}

struct entity *core_find_name(struct core *core, enum entity_kind kind, const char *name)
{
    return *name ? map_get_text(&core->of[kind].by_name, name) : NULL;
}

void core_listen(struct core *core, struct notice_listener *listener)
{
    list_append(&core->listeners, &listener->node);
}

void core_notify(struct core *core, const struct notice *notice)
{
    list_each (&core->listeners, node) {
        struct notice_listener *listener = list_entry(node, struct notice_listener, node);

        listener->notify(listener, notice);
    }
}
