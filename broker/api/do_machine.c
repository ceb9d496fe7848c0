/* do_machine.c - verbs for desktops, hosts, images and pools. */
#include <stdio.h>
#include <string.h>

#include "core/index.h"
#include "core/placement.h"
#include "flow/backoff.h"
#include "flow/image_check.h"
#include "flow/recompose.h"

#include "api_internal.h"

/* ---- desktops ---- */

static const char *const past[] = {
    [DESKTOP_START] = "is started",
    [DESKTOP_STOP] = "is stopped",
    [DESKTOP_RESTART] = "is restarted",
    [DESKTOP_REFRESH] = "is refreshed",
    [DESKTOP_QUARANTINE] = "is in quarantine",
    [DESKTOP_RELEASE] = "is out of quarantine",
    [DESKTOP_DELETE] = "is deleted",
};

struct acting {
    enum desktop_act act;
    char name[64];
};

static int acted(struct request *request)
{
    const struct acting *acting = (const struct acting *)request->scratch;

    return answer_result(request, "desktop '%s' %s", acting->name, past[acting->act]);
}

static int plan_act(struct request *request, const struct desktop *desktop,
                    const struct desktop_action *action)
{
    struct core *core = request->api->context->core;
    struct entity *first = index_first(core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id);
    const struct assignment *assignment =
        first ? container_of(first, struct assignment, base) : NULL;
    const struct session *session = assignment ? session_on(core, assignment->row.id) : NULL;
    const struct user *user = assignment ? user_find(core, assignment->row.user_id) : NULL;
    struct view_plan *plan = berth_new(struct view_plan);
    struct berth_error refusal = { 0 };
    bool refused = admin_desktop_check(core, action, &refusal) < 0;

    plan_add(plan, "desktop '%s' is %s and belongs to %s", desktop->row.name,
             desktop_state_names[desktop->state], user ? user->row.name : "nobody");
    if (refused)
        plan_add(plan, "it would be refused: %s", berth_error_text(&refusal));
    else if (session)
        plan_add(plan, "session %llu on it would lose its machine",
                 (unsigned long long)session->row.id);
    if (!refused && action->act == DESKTOP_REFRESH)
        plan_add(plan, "the data on its disk would be lost");
    return plan_answer(request, plan);
}

static int act(struct request *request, const struct desktop_action *action,
               struct berth_error *reterr)
{
    const struct desktop *desktop = desktop_find(request->api->context->core, action->desktop_id);
    struct acting *acting;

    if (request->step)
        return acted(request);
    if (!desktop)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "desktop not found");
    if (request->dry_run)
        return plan_act(request, desktop, action);
    acting = (struct acting *)request_scratch(request, sizeof(*acting));
    acting->act = action->act;
    put(acting->name, desktop->row.name);
    return request_wait(
        request, admin_desktop(request->api->context, &request->caller.actor, action, &request->op),
        reterr);
}

#define ACT(symbol, which, force_, why_)                                                         \
    int do_desktop_##symbol(struct request *request, struct berth_error *reterr)                 \
    {                                                                                            \
        const struct verb_desktop_##symbol *in = request->params;                                \
        const struct desktop_action action = { in->desktop, DESKTOP_##which, (force_), (why_) }; \
                                                                                                 \
        return act(request, &action, reterr);                                                    \
    }

ACT(start, START, false, "started by an administrator")
ACT(stop, STOP, in->force, "stopped by an administrator")
ACT(restart, RESTART, in->force, "restarted by an administrator")
ACT(refresh, REFRESH, in->force, "refreshed by an administrator")
ACT(quarantine, QUARANTINE, false, in->reason[0] ? in->reason : "quarantined by an administrator")
ACT(release, RELEASE, false, "released by an administrator")

/* ---- hosts ---- */

static int mode_set(struct request *request, struct berth_error *reterr)
{
    const struct host *host = host_find(request->api->context->core, request->id);

    if (!host)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "the host was deleted meanwhile");
    return answer_result(request, "the mode of host '%s' is %s", host->row.name,
                         host_mode_names[host->row.mode]);
}

static int set_mode(struct request *request, uint64_t host_id, enum host_mode mode,
                    struct berth_error *reterr)
{
    if (request->step)
        return mode_set(request, reterr);
    request->id = host_id;
    return request_wait(
        request,
        admin_host_mode(request->api->context, &request->caller.actor, host_id, mode, &request->op),
        reterr);
}

#define HOST_MODE(symbol, mode)                                               \
    int do_host_##symbol(struct request *request, struct berth_error *reterr) \
    {                                                                         \
        const struct verb_host_##symbol *in = request->params;                \
                                                                              \
        return set_mode(request, in->host, host_mode_##mode, reterr);         \
    }

HOST_MODE(activate, ACTIVE)
HOST_MODE(drain, DRAIN)
HOST_MODE(maintenance, MAINTENANCE)

/* ---- images ---- */

int do_image_version_add(struct request *request, struct berth_error *reterr)
{
    const struct verb_image_version_add *in = request->params;
    struct row_image_version row = { .image_id = in->image };

    if (request->step)
        return answer_row(request, MHD_HTTP_CREATED, ENTITY_image_version, request->id, reterr);
    put(row.path, in->path);
    put(row.kernel, in->kernel);
    put(row.initrd, in->initrd);
    return request_wait(request,
                        admin_add(request->api->context, &request->caller.actor,
                                  ENTITY_image_version, &row, &request->id, &request->op),
                        reterr);
}

static const struct image_version *version_numbered(struct core *core, uint64_t image_id,
                                                    int64_t number)
{
    list_each (index_list(core, VERSIONS_OF_IMAGE, image_id), node) {
        const struct image_version *version = index_at(VERSIONS_OF_IMAGE, node, image_version);

        if (version->row.number == number)
            return version;
    }
    return NULL;
}

/* The result of the hosts' check of the version's files, and the answer for the caller. */
struct imaging {
    struct image_action action;
    uint64_t image_id, pool_id;
    /* recompose: number of desktops to be replaced, and how many of these are assigned */
    int old, used;
    char what[96]; /* "version 3 of image 'debian'" */
    char unchecked[IMAGE_UNCHECKED_TEXT];
};

static void plan_unchecked(struct view_plan *plan, const struct imaging *imaging)
{
    if (imaging->unchecked[0])
        plan_add(plan, "its files were not checked on %s", imaging->unchecked);
    else
        plan_add(plan, "its files exist on all hosts");
}

/* Which pools would create their desktops from another version. */
static int plan_image(struct request *request, const struct imaging *imaging)
{
    struct core *core = request->api->context->core;
    const struct image *image = image_find(core, imaging->image_id);
    const struct image_version *now =
        image ? image_version_find(core, image->row.current_id) : NULL;
    struct view_plan *plan = berth_new(struct view_plan);

    plan_add(plan, "new desktops would be made from %s instead of version %lld", imaging->what,
             (long long)(now ? now->row.number : 0));
    plan_unchecked(plan, imaging);
    list_each (core_all(core, ENTITY_pool), node) {
        const struct pool *pool = entity_at(node, pool);

        if (pool->row.image_id == imaging->image_id)
            plan_add(plan, "pool '%s' uses it; its %zu desktops stay until it is recomposed",
                     pool->row.name, index_count(core, DESKTOPS_OF_POOL, pool->row.id));
    }
    return plan_answer(request, plan);
}

/* How the first desktop of the new version is created. */
static void plan_first(struct view_plan *plan, struct core *core, const struct pool *pool)
{
    struct placement_count count;

    placement_count(core, pool, &count);
    if (count.total < pool->row.max && !placement_hosts_are_full(core, pool))
        plan_add(plan, "first one new desktop would be created in addition; nothing else happens "
                       "until it is ready");
    else
        plan_add(plan,
                 "first one that is not in use would be replaced, because the pool or its hosts "
                 "have no room for another; nothing else happens until the new one is ready");
    plan_add(plan, "if that one fails, the recompose stops and the others stay in service");
}

static int plan_recompose(struct request *request, const struct imaging *imaging)
{
    struct core *core = request->api->context->core;
    const struct pool *pool = pool_find(core, imaging->pool_id);
    struct view_plan *plan = berth_new(struct view_plan);

    plan_add(plan, "%d desktops are of another version than %s and would be replaced", imaging->old,
             imaging->what);
    plan_unchecked(plan, imaging);
    if (pool && imaging->old > 0)
        plan_first(plan, core, pool);
    if (imaging->old > 0)
        plan_add(plan, "%d of them belong to users and would wait until no session is on them",
                 imaging->used);
    return plan_answer(request, plan);
}

static const char *recompose_effect(const struct imaging *imaging)
{
    if (imaging->action.act != IMAGE_RECOMPOSE)
        return " is the current one";
    if (imaging->old == 0)
        return ": no desktop is of another version, so nothing is replaced";
    return ": one desktop of it is made ready first, then each other is replaced when no session "
           "is on it";
}

static int imaged(struct request *request)
{
    const struct imaging *imaging = (const struct imaging *)request->scratch;
    const char *unchecked = imaging->unchecked;

    if (request->dry_run && imaging->action.act == IMAGE_RECOMPOSE)
        return plan_recompose(request, imaging);
    if (request->dry_run)
        return plan_image(request, imaging);
    return answer_result(request, "%s%s%s%s", imaging->what, recompose_effect(imaging),
                         unchecked[0] ? "; its files were not checked on " : "", unchecked);
}

/* `version` is for the answer; flow/admin_image.c checks whether the action is permitted. */
static int do_imaging(struct request *request, struct imaging imaging,
                      const struct image_version *version, struct berth_error *reterr)
{
    struct core *core = request->api->context->core;
    const struct image *image = image_find(core, imaging.image_id);
    struct imaging *kept = (struct imaging *)request_scratch(request, sizeof(*kept));

    *kept = imaging;
    kept->action.dry_run = request->dry_run;
    kept->action.ret_unchecked = kept->unchecked;
    (void)snprintf(kept->what, sizeof(kept->what), "version %lld of image '%.64s'",
                   (long long)(version ? version->row.number : 0), image ? image->row.name : "");
    return request_wait(
        request,
        admin_image(request->api->context, &request->caller.actor, &kept->action, &request->op),
        reterr);
}

int do_image_publish(struct request *request, struct berth_error *reterr)
{
    const struct verb_image_publish *in = request->params;
    const struct image_version *version =
        version_numbered(request->api->context->core, in->image, in->number);

    if (request->step)
        return imaged(request);
    if (!version)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "the image has no version %lld",
                          (long long)in->number);
    return do_imaging(request,
                      (struct imaging){ .action = { .act = IMAGE_PUBLISH, .id = version->row.id },
                                        .image_id = in->image },
                      version, reterr);
}

int do_image_rollback(struct request *request, struct berth_error *reterr)
{
    const struct verb_image_rollback *in = request->params;
    struct core *core = request->api->context->core;
    const struct image *image = image_find(core, in->image);

    if (request->step)
        return imaged(request);
    return do_imaging(request,
                      (struct imaging){ .action = { .act = IMAGE_ROLLBACK, .id = in->image },
                                        .image_id = in->image },
                      image ? admin_image_previous(core, image) : NULL, reterr);
}

/* ---- pools ---- */

int do_pool_recompose(struct request *request, struct berth_error *reterr)
{
    const struct verb_pool_recompose *in = request->params;
    struct core *core = request->api->context->core;
    const struct pool *pool = pool_find(core, in->pool);
    const struct image *image = pool ? image_find(core, pool->row.image_id) : NULL;
    struct imaging imaging = { .action = { .act = IMAGE_RECOMPOSE, .id = in->pool },
                               .image_id = image ? image->row.id : 0,
                               .pool_id = in->pool };

    if (request->step)
        return imaged(request);
    if (pool)
        imaging.old = recompose_count(core, pool, &imaging.used);
    return do_imaging(request, imaging,
                      image ? image_version_find(core, image->row.current_id) : NULL, reterr);
}

struct retrying {
    size_t recreated; /* failed, and not used since their disks were created */
    size_t stay;      /* other quarantined ones */
};

static int retried(struct request *request)
{
    const struct retrying *retrying = (const struct retrying *)request->scratch;

    return answer_result(
        request,
        "the pool creates desktops again; quarantined desktops that failed unused: %zu "
        "are deleted and recreated; other quarantined desktops: %zu stay as they are",
        retrying->recreated, retrying->stay);
}

static void count_retrying(struct core *core, uint64_t pool_id, struct retrying *ret)
{
    *ret = (struct retrying){ 0 };
    list_each (index_list(core, DESKTOPS_OF_POOL, pool_id), node) {
        const struct desktop *desktop = index_at(DESKTOPS_OF_POOL, node, desktop);
        bool recreated = backoff_may_recreate(desktop);

        ret->recreated += recreated;
        ret->stay += desktop->row.quarantined && !recreated;
    }
}

#define RETRY_NAMES 28 /* of the 32 changes of a plan */

/* Each by its name, with the reason of its quarantine. */
static void plan_recreated(struct view_plan *plan, struct core *core, const struct pool *pool,
                           size_t count)
{
    size_t named = 0;

    list_each (index_list(core, DESKTOPS_OF_POOL, pool->row.id), node) {
        const struct desktop *desktop = index_at(DESKTOPS_OF_POOL, node, desktop);

        if (!backoff_may_recreate(desktop))
            continue;
        if (named++ < RETRY_NAMES)
            plan_add(plan, "desktop '%s' would be deleted and recreated; it failed: %s",
                     desktop->row.name, desktop->row.reason);
    }
    if (count > RETRY_NAMES)
        plan_add(plan, "%zu others that failed would be deleted and recreated",
                 count - RETRY_NAMES);
}

static int plan_retry(struct request *request, const struct pool *pool,
                      const struct retrying *retrying)
{
    struct view_plan *plan = berth_new(struct view_plan);

    if (pool->backoff_until_ms)
        plan_add(plan, "it would create desktops at once, although: %s", pool->backoff_why);
    plan_recreated(plan, request->api->context->core, pool, retrying->recreated);
    if (retrying->recreated == 0)
        plan_add(plan, "no desktop would be deleted");
    if (retrying->stay)
        plan_add(plan,
                 "%zu in quarantine would stay: administrators put them there, users "
                 "have been on them, or their machines are being worked on",
                 retrying->stay);
    return plan_answer(request, plan);
}

int do_pool_retry(struct request *request, struct berth_error *reterr)
{
    const struct verb_pool_retry *in = request->params;
    struct core *core = request->api->context->core;
    const struct pool *pool = pool_find(core, in->pool);
    struct retrying *retrying = (struct retrying *)request_scratch(request, sizeof(*retrying));

    if (request->step)
        return retried(request);
    if (pool && admin_pool_is_managed(pool, reterr) < 0)
        return BERTH_E_UNSUPPORTED;
    count_retrying(core, in->pool, retrying);
    if (request->dry_run && pool)
        return plan_retry(request, pool, retrying);
    return request_wait(
        request,
        admin_pool_retry(request->api->context, &request->caller.actor, in->pool, &request->op),
        reterr);
}

int do_pool_status(struct request *request, struct berth_error *reterr)
{
    const struct verb_pool_status *in = request->params;
    struct core *core = request->api->context->core;
    struct pool *pool = pool_find(core, in->pool);
    struct view_pool_runtime view = { 0 };

    if (!pool)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "pool not found");
    (void)row_runtime(core, &pool->base, &view);
    return answer_view(request, &view_pool_runtime_record, &view);
}
