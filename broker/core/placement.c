/* placement.c - choosing desktops and hosts, and the class of each desktop. */
#include "core/placement.h"

#include <stdio.h>
#include <string.h>

#include "core/index.h"
#include "core/reference.h"

bool placement_host_serves(const struct host *host)
{
    return host->state == host_UP && host->row.mode == host_mode_ACTIVE;
}

void placement_host_text(const struct host *host, char *ret, size_t size)
{
    if (host->state != host_UP)
        berth_text(ret, size, "host '%s' is %s: %s", host->row.name, host_state_names[host->state],
                   host->reason[0] ? host->reason : "it has not answered since the broker started");
    else if (host->row.mode == host_mode_MAINTENANCE)
        (void)snprintf(ret, size, "host '%s' is in maintenance", host->row.name);
    else if (host->row.mode == host_mode_DRAIN)
        (void)snprintf(ret, size, "host '%s' is drained and takes no new sessions", host->row.name);
    else
        (void)snprintf(ret, size, "host '%s' is up", host->row.name);
}

bool placement_host_may_start(const struct host *host)
{
    return host->state == host_UP && host->row.mode != host_mode_MAINTENANCE &&
           (host->row.max_starting == 0 || host->starting < host->row.max_starting);
}

bool placement_is_free(const struct desktop *desktop)
{
    return !desktop->reserved &&
           !index_first(desktop->base.core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id);
}

bool placement_must_refresh(const struct desktop *desktop)
{
    const struct pool *pool = pool_find(desktop->base.core, desktop->row.pool_id);

    return desktop->row.dirty && pool && pool->row.kind != pool_kind_MANUAL &&
           (desktop->row.refresh_due || pool->row.release != pool_release_KEEP);
}

bool placement_note_use(const struct desktop *desktop, struct row_desktop *row)
{
    const struct pool *pool = pool_find(desktop->base.core, desktop->row.pool_id);

    row->dirty = true;
    row->refresh_due |= pool && pool->row.release != pool_release_KEEP;
    return row->dirty != desktop->row.dirty || row->refresh_due != desktop->row.refresh_due;
}

static bool reject(char *why, size_t size, const char *sentence)
{
    berth_text(why, size, "%s", sentence);
    return false;
}

/* May another user get it, as far as its owner and its last use are concerned? why: the reason if
 * not. */
static bool is_available(const struct desktop *desktop, char *why, size_t size)
{
    struct core *core = desktop->base.core;
    struct entity *entity = index_first(core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id);

    if (entity) {
        const struct user *user =
            user_find(core, container_of(entity, struct assignment, base)->row.user_id);

        berth_text(why, size, "it belongs to %s", user ? user->row.name : "another user");
        return false;
    }
    if (desktop->reserved)
        return reject(why, size, "it is reserved for another user at this moment");
    if (placement_must_refresh(desktop))
        return reject(why, size, "it was used and its disk is not refreshed yet");
    return true;
}

bool placement_fits(const struct desktop *desktop, char *why, size_t size)
{
    const struct host *host = host_find(desktop->base.core, desktop->row.host_id);

    if (desktop->row.quarantined)
        return reject(why, size, "it is in quarantine");
    if (desktop->row.delete_pending)
        return reject(why, size, "it is to be deleted");
    if (!is_available(desktop, why, size))
        return false;
    if (desktop->row.host_id && !host)
        return reject(why, size, "its host is gone");
    if (host && !placement_host_serves(host)) {
        char text[HOST_TEXT];

        placement_host_text(host, text, sizeof(text));
        berth_text(why, size, "its %s", text);
        return false;
    }
    if (desktop->power)
        return reject(why, size, "its machine is being worked on");
    if (desktop->state != desktop_READY) {
        (void)snprintf(why, size, "it is %s", desktop_state_names[desktop->state]);
        return false;
    }
    (void)snprintf(why, size, "it is a spare");
    return true;
}

static bool is_current(struct core *core, const struct pool *pool, const struct desktop *desktop)
{
    const struct image *image = image_find(core, pool->row.image_id);

    return !image || image->row.current_id == desktop->row.image_version_id;
}

/* A desktop of the class SPARE whose host serves now. */
static bool can_be_given(const struct desktop *desktop)
{
    const struct host *host = host_find(desktop->base.core, desktop->row.host_id);

    return !desktop->row.host_id || (host && placement_host_serves(host));
}

struct desktop *placement_best(struct core *core, struct pool *pool)
{
    struct desktop *older = NULL;

    /* In the order in which they became ready: the first has had the most time to warm up. One of
     * an older image only when there is no other. */
    list_each (placement_list(pool, CLASS_SPARE), node) {
        struct desktop *desktop = placement_at(node);

        if (!can_be_given(desktop))
            continue;
        if (is_current(core, pool, desktop))
            return desktop;
        if (!older)
            older = desktop;
    }
    return older;
}

/* ---- lists ---- */

static enum desktop_class class_of(const struct desktop *desktop)
{
    bool free = placement_is_free(desktop);

    /* Also in quarantine: it was decided to delete it. When the broker decided so for a recompose,
     * it does not delete what an administrator keeps in quarantine. */
    if (free && desktop->row.delete_pending &&
        !(desktop->row.delete_for_recompose && desktop->row.quarantined_by_admin))
        return CLASS_DELETE_PENDING;
    if (desktop->row.quarantined || desktop->state == desktop_QUARANTINED)
        return CLASS_QUARANTINED;
    if (!free)
        return CLASS_USED;
    if (placement_must_refresh(desktop))
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

void placement_unclassify(struct desktop *desktop)
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

void placement_reclassify(struct desktop *desktop)
{
    struct pool *pool = pool_find(desktop->base.core, desktop->row.pool_id);
    enum desktop_class class = class_of(desktop);
    bool ready = desktop->state == desktop_READY;
    struct host *host;

    if (!pool || desktop->base.dropped)
        return;
    if (desktop->classified && desktop->class == class && desktop->counted_ready == ready)
        return;
    placement_unclassify(desktop);
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

static bool all_hosts_serve(struct core *core)
{
    list_each (core_all(core, ENTITY_host), node) {
        struct entity *entity = entity_of(node);

        if (!placement_host_serves(container_of(entity, struct host, base)))
            return false;
    }
    return true;
}

static int count_given(const struct pool *pool)
{
    int count = 0;

    list_each (&pool->by_class[CLASS_SPARE], node)
        if (can_be_given(placement_at(node)))
            count++;
    return count;
}

void placement_count(struct core *core, const struct pool *pool, struct placement_count *ret)
{
    const int *of = pool->count_of;

    *ret = (struct placement_count){ .ready = pool->ready,
                                     .provisioning = pool->planning + of[CLASS_PROVISIONING] +
                                                     of[CLASS_REFRESH_PENDING],
                                     .quarantined = of[CLASS_QUARANTINED] };
    ret->total = pool->planning + of[CLASS_USED] + of[CLASS_SPARE] + of[CLASS_PROVISIONING] +
                 of[CLASS_IDLE] + of[CLASS_REFRESH_PENDING] + of[CLASS_LOST];
    ret->spare = of[CLASS_SPARE];
    if (!all_hosts_serve(core))
        ret->spare = count_given(pool);
    list_each (&pool->waiting, waiting)
        ret->waiting++;
}

bool placement_host_is_of(const struct host *host, const struct pool *pool)
{
    return !pool->row.hosts[0] || reference_has(pool->row.hosts, host->row.id);
}

bool placement_hosts_are_full(struct core *core, const struct pool *pool)
{
    bool any = false;

    list_each (core_all(core, ENTITY_host), node) {
        const struct host *host = container_of(entity_of(node), struct host, base);

        if (!placement_host_is_of(host, pool) || !placement_host_serves(host))
            continue;
        any = true;
        if (host->row.max_desktops <= 0 ||
            (int64_t)index_count(core, DESKTOPS_OF_HOST, host->row.id) + host->planning <
                host->row.max_desktops)
            return false;
    }
    return any;
}

struct host *placement_host(struct core *core, const struct pool *pool, char *why, size_t size)
{
    struct host *best = NULL;
    int64_t best_score = 0;

    berth_text(why, size, "no host of pool '%s' is up and active", pool->row.name);
    list_each (core_all(core, ENTITY_host), node) {
        struct entity *entity = entity_of(node);
        struct host *host = container_of(entity, struct host, base);
        int64_t holds = (int64_t)index_count(core, DESKTOPS_OF_HOST, host->row.id) + host->planning;
        int64_t score;

        if (!placement_host_is_of(host, pool) || !placement_host_serves(host))
            continue;
        if (host->row.max_desktops > 0 && holds >= host->row.max_desktops) {
            berth_text(why, size, "host '%s' holds %lld of %lld machines (max_desktops)",
                       host->row.name, (long long)holds, (long long)host->row.max_desktops);
            continue;
        }
        if (!placement_host_may_start(host) ||
            (host->row.max_starting > 0 &&
             host->starting + host->planning >= host->row.max_starting)) {
            berth_text(why, size, "host '%s' is starting %d machines already", host->row.name,
                       host->starting + host->planning);
            continue;
        }
        /* The lowest load for its weight; the first of equal hosts. */
        score = ((int64_t)host->ready + host->starting + host->planning) * 1000 /
                (host->row.weight > 0 ? host->row.weight : 1);
        if (!best || score < best_score) {
            best = host;
            best_score = score;
        }
    }
    return best;
}

struct desktop *placement_idle(struct core *core, struct pool *pool)
{
    list_each (placement_list(pool, CLASS_IDLE), node) {
        struct desktop *desktop = placement_at(node);
        const struct host *host = host_find(core, desktop->row.host_id);

        if (desktop->not_before_ms > core->timers->mono_ms)
            continue;
        if (desktop->row.host_id &&
            (!host || !placement_host_serves(host) || !placement_host_may_start(host)))
            continue;
        return desktop;
    }
    return NULL;
}

int64_t placement_estimate_ms(struct core *core, const struct pool *pool, int place)
{
    struct placement_count count;

    placement_count(core, pool, &count);
    /* For a place within what is on its way up: the time of one start, as it was lately. Beyond
     * that it depends on when users leave, which is not known. */
    if (pool->backoff_until_ms || place > count.spare + count.provisioning)
        return 0;
    return pool->ready_ms_estimate;
}
