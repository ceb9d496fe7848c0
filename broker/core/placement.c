/* placement.c - choosing desktops and hosts. */
#include "core/placement.h"

#include <stdio.h>
#include <string.h>

#include "core/policy.h"
#include "core/related.h"

bool placement_host_serves(const struct host *host)
{
    return host->state == host_UP && host->row.duty == host_duty_ACTIVE;
}

bool placement_host_may_start(const struct host *host)
{
    return host->state == host_UP && host->row.duty != host_duty_MAINTENANCE &&
           (host->row.max_starting == 0 || host->starting < host->row.max_starting);
}

bool placement_is_free(const struct desktop *desktop)
{
    return !desktop->reserved &&
           !related_first(desktop->base.core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id);
}

bool placement_must_refresh(const struct desktop *desktop)
{
    const struct pool *pool = pool_find(desktop->base.core, desktop->row.pool_id);

    return desktop->row.dirty && pool && pool->row.kind != pool_kind_MANUAL &&
           pool->row.release != pool_release_KEEP;
}

static bool no(char *why, size_t size, const char *sentence)
{
    (void)snprintf(why, size, "%s", sentence);
    return false;
}

/* Why a desktop's owner or past keeps it from others. */
static bool belongs_to_nobody(const struct desktop *desktop, char *why, size_t size)
{
    struct core *core = desktop->base.core;
    struct entity *entity = related_first(core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id);

    if (entity) {
        const struct user *user =
            user_find(core, container_of(entity, struct assignment, base)->row.user_id);

        (void)snprintf(why, size, "it belongs to %s", user ? user->row.name : "somebody");
        return false;
    }
    if (desktop->reserved)
        return no(why, size, "it is being handed out to somebody at this moment");
    if (placement_must_refresh(desktop))
        return no(why, size, "somebody has used it and its disk is not made anew yet");
    return true;
}

bool placement_fits(const struct desktop *desktop, char *why, size_t size)
{
    const struct host *host = host_find(desktop->base.core, desktop->row.host_id);

    if (desktop->row.quarantined)
        return no(why, size, "it is in quarantine");
    if (desktop->row.doomed)
        return no(why, size, "it is to be deleted");
    if (!belongs_to_nobody(desktop, why, size))
        return false;
    if (desktop->row.host_id && (!host || host->state != host_UP)) {
        (void)snprintf(why, size, "its host %s is %s", host ? host->row.name : "is gone:",
                       host ? host_state_names[host->state] : "unknown");
        return false;
    }
    if (host && host->row.duty != host_duty_ACTIVE) {
        (void)snprintf(why, size, "its host %s takes no new sessions (%s)", host->row.name,
                       host_duty_names[host->row.duty]);
        return false;
    }
    if (desktop->power)
        return no(why, size, "its machine is being worked on");
    if (desktop->state != desktop_READY) {
        (void)snprintf(why, size, "it is %s", desktop_state_names[desktop->state]);
        return false;
    }
    (void)snprintf(why, size, "it is a spare");
    return true;
}

/* Machines of ours on a host that run or are about to. */
static int load_of(struct core *core, const struct host *host)
{
    int load = host->starting;

    list_each(related_to(core, DESKTOPS_OF_HOST, host->row.id), node) {
        struct entity *entity = related_at(DESKTOPS_OF_HOST, node);

        if (container_of(entity, struct desktop, base)->state == desktop_READY)
            load++;
    }
    return load;
}

static bool is_current(struct core *core, const struct pool *pool, const struct desktop *desktop)
{
    const struct image *image = image_find(core, pool->row.image_id);

    return !image || image->row.current_id == desktop->row.image_version_id;
}

struct desktop *placement_best(struct core *core, const struct pool *pool)
{
    struct desktop *best = NULL;
    bool best_current = false;
    char why[160];

    list_each(related_to(core, DESKTOPS_OF_POOL, pool->row.id), node) {
        struct entity *entity = related_at(DESKTOPS_OF_POOL, node);
        struct desktop *desktop = container_of(entity, struct desktop, base);
        bool current;

        if (!placement_fits(desktop, why, sizeof(why)))
            continue;
        current = is_current(core, pool, desktop);
        /* Of equal ones the one that has been ready for the longest: its session is warm. */
        if (!best || current > best_current ||
            (current == best_current && desktop->state_since_ms < best->state_since_ms)) {
            best = desktop;
            best_current = current;
        }
    }
    return best;
}

static bool is_coming(const struct desktop *desktop)
{
    if (desktop->state == desktop_STARTING)
        return true;
    /* Planned, being refreshed, or off with work begun: a power flow is at it, or is about to be. */
    return desktop->power != NULL || !list_empty(&desktop->wanting);
}

void placement_count(struct core *core, const struct pool *pool, struct placement_count *ret)
{
    char why[160];

    *ret = (struct placement_count){ .coming = pool->planning, .total = pool->planning };
    list_each(related_to(core, DESKTOPS_OF_POOL, pool->row.id), node) {
        struct entity *entity = related_at(DESKTOPS_OF_POOL, node);
        const struct desktop *desktop = container_of(entity, struct desktop, base);

        if (desktop->row.quarantined) {
            ret->quarantined++;
            continue;
        }
        if (desktop->row.doomed)
            continue;
        ret->total++;
        if (desktop->state == desktop_READY)
            ret->ready++;
        if (placement_fits(desktop, why, sizeof(why)))
            ret->spare++;
        else if (placement_is_free(desktop) &&
                 (is_coming(desktop) || placement_must_refresh(desktop)))
            ret->coming++;
    }
    list_each(&pool->waiting, node)
        ret->waiting++;
}

static bool serves_pool(const struct host *host, const struct pool *pool)
{
    return !pool->row.hosts[0] || policy_has_word(pool->row.hosts, host->row.name);
}

struct host *placement_host(struct core *core, const struct pool *pool, char *why, size_t size)
{
    struct host *best = NULL;
    int64_t best_score = 0;

    (void)snprintf(why, size, "no host of pool '%s' is up and active", pool->row.name);
    list_each(core_all(core, ENTITY_host), node) {
        struct entity *entity = entity_of(node);
        struct host *host = container_of(entity, struct host, base);
        int64_t holds = (int64_t)related_count(core, DESKTOPS_OF_HOST, host->row.id) + host->planning;
        int64_t score;

        if (!serves_pool(host, pool) || !placement_host_serves(host))
            continue;
        if (host->row.max_desktops > 0 && holds >= host->row.max_desktops) {
            (void)snprintf(why, size, "host '%s' holds %lld of %lld machines", host->row.name,
                           (long long)holds, (long long)host->row.max_desktops);
            continue;
        }
        if (!placement_host_may_start(host) ||
            (host->row.max_starting > 0 && host->starting + host->planning >= host->row.max_starting)) {
            (void)snprintf(why, size, "host '%s' is starting %d machines already", host->row.name,
                           host->starting + host->planning);
            continue;
        }
        /* The lowest load for its weight; the first of equals. */
        score = (load_of(core, host) + host->planning) * 1000 /
                (host->row.weight > 0 ? host->row.weight : 1);
        if (!best || score < best_score) {
            best = host;
            best_score = score;
        }
    }
    return best;
}

struct desktop *placement_idle(struct core *core, const struct pool *pool)
{
    list_each(related_to(core, DESKTOPS_OF_POOL, pool->row.id), node) {
        struct entity *entity = related_at(DESKTOPS_OF_POOL, node);
        struct desktop *desktop = container_of(entity, struct desktop, base);
        const struct host *host = host_find(core, desktop->row.host_id);

        if (desktop->row.quarantined || desktop->row.doomed || is_coming(desktop) ||
            !placement_is_free(desktop) || placement_must_refresh(desktop))
            continue;
        if (desktop->state != desktop_OFF && desktop->state != desktop_PLANNED)
            continue;
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
    /* Within what is on its way up: one start's time, as it was lately. Behind that nobody can know when a user leaves. */
    if (pool->restrained_until_ms || place > count.spare + count.coming)
        return 0;
    return pool->ready_ms_estimate;
}
