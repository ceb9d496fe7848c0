/* desktop_class.c - deriving the class of a desktop from its row, its state and who holds it. */
#include "core/desktop_class.h"

#include "core/hooks.h"
#include "core/host.h"
#include "core/index.h"

bool desktop_is_free(const struct desktop *desktop)
{
    return !desktop->reserved &&
           !index_first(desktop->base.core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id);
}

bool desktop_must_refresh(const struct desktop *desktop)
{
    const struct pool *pool = pool_find(desktop->base.core, desktop->row.pool_id);

    return desktop->row.dirty && pool && pool->row.kind != pool_kind_MANUAL &&
           (desktop->row.refresh_due || pool->row.release != pool_release_KEEP);
}

bool desktop_note_use(const struct desktop *desktop, struct row_desktop *row)
{
    const struct pool *pool = pool_find(desktop->base.core, desktop->row.pool_id);

    row->dirty = true;
    row->refresh_due |= pool && pool->row.release != pool_release_KEEP;
    return row->dirty != desktop->row.dirty || row->refresh_due != desktop->row.refresh_due;
}

static enum desktop_class class_of(const struct desktop *desktop)
{
    bool free = desktop_is_free(desktop);

    /* Also in quarantine: it was decided to delete it. When the broker decided so for a recompose,
     * it does not delete what an administrator keeps in quarantine. */
    if (free && desktop->row.delete_pending &&
        !(desktop->row.delete_for_recompose && desktop->row.quarantined_by_admin))
        return CLASS_DELETE_PENDING;
    if (desktop->row.quarantined || desktop->state == desktop_QUARANTINED)
        return CLASS_QUARANTINED;
    if (!free)
        return CLASS_USED;
    if (desktop_must_refresh(desktop))
        return CLASS_REFRESH_PENDING;
    /* A power flow works on its machine, or is about to. */
    if (desktop->power || !list_empty(&desktop->requests))
        return CLASS_PROVISIONING;
    switch (desktop->state) {
    case desktop_READY:
        return CLASS_SPARE;
    case desktop_STARTING:
    case desktop_STOPPING:
        return CLASS_PROVISIONING;
    case desktop_OFF:
    case desktop_PLANNED:
        return CLASS_IDLE;
    case desktop_QUARANTINED:
    case desktop_LOST:
    case desktop_GONE:
    case desktop_NO_STATE:
    case desktop_STATES_END:
        break;
    }
    return CLASS_LOST;
}

void desktop_unclassify(struct desktop *desktop)
{
    struct pool *pool = pool_find(desktop->base.core, desktop->row.pool_id);
    struct host *host;

    if (!desktop->classified)
        return;
    list_remove(&desktop->in_class);
    desktop->classified = false;
    if (!pool)
        return;
    pool->count_of[desktop->class]--;
    if (!desktop->counted_ready)
        return;
    desktop->counted_ready = false;
    pool->ready--;
    host = host_find(desktop->base.core, desktop->row.host_id);
    if (host)
        host->ready--;
}

void desktop_reclassify(struct desktop *desktop)
{
    struct pool *pool = pool_find(desktop->base.core, desktop->row.pool_id);
    enum desktop_class class = class_of(desktop);
    bool ready = desktop->state == desktop_READY;
    struct host *host;

    if (!pool || desktop->base.dropped)
        return;
    if (desktop->classified && desktop->class == class && desktop->counted_ready == ready)
        return;
    desktop_unclassify(desktop);
    desktop->class = class;
    desktop->classified = true;
    desktop->counted_ready = ready;
    list_append(&pool->by_class[class], &desktop->in_class);
    pool->count_of[class]++;
    if (!ready)
        return;
    pool->ready++;
    host = host_find(desktop->base.core, desktop->row.host_id);
    if (host)
        host->ready++;
}

/* Whether a used desktop must be refreshed is a rule of its pool. */
void desktop_pool_changed(struct entity *entity, const union row *was)
{
    struct pool *pool = container_of(entity, struct pool, base);
    const struct row_pool *old = &was->pool;

    if (old->release == pool->row.release && old->kind == pool->row.kind)
        return;
    list_each (index_list(entity->core, DESKTOPS_OF_POOL, pool->row.id), node)
        desktop_reclassify(index_at(DESKTOPS_OF_POOL, node, desktop));
}
