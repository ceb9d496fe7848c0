/* placement.c - choosing desktops and hosts, and counting them. */
#include "core/placement.h"

#include <stdio.h>
#include <string.h>

#include "core/assignment.h"
#include "core/desktop_class.h"
#include "core/image.h"
#include "core/index.h"
#include "core/reference.h"
#include "core/user.h"

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
    if (desktop_must_refresh(desktop))
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
    if (host && !host_serves(host)) {
        char text[HOST_TEXT];

        host_text(host, text, sizeof(text));
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

    return !desktop->row.host_id || (host && host_serves(host));
}

struct desktop *placement_best(struct core *core, struct pool *pool)
{
    struct desktop *older = NULL;

    /* In the order in which they became ready: the first has had the most time to warm up. One of
     * an older image only when there is no other. */
    list_each (pool_list(pool, CLASS_SPARE), node) {
        struct desktop *desktop = pool_entry(node);

        if (!can_be_given(desktop))
            continue;
        if (is_current(core, pool, desktop))
            return desktop;
        if (!older)
            older = desktop;
    }
    return older;
}

/* ---- counts ---- */

static bool all_hosts_serve(struct core *core)
{
    list_each (core_all(core, ENTITY_host), node) {

        if (!host_serves(entity_at(node, host)))
            return false;
    }
    return true;
}

static int count_given(const struct pool *pool)
{
    int count = 0;

    list_each (&pool->by_class[CLASS_SPARE], node)
        if (can_be_given(pool_entry(node)))
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
        const struct host *host = entity_at(node, host);

        if (!placement_host_is_of(host, pool) || !host_serves(host))
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
        struct host *host = entity_at(node, host);
        int64_t holds = (int64_t)index_count(core, DESKTOPS_OF_HOST, host->row.id) + host->planning;
        int64_t score;

        if (!placement_host_is_of(host, pool) || !host_serves(host))
            continue;
        if (host->row.max_desktops > 0 && holds >= host->row.max_desktops) {
            berth_text(why, size, "host '%s' holds %lld of %lld machines (max_desktops)",
                       host->row.name, (long long)holds, (long long)host->row.max_desktops);
            continue;
        }
        if (!host_may_start(host) || (host->row.max_starting > 0 &&
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
    list_each (pool_list(pool, CLASS_IDLE), node) {
        struct desktop *desktop = pool_entry(node);
        const struct host *host = host_find(core, desktop->row.host_id);

        if (desktop->not_before_ms > core->timers->mono_ms)
            continue;
        if (desktop->row.host_id && (!host || !host_serves(host) || !host_may_start(host)))
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
