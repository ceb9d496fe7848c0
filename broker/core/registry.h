/* registry.h - entities by kind, id and name: adding, changing and dropping them.
 *
 * Module core. It knows no kind of entity: sizes and hooks come from core->ops. An entity is freed
 * at the end of the turn in which it was dropped, unless it is pinned.
 */
#ifndef BERTH_CORE_REGISTRY_H
#define BERTH_CORE_REGISTRY_H

#include "core/core.h"
#include "core/index.h"

/* Sessions, connections, assignments and commands that have ended and are still in memory, in
 * all. */
#define ENDED_KEPT 4096

/* NULL when absent (or dropped). */
struct entity *core_find(struct core *core, enum entity_kind kind, uint64_t id);
struct entity *core_find_name(struct core *core, enum entity_kind kind, const char *name);

/* A new id, unique over all entities. It is durable once a row with it is. */
uint64_t core_next_id(struct core *core);

/* All entities of a kind:
 *
 *   list_each (core_all(core, ENTITY_pool), node)
 *       pool = entity_at(node, pool);
 */
static inline struct list *core_all(struct core *core, enum entity_kind kind)
{
    return &core->of[kind].all;
}

#define entity_of(node_) list_entry((node_), struct entity, node)
#define entity_at(node_, kind) container_of(entity_of(node_), struct kind, base)

/* Has a row of this kind ended? */
bool entity_row_has_ended(const struct entity_ops *ops, const void *row);

/* How many rows of `kind` that have not ended hold `id` at this offset; for checks that are rare.
 * ret_first: set to the first of them, unless it is set already; may be NULL. */
size_t core_count_references(struct core *core, enum entity_kind kind, size_t offset, uint64_t id,
                             struct entity **ret_first);

/* Drop the rows of all entities in the index `by` that refer to `id`. */
void changes_drop_all(struct changes *changes, struct core *core, enum index_by by, uint64_t id);

/* The row of an entity, of its kind's struct. */
void *entity_row_of(struct entity *entity);
const void *entity_row_of_const(const struct entity *entity);

/* The name in its row; NULL for a kind without one. */
const char *entity_name(const struct entity *entity);

/* A pinned entity stays in memory, also when dropped. */
void entity_pin(struct entity *entity);
void entity_unpin(struct entity *entity);

/* For the functions that change a decided state. entity_change: the row to change, which is the one
 * that `changes` contain already, or a copy of the present one. entity_refuse: fails with STATE,
 * "the session is ended and cannot become active". */
void *entity_change(struct entity *entity, struct changes *changes);
int entity_refuse(const char *what, const char *from, const char *to, struct berth_error *reterr);

/* name_find(core, id): the entity with this id, or NULL when absent. For the header of each noun. */
#define DEFINE_FIND(name)                                                  \
    static inline struct name *name##_find(struct core *core, uint64_t id) \
    {                                                                      \
        struct entity *entity = core_find(core, ENTITY_##name, id);        \
        return entity ? container_of(entity, struct name, base) : NULL;    \
    }

/* name_by_name(core, text): the same by its name. */
#define DEFINE_FIND_NAME(kind)                                                     \
    static inline struct kind *kind##_by_name(struct core *core, const char *name) \
    {                                                                              \
        struct entity *entity = core_find_name(core, ENTITY_##kind, name);         \
        return entity ? container_of(entity, struct kind, base) : NULL;            \
    }

/* name(core, text): the one of this kind with this text in an index of indexes.def, or NULL. */
#define DEFINE_FIND_TEXT(kind, name, by)                                 \
    static inline struct kind *name(struct core *core, const char *text) \
    {                                                                    \
        struct entity *entity = index_find_text(core, by, text);         \
        return entity ? container_of(entity, struct kind, base) : NULL;  \
    }

/* A kind that has nothing beside its row. */
#define DEFINE_ENTITY(name)    \
    struct name {              \
        struct entity base;    \
        struct row_##name row; \
    };                         \
    DEFINE_FIND(name)

/* An entity, or NULL, as the struct of its kind. */
#define ENTITY_AS(name, entity) ((entity) ? container_of((entity), struct name, base) : NULL)

/* For core.c only. registries_init: no entities yet; core->ops, timers and random are set.
 * registries_clear: frees all entities and indexes. */
void registries_init(struct core *core);
void registries_clear(struct core *core);
struct entity *registry_add(struct core *core, enum entity_kind kind, const void *row, bool loaded);
void registry_set(struct entity *entity, const void *row);
void registry_drop(struct entity *entity);

#endif
