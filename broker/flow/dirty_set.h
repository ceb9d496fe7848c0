/* dirty_set.h - ids of entities to be checked at the end of a turn, each once, in order.
 *
 * Module flow. Whoever marks an id also defers the check (deferred_add).
 */
#ifndef BERTH_FLOW_DIRTY_SET_H
#define BERTH_FLOW_DIRTY_SET_H

#include "berth/list.h"
#include "berth/map.h"
#include "berth/random.h"

struct dirty_set {
    struct map ids;    /* id -> struct dirty_id */
    struct list queue; /* of struct dirty_id */
};

/* An empty set; add an id that is not in it yet. */
void dirty_set_init(struct dirty_set *set, struct berth_random *random);
void dirty_set_add(struct dirty_set *set, uint64_t id);

/* Take the next id out of the set; 0: it is empty. */
uint64_t dirty_set_next(struct dirty_set *set);

/* Empty it, and free its memory. */
void dirty_set_clear(struct dirty_set *set);

#endif
