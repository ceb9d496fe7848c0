/* entity.h - the head of every entity, and what the registry must know of its kind.
 *
 * Module core. An entity is a row of entities.def and what is observed or held beside it. The
 * structs are in the header of their noun: session.h, desktop.h, host.h ...
 */
#ifndef BERTH_CORE_ENTITY_H
#define BERTH_CORE_ENTITY_H

#include "berth/list.h"
#include "berth/timer.h"

#include "core/rows.h"

struct core;

#define ENTITY_LINKS 4 /* indexes that one kind may be in: core/indexes.def */

/* The first member, `base`, of every entity struct; `row`, of its kind, follows. */
struct entity {
    struct list node;                /* in the registry of its kind */
    struct list links[ENTITY_LINKS]; /* places in the indexes of core/index.h */
    struct list ended;               /* in core.ended, once its row has ended */
    enum entity_kind kind;
    struct core *core;
    bool dropped; /* removed from its registry; freed when it is not pinned */
    unsigned pins;
    struct berth_deferred reap;
};

/* One per kind, in the table of core.c. A NULL hook is skipped. */
struct entity_ops {
    size_t size;
    size_t row_offset;
    /* The row has ended, so that it is history only, when its state is this or a later one. 0: rows
     * of this kind live until they are dropped. */
    unsigned ended_from;
    size_t state_offset; /* in the row, an enum */
    /* The row is in place and indexed. loaded: it was read from the store at start; else a decision
     * added it. */
    void (*added)(struct entity *entity, bool loaded);
    /* The row was replaced; `was` is the earlier one. */
    void (*changed)(struct entity *entity, const union row *was);
    /* It leaves the registry: stop its timers, unlink it from lists. */
    void (*dropped)(struct entity *entity);
};

#endif
