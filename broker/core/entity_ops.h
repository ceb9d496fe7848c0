/* entity_ops.h - what core.c needs to know of each kind of entity: the size of its struct, and
 * hooks.
 *
 * Module core, inner header. Kinds that keep something beside their row set hooks; a NULL hook is
 * skipped.
 */
#ifndef BERTH_CORE_ENTITY_OPS_H
#define BERTH_CORE_ENTITY_OPS_H

#include "core/core.h"

struct entity_ops {
    size_t size;
    size_t row_offset;
    /* Has the row ended, so that it is history only? NULL: rows of this kind live until they are
     * dropped. */
    bool (*has_ended)(const union row *row);
    /* The row is in place and indexed. loaded: it was read from the store at start; else a decision
     * added it. */
    void (*added)(struct entity *entity, bool loaded);
    /* The row was replaced; `was` is the earlier one. */
    void (*changed)(struct entity *entity, const void *was);
    /* It leaves the registry: stop its timers, unlink it from lists. */
    void (*dropped)(struct entity *entity);
    /* It is about to be freed. */
    void (*freed)(struct entity *entity);
};

/* ENTITY_NONE < kind < ENTITY_KINDS; core/runtime.c. */
const struct entity_ops *entity_ops(enum entity_kind kind);

#endif
