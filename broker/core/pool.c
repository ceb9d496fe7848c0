/* pool.c - finding pools; their start and end. */
#include "core/pool.h"

#include "core/hooks.h"

void pool_added(struct entity *entity, berth_unused bool loaded)
{
    struct pool *pool = container_of(entity, struct pool, base);

    list_init(&pool->waiting);
    for (int class = 0; class < DESKTOP_CLASSES; class ++)
        list_init(&pool->by_class[class]);
}

void pool_dropped(struct entity *entity)
{
    struct pool *pool = container_of(entity, struct pool, base);

    timer_stop(entity->core->timers, &pool->retry);
}
