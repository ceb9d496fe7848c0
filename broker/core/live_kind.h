/* live_kind.h - what core.c must know of each entity's struct in live.h.
 *
 * Room core, inner header. A kind that has something beside its row gives hooks.
 */
#ifndef BERTH_CORE_LIVE_KIND_H
#define BERTH_CORE_LIVE_KIND_H

#include "core/core.h"

struct live_kind {
    size_t size;
    size_t row_offset;
    /* Is it over, history only? NULL: rows of this kind live until they are dropped. */
    bool (*is_over)(const union row *row);
    /* The row is in place and indexed. loaded: it comes from the store at start, else a decision
     * just made it. */
    void (*made)(struct entity *entity, bool loaded);
    /* The row was replaced; `was` is the earlier one. */
    void (*changed)(struct entity *entity, const void *was);
    /* It leaves the registry: stop timers, leave lists. */
    void (*dropped)(struct entity *entity);
    /* Its memory goes. */
    void (*freed)(struct entity *entity);
};

/* ENTITY_NONE < kind < ENTITY_KINDS; core/live.c. */
const struct live_kind *live_kind(enum entity_kind kind);

#endif
