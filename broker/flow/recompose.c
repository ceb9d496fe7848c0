/* recompose.c - progress of a recompose, its end, and the version for each disk. */
#include "flow/recompose.h"

#include <stdio.h>
#include <string.h>

#include "core/desktop_class.h"
#include "core/index.h"
#include "core/placement.h"
#include "flow/decide.h"
#include "flow/machine_work.h"
#include "flow/recompose_progress.h"

static struct desktop *desktop_at(struct list *node)
{
    return index_at(DESKTOPS_OF_POOL, node, desktop);
}

/* ---- progress ---- */

uint64_t recompose_wanted(struct core *core, const struct pool *pool)
{
    const struct image *image = image_find(core, pool->row.image_id);

    return image && pool->row.recompose_version_id == image->row.current_id
               ? pool->row.recompose_version_id
               : 0;
}

static void count_new(struct core *core, struct recompose_progress *ret, struct desktop *desktop)
{
    const struct host *host = host_find(core, desktop->row.host_id);

    if (desktop->state == desktop_READY) {
        ret->new_ready++;
        return;
    }
    if (!host || host->state != host_UP || desktop->class == CLASS_USED)
        return; /* it cannot prove the version soon */
    ret->new_others++;
    if (desktop->class == CLASS_IDLE)
        ret->new_idle = desktop;
}

static void count_old(struct recompose_progress *ret, struct desktop *desktop)
{
    ret->old++;
    ret->used += desktop->class == CLASS_USED;
    /* Those that are off are replaced before those that are up. */
    if (desktop->class == CLASS_IDLE && (!ret->next || ret->next->class != CLASS_IDLE))
        ret->next = desktop;
    if (desktop->class == CLASS_SPARE && !ret->next)
        ret->next = desktop;
}

void recompose_count_progress(struct core *core, const struct pool *pool, uint64_t version_id,
                              struct recompose_progress *ret)
{
    *ret = (struct recompose_progress){ 0 };
    list_each (index_list(core, DESKTOPS_OF_POOL, pool->row.id), node) {
        struct desktop *desktop = desktop_at(node);

        if (desktop->row.delete_pending || desktop->class == CLASS_QUARANTINED)
            continue;
        if (desktop->row.image_version_id == version_id)
            count_new(core, ret, desktop);
        else
            count_old(ret, desktop);
    }
}

int recompose_count(struct core *core, const struct pool *pool, int *ret_used)
{
    const struct image *image = image_find(core, pool->row.image_id);
    struct recompose_progress progress;

    recompose_count_progress(core, pool, image ? image->row.current_id : 0, &progress);
    *ret_used = progress.used;
    return progress.old;
}

bool recompose_is_proven(struct core *core, const struct pool *pool, uint64_t version_id)
{
    struct recompose_progress progress;

    recompose_count_progress(core, pool, version_id, &progress);
    return progress.new_ready > 0;
}

/* ---- the version for a refresh ---- */

void recompose_proved(struct core *core, struct pool *pool, const struct desktop *desktop)
{
    const struct image *image = image_find(core, pool->row.image_id);

    if (image && image->row.current_id == desktop->row.image_version_id)
        pool->proved_version_id = image->row.current_id;
}

/* Is the desktop to prove the version, or has it failed to? It cannot soon when its host is away or
 * drained, when its machine is gone, or when it is off until its own user wants it. */
static bool is_proving(struct core *core, const struct desktop *desktop, uint64_t version_id)
{
    const struct host *host = host_find(core, desktop->row.host_id);

    if (desktop->row.delete_pending || desktop->row.quarantined_by_admin)
        return false;
    if (desktop->row.image_version_id != version_id && machine_refreshes_to(desktop) != version_id)
        return false;
    if (desktop->class == CLASS_USED && !desktop->power)
        return false;
    return desktop->row.quarantined ||
           (host && host_serves(host) && desktop->state != desktop_LOST);
}

static bool another_is_proving(struct core *core, const struct pool *pool,
                               const struct desktop *desktop, uint64_t version_id)
{
    list_each (index_list(core, DESKTOPS_OF_POOL, pool->row.id), node) {
        const struct desktop *other = desktop_at(node);

        if (other != desktop && is_proving(core, other, version_id))
            return true;
    }
    return false;
}

uint64_t recompose_version_for(struct core *core, const struct pool *pool,
                               const struct desktop *desktop)
{
    const struct image *image = image_find(core, pool->row.image_id);
    uint64_t current_id = image ? image->row.current_id : 0;
    uint64_t own_id = desktop->row.image_version_id;

    if (!current_id)
        return own_id;
    if (pool->row.kind != pool_kind_FLOATING || pool->proved_version_id == current_id ||
        !image_version_find(core, own_id) || recompose_is_proven(core, pool, current_id))
        return current_id;
    return another_is_proving(core, pool, desktop, current_id) ? own_id : current_id;
}

/* ---- the version for a new desktop ---- */

void recompose_image_changed(struct core *core, struct pool *pool)
{
    const struct image *image = image_find(core, pool->row.image_id);

    /* A rollback clears previous_id. */
    if (image && !image->row.previous_id && pool->proved_version_id != image->row.current_id)
        pool->proved_version_id = 0;
}

/* The version that a desktop of the pool came up with before the current one, or 0. */
static uint64_t proved_before(struct core *core, const struct pool *pool, const struct image *image)
{
    const struct image_version *version = image_version_find(core, pool->proved_version_id);

    if (version && version->row.image_id == image->row.id)
        return version->row.id;
    if (image->row.previous_id && recompose_is_proven(core, pool, image->row.previous_id))
        return image->row.previous_id;
    return 0;
}

/* Is a desktop on its way to prove the version? failed: also counts one that failed to and is in
 * quarantine. */
static bool one_is_proving(struct core *core, const struct pool *pool, uint64_t version_id,
                           bool failed)
{
    if (pool->planning_current > 0)
        return true;
    list_each (index_list(core, DESKTOPS_OF_POOL, pool->row.id), node) {
        const struct desktop *desktop = desktop_at(node);

        if (desktop->state == desktop_QUARANTINED && !failed)
            continue;
        if (is_proving(core, desktop, version_id))
            return true;
    }
    return false;
}

uint64_t recompose_version_for_new(struct core *core, const struct pool *pool)
{
    const struct image *image = image_find(core, pool->row.image_id);
    uint64_t current_id = image ? image->row.current_id : 0;
    uint64_t previous_id;

    if (!current_id || pool->proved_version_id == current_id ||
        recompose_is_proven(core, pool, current_id))
        return current_id;
    previous_id = proved_before(core, pool, image);
    if (previous_id && one_is_proving(core, pool, current_id, !list_empty(&pool->waiting)))
        return previous_id;
    return current_id;
}

/* ---- the end ---- */

static void set_ended(struct pool *pool, const char *why, struct changes *changes)
{
    struct row_pool *row = changes_set(changes, ENTITY_pool, &pool->row);

    row->recompose_version_id = 0;
    berth_text(row->recompose_reason, sizeof(row->recompose_reason), "%s", why);
}

struct recompose_over {
    struct retried_write write; /* id: the pool */
    uint64_t version_id;
};

static struct changes *over_changes(struct context *context, struct retried_write *write,
                                    struct berth_error *reterr);
static const struct retried_write_kind done_kind = { .action = "pool.recompose.done",
                                                     .build = over_changes };
static const struct retried_write_kind stop_kind = { .action = "pool.recompose.stop",
                                                     .build = over_changes };

static struct changes *over_changes(struct context *context, struct retried_write *write,
                                    berth_unused struct berth_error *reterr)
{
    const struct recompose_over *over = container_of(write, struct recompose_over, write);
    struct pool *pool = pool_find(context->core, write->id);
    struct changes *changes;

    if (!pool || pool->row.recompose_version_id != over->version_id)
        return NULL;
    changes = changes_new("broker", "broker", write->kind->action);
    changes_object(changes, "pool %s", pool->row.name);
    changes_detail(changes, "%s", write->why);
    /* When it is done, desktops still to be deleted are of an old version, and stay so. */
    if (write->kind == &stop_kind)
        recompose_end(pool, write->why, changes);
    else
        set_ended(pool, "", changes);
    return changes;
}

static void write_over(struct context *context, const struct pool *pool,
                       const struct retried_write_kind *kind, const char *why)
{
    struct recompose_over *over = berth_new(struct recompose_over);

    retried_write_init(&over->write, pool->row.id, 0, why);
    over->write.kind = kind;
    over->version_id = pool->row.recompose_version_id;
    retried_write_start(context, &over->write);
}

void recompose_finish(struct context *context, const struct pool *pool)
{
    write_over(context, pool, &done_kind,
               "every desktop that is not in quarantine is of the version");
}

static void stop(struct context *context, const struct pool *pool, const char *why)
{
    const struct image_version *version =
        image_version_find(context->core, pool->row.recompose_version_id);
    char text[300];

    berth_text(text, sizeof(text), "version %lld: %s",
               (long long)(version ? version->row.number : 0), why);
    write_over(context, pool, &stop_kind, text);
}

/* Its machine was not touched yet. One that the broker put into quarantine may have failed while it
 * was being deleted. */
static bool may_stay(const struct desktop *desktop)
{
    return desktop->row.delete_for_recompose && !desktop->power &&
           (!desktop->row.quarantined || desktop->row.quarantined_by_admin);
}

void recompose_end(struct pool *pool, const char *why, struct changes *changes)
{
    set_ended(pool, why, changes);
    list_each (index_list(pool->base.core, DESKTOPS_OF_POOL, pool->row.id), node) {
        const struct desktop *desktop = desktop_at(node);
        struct row_desktop *stays;

        if (!may_stay(desktop))
            continue;
        stays = changes_set(changes, ENTITY_desktop, &desktop->row);
        stays->delete_pending = false;
        stays->delete_for_recompose = false;
        if (!stays->quarantined)
            stays->reason[0] = '\0';
    }
}

void recompose_failed(struct context *context, struct pool *pool, uint64_t version_id, bool shared,
                      const char *why)
{
    if (!version_id || recompose_wanted(context->core, pool) != version_id)
        return;
    if (shared || !recompose_is_proven(context->core, pool, version_id))
        stop(context, pool, why);
}

/* ---- the progress as text ---- */

static bool has_host(struct core *core, const struct pool *pool)
{
    list_each (core_all(core, ENTITY_host), node) {
        const struct host *host = entity_at(node, host);

        if (placement_host_is_of(host, pool) && host_serves(host))
            return true;
    }
    return false;
}

/* Nothing is on its way, and nothing can be replaced now. */
static void waits_text(struct core *core, const struct pool *pool,
                       const struct recompose_progress *progress, char *ret, size_t size)
{
    if (!has_host(core, pool))
        berth_text(ret, size,
                   "waits for a host for its first desktop: no host of the pool is up; %d "
                   "others stay",
                   progress->old);
    else if (progress->used == progress->old)
        berth_text(ret, size, "waits for room for its first desktop: all %d others are in use",
                   progress->old);
    else
        berth_text(ret, size,
                   "waits for room for its first desktop: of %d others %d are in use, and the "
                   "rest cannot be replaced now",
                   progress->old, progress->used);
}

void recompose_text(struct core *core, const struct pool *pool, char *ret, size_t size)
{
    uint64_t version_id = recompose_wanted(core, pool);
    const struct image_version *version = image_version_find(core, version_id);
    struct recompose_progress progress;
    char waits[160];

    ret[0] = '\0';
    if (!version) {
        if (pool->row.recompose_reason[0])
            berth_text(ret, size, "stopped: %s", pool->row.recompose_reason);
        return;
    }
    recompose_count_progress(core, pool, version_id, &progress);
    if (progress.new_ready > 0)
        berth_text(ret, size, "version %lld: %d desktops are left to be replaced, %d in use",
                   (long long)version->row.number, progress.old, progress.used);
    else if (progress.new_others > 0 || pool->planning > 0 ||
             (progress.next && has_host(core, pool)))
        berth_text(ret, size,
                   "version %lld: waits for its first desktop to become ready; %d others stay "
                   "in service until then",
                   (long long)version->row.number, progress.old);
    else {
        waits_text(core, pool, &progress, waits, sizeof(waits));
        berth_text(ret, size, "version %lld: %s", (long long)version->row.number, waits);
    }
}
