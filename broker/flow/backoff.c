/* backoff.c - counting failures, beginning and ending back-offs, and creating failed desktops
 * again. */
#include "flow/backoff.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/desktop_class.h"
#include "core/index.h"
#include "core/placement.h"
#include "flow/decide.h"
#include "flow/quarantine.h"
#include "flow/recompose.h"

/* ---- what the desktops of a pool are made from ---- */

/* FNV-1a: only two states are compared, and nobody gains by a collision. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 0x100000001b3ULL;
    return hash;
}

static uint64_t mix_number(uint64_t hash, int64_t number)
{
    return mix(hash, &number, sizeof(number));
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
    return mix(hash, text, strlen(text) + 1);
}

static uint64_t made_from(struct core *core, const struct pool *pool)
{
    const struct image *image = image_find(core, pool->row.image_id);
    uint64_t hash = 0xcbf29ce484222325ULL;

    hash = mix_number(hash, image ? (int64_t)image->row.current_id : 0);
    hash = mix_text(hash, pool->row.template);
    hash = mix_number(hash, pool->row.memory_mib);
    hash = mix_number(hash, pool->row.vcpus);
    hash = mix_number(hash, pool->row.address);
    hash = mix_number(hash, pool->row.port);
    list_each (core_all(core, ENTITY_host), node) {
        const struct host *host = entity_at(node, host);

        if (!placement_host_is_of(host, pool))
            continue;
        hash = mix_text(hash, host->row.uri);
        hash = mix_text(hash, host->row.storage);
    }
    return hash | 1; /* 0 means that none failed */
}

/* ---- the end of a back-off ---- */

static void backoff_end(struct context *context, struct pool *pool)
{
    if (pool->backoff_until_ms)
        log_event(EV_POOL_BACKOFF_OVER, "pool", pool->row.name);
    pool->backoff_until_ms = 0;
    pool->backoff_why[0] = '\0';
    pool->failures = 0;
    pool->failed_inputs = 0;
    pool->failed_version_id = 0;
    pool->fault_is_shared = false;
    context_mark_pool(context, pool->row.id);
}

static void try_all_now(struct pool *pool)
{
    list_each (index_list(pool->base.core, DESKTOPS_OF_POOL, pool->row.id), node)
        index_at(DESKTOPS_OF_POOL, node, desktop)->not_before_ms = 0;
}

/* Nothing is lost when it is deleted: it is unassigned, and was not used since its disk was
 * made. */
static bool is_disposable(const struct desktop *desktop)
{
    return desktop->row.host_id && !desktop->row.dirty && !desktop->row.delete_pending &&
           !desktop->power && desktop_is_free(desktop);
}

bool backoff_may_recreate(const struct desktop *desktop)
{
    return desktop->row.quarantined && !desktop->row.quarantined_by_admin && is_disposable(desktop);
}

/* Did it fail for the cause that is repaired now? Desktops in quarantine for it did; so did those
 * that are off and of the version that failed. What an administrator put into quarantine stays
 * there. */
static bool failed_for_it(const struct pool *pool, const struct desktop *desktop)
{
    const struct image *image = image_find(pool->base.core, pool->row.image_id);

    if (desktop->row.quarantined)
        return desktop->failed_inputs == pool->failed_inputs && backoff_may_recreate(desktop);
    return image && desktop->row.image_version_id == pool->failed_version_id &&
           desktop->row.image_version_id != image->row.current_id && desktop->class == CLASS_IDLE &&
           is_disposable(desktop);
}

static void recreate(const struct desktop *desktop, struct changes *changes)
{
    struct row_desktop *row = changes_set(changes, ENTITY_desktop, &desktop->row);

    row->quarantined = false;
    row->delete_pending = true;
    berth_text(row->reason, sizeof(row->reason), "it is created again: %s",
               desktop->row.reason[0] ? desktop->row.reason : "what it needs was changed");
}

/* Writing that desktops are deleted, to be created again. */
struct recreation {
    struct context *context;
    uint64_t pool_id;
    struct op op;
    struct op *caller; /* of `pool retry`; NULL: the cause was changed */
};

/* Their rows are out of quarantine; their observed states follow. */
static void release_all(struct context *context, const struct pool *pool)
{
    list_each (index_list(context->core, DESKTOPS_OF_POOL, pool->row.id), node) {
        struct desktop *desktop = index_at(DESKTOPS_OF_POOL, node, desktop);

        if (desktop->row.delete_pending && !desktop->row.quarantined && !desktop->power)
            desktop_released(context, desktop);
    }
}

static void recreated(struct op *op, int result)
{
    struct recreation *recreation = container_of(op, struct recreation, op);
    struct context *context = recreation->context;
    struct pool *pool = pool_find(context->core, recreation->pool_id);

    if (result >= 0 && pool) {
        release_all(context, pool);
        if (recreation->caller) {
            try_all_now(pool);
            backoff_end(context, pool);
        }
    }
    if (recreation->caller)
        op_complete(recreation->caller, result, &op->error);
    else if (result < 0 && result != BERTH_E_CLOSING)
        log_failure(EV_STORE_REFUSED, &op->error, "pool.repaired");
    free(recreation);
}

static int recreation_begin(struct context *context, const struct pool *pool,
                            struct changes *changes, struct op *caller)
{
    struct recreation *recreation = berth_new(struct recreation);
    int r;

    *recreation =
        (struct recreation){ .context = context, .pool_id = pool->row.id, .caller = caller };
    op_init(&recreation->op, context->timers, recreated);
    r = decide_begin(context, changes, NULL, &recreation->op);
    if (r >= 0)
        return caller ? op_begun(caller, NULL, recreation) : 0;
    if (caller)
        caller->error = recreation->op.error;
    else
        log_failure(EV_STORE_REFUSED, &recreation->op.error, "pool.repaired");
    free(recreation);
    return r;
}

static void repaired(struct context *context, struct pool *pool)
{
    struct changes *changes = changes_new("broker", "broker", "pool.repaired");

    changes_object(changes, "pool %s", pool->row.name);
    changes_detail(changes, "what its desktops are made from was changed after: %s",
                   pool->backoff_why[0] ? pool->backoff_why : "failures");
    list_each (index_list(context->core, DESKTOPS_OF_POOL, pool->row.id), node) {
        const struct desktop *desktop = index_at(DESKTOPS_OF_POOL, node, desktop);

        if (failed_for_it(pool, desktop))
            recreate(desktop, changes);
    }
    (void)recreation_begin(context, pool, changes,
                           NULL); /* a failure is logged; `pool retry` remains possible */
}

void backoff_check(struct context *context, struct pool *pool)
{
    if (!pool->failed_inputs || pool->failed_inputs == made_from(context->core, pool))
        return;
    if (pool->fault_is_shared)
        repaired(context, pool);
    try_all_now(pool);
    backoff_end(context, pool);
}

int backoff_retry(struct context *context, struct pool *pool, struct changes *changes,
                  struct op *op)
{
    list_each (index_list(context->core, DESKTOPS_OF_POOL, pool->row.id), node) {
        const struct desktop *desktop = index_at(DESKTOPS_OF_POOL, node, desktop);

        if (backoff_may_recreate(desktop))
            recreate(desktop, changes);
    }
    return recreation_begin(context, pool, changes, op);
}

/* ---- the beginning of a back-off ---- */

bool backoff_active(struct context *context, struct pool *pool)
{
    if (!pool->backoff_until_ms)
        return false;
    if (context->timers->mono_ms < pool->backoff_until_ms) {
        context_mark_pool_later(context, pool, pool->backoff_until_ms - context->timers->mono_ms);
        return true;
    }
    pool->backoff_until_ms = 0;
    pool->backoff_why[0] = '\0';
    pool->failures = 0;
    log_event(EV_POOL_BACKOFF_OVER, "pool", pool->row.name);
    return false;
}

static void note_cause(struct core *core, struct pool *pool, const struct desktop *desktop,
                       bool shared)
{
    pool->failed_inputs = made_from(core, pool);
    pool->failed_version_id = desktop->row.image_version_id;
    pool->fault_is_shared = pool->fault_is_shared || shared;
}

void backoff_shared_fault(struct context *context, struct desktop *desktop, const char *why)
{
    struct pool *pool = pool_find(context->core, desktop->row.pool_id);
    int64_t until_ms = context->timers->mono_ms + POOL_BACKOFF_SHARED_MS;

    if (!pool)
        return;
    note_cause(context->core, pool, desktop, true);
    recompose_failed(context, pool, pool->row.recompose_version_id, true, why);
    if (pool->backoff_until_ms > until_ms)
        return;
    if (!pool->backoff_until_ms)
        log_event(EV_POOL_BACKOFF, "pool", pool->row.name, "why", why);
    pool->backoff_until_ms = until_ms;
    berth_text(pool->backoff_why, sizeof(pool->backoff_why), "%s", why);
    context_mark_pool(context, pool->row.id);
}

/* When no desktop of a version comes up, the version is at fault, not the machines. */
static void say_why(struct core *core, struct pool *pool, const struct desktop *desktop,
                    const char *why)
{
    const struct image_version *version = image_version_find(core, desktop->row.image_version_id);
    const struct image *image = version ? image_find(core, version->row.image_id) : NULL;

    if (!image || recompose_is_proven(core, pool, version->row.id))
        berth_text(pool->backoff_why, sizeof(pool->backoff_why),
                   "%d failures in ten minutes; the last: %s", pool->failures, why);
    else
        berth_text(pool->backoff_why, sizeof(pool->backoff_why),
                   "version %lld of image '%s': no desktop of it is up, %d failed; the last: "
                   "%s",
                   (long long)version->row.number, image->row.name, pool->failures, why);
}

void backoff_machine_failed(struct context *context, struct desktop *desktop, const char *why)
{
    struct pool *pool = pool_find(context->core, desktop->row.pool_id);
    int64_t now = context->timers->mono_ms;
    bool backs_off;

    if (!pool)
        return;
    if (pool->failures == 0 || now - pool->failures_since_ms > POOL_FAILURES_WINDOW_MS) {
        pool->failures = 0;
        pool->failures_since_ms = now;
    }
    backs_off = ++pool->failures >= POOL_FAILURES_MAX && !pool->backoff_until_ms;
    note_cause(context->core, pool, desktop,
               backs_off ||
                   !recompose_is_proven(context->core, pool, desktop->row.image_version_id));
    desktop->failed_inputs = pool->failed_inputs;
    recompose_failed(context, pool, desktop->row.image_version_id, backs_off, why);
    if (!backs_off)
        return;
    pool->backoff_until_ms = now + POOL_BACKOFF_MS;
    say_why(context->core, pool, desktop, why);
    log_event(EV_POOL_BACKOFF, "pool", pool->row.name, "why", pool->backoff_why);
    context_mark_pool(context, pool->row.id);
}
