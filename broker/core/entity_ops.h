/* entity_ops.h - what core.c must know of each entity's struct in runtime.h.
 *
 * Module core, inner header. A kind that has something beside its row gives hooks.
 */
#ifndef BERTH_CORE_ENTITY_OPS_H
#define BERTH_CORE_ENTITY_OPS_H

#include "core/core.h"

struct entity_ops {
    size_t size;
    size_t row_offset;
    /* Is it over, history only? NULL: rows of this kind live until they are dropped. */
    bool (*has_ended)(const union row *row);
    /* The row is in place and indexed. loaded: it comes from the store at start, else a decision
     * just made it. */
    void (*added)(struct entity *entity, bool loaded);
    /* The row was replaced; `was` is the earlier one. */
    void (*changed)(struct entity *entity, const void *was);
    /* It leaves the registry: stop timers, leave lists. */
    void (*dropped)(struct entity *entity);
    /* Its memory goes. */
    void (*freed)(struct entity *entity);
};

/* ENTITY_NONE < kind < ENTITY_KINDS; core/runtime.c. */
const struct entity_ops *entity_ops(enum entity_kind kind);

#endif
