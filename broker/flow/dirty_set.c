/* dirty_set.c - a map finds an id that is in the queue already. */
#include "flow/dirty_set.h"

struct dirty_id {
    struct list node;
    uint64_t id;
};

void dirty_set_init(struct dirty_set *set, struct berth_random *random)
{
    map_init(&set->ids, random_map_key(random));
    list_init(&set->queue);
}

void dirty_set_add(struct dirty_set *set, uint64_t id)
{
    struct dirty_id *dirty;

    if (map_get_id(&set->ids, id))
        return;
    dirty = berth_new(struct dirty_id);
    dirty->id = id;
    list_append(&set->queue, &dirty->node);
    map_put_id(&set->ids, id, dirty);
}

uint64_t dirty_set_next(struct dirty_set *set)
{
    struct list *node = list_shift(&set->queue);
    struct dirty_id *dirty;
    uint64_t id;

    if (!node)
        return 0;
    dirty = list_entry(node, struct dirty_id, node);
    id = dirty->id;
    (void)map_take_id(&set->ids, id);
    free(dirty);
    return id;
}

void dirty_set_clear(struct dirty_set *set)
{
    while (dirty_set_next(set))
        ;
    map_clear(&set->ids);
}
