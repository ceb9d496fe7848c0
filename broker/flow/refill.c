/* refill.c - work on unassigned desktops of a pool, and making new ones. */
#include "flow/refill.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/desktop_class.h"
#include "core/placement.h"
#include "flow/backoff.h"
#include "flow/decide.h"
#include "flow/plan.h"
#include "flow/pool_queue.h"
#include "flow/power.h"
#include "flow/recompose.h"
#include "flow/recompose_advance.h"

/* ---- work on unassigned desktops ---- */

/* Can something be done to its machine: is its host up, and no other work running? */
static bool can_work(struct context *context, struct pool *pool, const struct desktop *desktop)
{
    const struct host *host = host_find(context->core, desktop->row.host_id);
    int64_t left_ms = desktop->not_before_ms - context->timers->mono_ms;

    if (desktop->power || (desktop->row.host_id && (!host || host->state != host_UP)))
        return false;
    if (left_ms > 0)
        context_mark_pool_later(
            context, pool, left_ms); /* it failed lately; no other event would cause a new check */
    return left_ms <= 0;
}

static void refresh_and_delete(struct context *context, struct pool *pool)
{
    list_each (pool_list(pool, CLASS_DELETE_PENDING), delete_pending) {
        struct desktop *desktop = pool_entry(delete_pending);

        if (can_work(context, pool, desktop))
            machine_ensure(context, desktop, MACHINE_GONE);
    }
    list_each (pool_list(pool, CLASS_REFRESH_PENDING), stale) {
        struct desktop *desktop = pool_entry(stale);

        /* A machine that its host does not know any more has no disk to refresh: another desktop
         * replaces it. */
        if (can_work(context, pool, desktop))
            machine_ensure(context, desktop, desktop->defined ? MACHINE_REFRESH : MACHINE_GONE);
    }
}

static struct changes *delete_pending_changes(struct context *context, struct retried_write *write,
                                              berth_unused struct berth_error *reterr)
{
    struct desktop *desktop = desktop_find(context->core, write->id);
    struct changes *changes;
    struct row_desktop row;

    if (!desktop || desktop->row.delete_pending || !desktop_is_free(desktop))
        return NULL;
    row = desktop->row;
    row.delete_pending = true;
    (void)snprintf(row.reason, sizeof(row.reason), "its pool became smaller");
    changes = changes_new("broker", "broker", write->kind->action);
    changes_object(changes, "desktop %s", row.name);
    changes_set(changes, ENTITY_desktop, &row);
    return changes;
}

static const struct retried_write_kind delete_pending_kind = { .action = "desktop.delete_pending",
                                                               .build = delete_pending_changes };

/* The pool became smaller: delete unassigned desktops, one at a time, those that are off first. */
static void shrink_by_one(struct context *context, struct pool *pool)
{
    static const enum desktop_class order[] = { CLASS_IDLE, CLASS_SPARE };

    for (size_t i = 0; i < BERTH_COUNT(order); i++) {
        struct list *list = pool_list(pool, order[i]);
        struct retried_write *write;

        if (list_empty(list))
            continue;
        write = retried_write_new(pool_entry(list->next)->row.id, 0, "");
        write->kind = &delete_pending_kind;
        retried_write_start(context, write);
        return;
    }
}

/* ---- supply ---- */

/* Check the pool again when a desktop that failed lately may be tried again. */
static void schedule_retries(struct context *context, struct pool *pool)
{
    list_each (pool_list(pool, CLASS_IDLE), node) {
        const struct desktop *desktop = pool_entry(node);

        if (desktop->not_before_ms > context->timers->mono_ms)
            context_mark_pool_later(context, pool,
                                    desktop->not_before_ms - context->timers->mono_ms);
    }
}

static void supply(struct context *context, struct pool *pool)
{
    struct placement_count count;
    int missing;

    placement_count(context->core, pool, &count);
    missing = count.waiting + (int)pool->row.spare - count.spare - count.provisioning;
    if (count.total > pool->row.max && count.waiting == 0 && !context_recovering(context)) {
        shrink_by_one(context, pool);
        return;
    }
    for (; missing > 0; missing--) {
        struct desktop *idle = placement_idle(context->core, pool);

        if (idle) {
            machine_ensure(context, idle, MACHINE_UP);
            continue;
        }
        if (count.total >= pool->row.max ||
            !plan_desktop(context, pool, recompose_version_for_new(context->core, pool)))
            break;
        count.total++;
    }
    if (missing > 0)
        schedule_retries(context, pool);
}

/* The pool is in back-off: may waiting users get desktops of another version than the one that
 * failed? */
static bool may_supply_another(struct context *context, const struct pool *pool)
{
    return !list_empty(&pool->waiting) && pool->failed_version_id &&
           recompose_version_for_new(context->core, pool) != pool->failed_version_id;
}

static void refill(struct context *context, uint64_t pool_id)
{
    struct pool *pool = pool_find(context->core, pool_id);

    if (!pool || context->stopping)
        return;
    backoff_check(context, pool);
    pool_queue_serve(context, pool);
    if (!context_recovering(context))
        refresh_and_delete(context, pool);
    if (!backoff_active(context, pool)) {
        if (!context_recovering(context))
            recompose_advance(context, pool);
        supply(context, pool);
    } else if (may_supply_another(context, pool)) {
        supply(context, pool);
    }
    pool_queue_tell(context, pool);
}

static void refill_marked(struct berth_deferred *deferred)
{
    struct context *context = container_of(deferred, struct context, refill);
    uint64_t id;

    while ((id = dirty_set_next(&context->dirty_pools)) != 0)
        refill(context, id);
}

void pool_mark(struct context *context, uint64_t pool_id)
{
    if (!pool_id)
        return;
    dirty_set_add(&context->dirty_pools, pool_id);
    if (!list_linked(&context->refill.node))
        deferred_add(context->timers, &context->refill, refill_marked);
}

void pools_mark(struct context *context)
{
    list_each (core_all(context->core, ENTITY_pool), node)
        pool_mark(context, entity_at(node, pool)->row.id);
}
