/* recompose_advance.c - proving the new version by one desktop, then replacing the others. */
#include "flow/recompose_advance.h"

#include <stdio.h>

#include "core/desktop_class.h"
#include "core/placement.h"
#include "flow/decide.h"
#include "flow/plan.h"
#include "flow/power.h"
#include "flow/recompose_progress.h"

/* ---- replacing one ---- */

static bool may_be_replaced(struct core *core, const struct pool *pool,
                            const struct desktop *desktop)
{
    uint64_t version_id = recompose_wanted(core, pool);

    return version_id && desktop->row.image_version_id != version_id &&
           !desktop->row.delete_pending &&
           (desktop->class == CLASS_IDLE || desktop->class == CLASS_SPARE);
}

static struct changes *delete_pending_changes(struct context *context, struct retried_write *write,
                                              berth_unused struct berth_error *reterr)
{
    struct desktop *desktop = desktop_find(context->core, write->id);
    const struct pool *pool = desktop ? pool_find(context->core, desktop->row.pool_id) : NULL;
    struct changes *changes;
    struct row_desktop *row;

    if (!pool || !may_be_replaced(context->core, pool, desktop))
        return NULL;
    changes = changes_new("broker", "broker", write->kind->action);
    changes_object(changes, "desktop %s", desktop->row.name);
    changes_detail(changes, "its pool is recomposed");
    row = changes_set(changes, ENTITY_desktop, &desktop->row);
    row->delete_pending = true;
    row->delete_for_recompose = true;
    (void)snprintf(row->reason, sizeof(row->reason), "its pool is recomposed");
    return changes;
}

static const struct retried_write_kind delete_pending_kind = { .action = "desktop.delete_pending",
                                                               .build = delete_pending_changes };

/* One at a time: until its deletion is written the same one is chosen. */
static void replace(struct context *context, struct pool *pool, const struct desktop *next)
{
    const struct desktop *going = desktop_find(context->core, pool->replacing_id);
    struct retried_write *write;

    if (!going || !may_be_replaced(context->core, pool, going))
        pool->replacing_id = next->row.id;
    write = retried_write_new(pool->replacing_id, 0, "");
    write->kind = &delete_pending_kind;
    retried_write_start(context, write);
}

/* ---- the first of the new version ---- */

static void prove(struct context *context, struct pool *pool,
                  const struct recompose_progress *progress)
{
    struct placement_count count;
    bool full;

    if (progress->new_idle) {
        int64_t left_ms = progress->new_idle->not_before_ms - context->timers->mono_ms;

        if (left_ms > 0)
            context_mark_pool_later(context, pool, left_ms);
        else
            machine_ensure(context, progress->new_idle, MACHINE_UP);
    }
    if (progress->new_others > 0 || pool->planning > 0)
        return;
    placement_count(context->core, pool, &count);
    full = count.total >= pool->row.max || placement_hosts_are_full(context->core, pool);
    if (!full)
        (void)plan_desktop(context, pool, recompose_wanted(context->core, pool));
    else if (progress->next && list_empty(pool_list(pool, CLASS_DELETE_PENDING)))
        replace(context, pool, progress->next);
}

/* ---- the others ---- */

/* How many may be replaced at the same time: most of the pool stays in service. */
static int batch_of(const struct placement_count *count)
{
    return 1 + count->total / 10;
}

static void replace_next(struct context *context, struct pool *pool,
                         const struct recompose_progress *progress)
{
    struct placement_count count;

    placement_count(context->core, pool, &count);
    if (progress->next &&
        count.provisioning + pool->count_of[CLASS_DELETE_PENDING] < batch_of(&count))
        replace(context, pool, progress->next); /* the change of its row causes the next check */
}

/* ---- the next thing to do ---- */

void recompose_advance(struct context *context, struct pool *pool)
{
    uint64_t version_id = recompose_wanted(context->core, pool);
    struct recompose_progress progress;

    if (!version_id)
        return;
    recompose_count_progress(context->core, pool, version_id, &progress);
    if (progress.old == 0)
        recompose_finish(context, pool);
    else if (progress.new_ready == 0)
        prove(context, pool, &progress);
    else
        replace_next(context, pool, &progress);
}
