/* image_check.c - one question per host, and one verdict from the answers. */
#include "flow/image_check.h"

#include <stdio.h>
#include <string.h>

#include "core/placement.h"
#include "core/reference.h"

/* The question to one host. */
struct ask {
    struct image_check *check;
    uint64_t host_id;
    struct op op;
    struct virt_result result;
};

struct image_check {
    struct context *context;
    uint64_t version_id;
    struct virt_args args; /* without the storage, which differs by host */
    struct ask *asks;      /* room for every host */
    size_t count, waiting;
    size_t good;            /* hosts that have all files */
    bool any_will_do;       /* no pool uses the image yet */
    struct berth_error bad; /* the first error about a file */
    char *ret_unchecked;
    struct op *caller;
};

static void check_free(struct image_check *check)
{
    free(check->asks);
    free(check);
}

static void name_unchecked(struct image_check *check, const char *host, const char *why)
{
    size_t used = strlen(check->ret_unchecked);

    berth_text(check->ret_unchecked + used, IMAGE_UNCHECKED_TEXT - used, "%s%s (%s)",
               used ? ", " : "host ", host, why);
}

/* ---- which hosts ---- */

static bool pool_has(const struct pool *pool, uint64_t pool_id, uint64_t image_id)
{
    return pool->row.kind != pool_kind_MANUAL &&
           (pool_id ? pool->row.id == pool_id : pool->row.image_id == image_id);
}

static bool is_used(struct core *core, uint64_t pool_id, uint64_t image_id)
{
    list_each (core_all(core, ENTITY_pool), node) {
        if (pool_has(entity_at(node, pool), pool_id, image_id))
            return true;
    }
    return false;
}

static bool host_needs_it(struct core *core, const struct host *host, uint64_t pool_id,
                          uint64_t image_id)
{
    list_each (core_all(core, ENTITY_pool), node) {
        const struct pool *pool = entity_at(node, pool);

        if (pool_has(pool, pool_id, image_id) && placement_host_is_of(host, pool))
            return true;
    }
    return false;
}

/* ---- the verdict ---- */

#define WHAT_TO_DO "; put the file there, or add a version that is right"

/* Is it a continuation byte of UTF-8? */
static bool is_inside(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* The reason begins with the host and usually ends with the file's name. When not everything fits,
 * first the advice is left out, then the middle of the path. */
static int refuse(struct berth_error *error, const struct image_version *version,
                  const struct image *image, const char *bad)
{
    char head[BERTH_ERROR_TEXT];
    size_t size = strlen(bad);
    size_t space, begin, end;

    (void)snprintf(head, sizeof(head),
                   "version %lld of image '%.64s': ", (long long)version->row.number,
                   image->row.name);
    space = sizeof(error->text) - 1 - strlen(head);
    if (size + strlen(WHAT_TO_DO) <= space)
        return berth_fail(error, BERTH_E_INVALID, "%s%s" WHAT_TO_DO, head, bad);
    if (size <= space)
        return berth_fail(error, BERTH_E_INVALID, "%s%s", head, bad);
    begin = space / 2;
    end = size - (space - begin - 3);
    while (begin > 0 && is_inside(bad[begin]))
        begin--;
    while (is_inside(bad[end]))
        end++;
    return berth_fail(error, BERTH_E_INVALID, "%s%.*s...%s", head, (int)begin, bad, bad + end);
}

static int verdict(struct image_check *check, struct berth_error *error)
{
    struct core *core = check->context->core;
    const struct image_version *version = image_version_find(core, check->version_id);
    const struct image *image = version ? image_find(core, version->row.image_id) : NULL;

    if (!image)
        return berth_fail(error, BERTH_E_NOT_FOUND, "the image version was deleted meanwhile");
    if (!check->bad.code || (check->any_will_do && check->good > 0))
        return 0;
    return refuse(error, version, image, check->bad.text);
}

static void end(struct image_check *check)
{
    struct berth_error error = { 0 };
    struct op *caller = check->caller;
    int r = verdict(check, &error);

    check_free(check);
    op_complete(caller, r, &error);
}

/* Has the host looked and found the file wrong? INVALID: the path names no file. */
static bool is_bad_file(int result)
{
    return result == BERTH_E_CONFIG || result == BERTH_E_INVALID;
}

static void answered(struct op *op, int result)
{
    struct ask *ask = container_of(op, struct ask, op);
    struct image_check *check = ask->check;
    const struct host *host = host_find(check->context->core, ask->host_id);

    if (result >= 0)
        check->good++;
    else if (is_bad_file(result) && !check->bad.code)
        check->bad = op->error;
    else if (!is_bad_file(result) && host)
        name_unchecked(check, host->row.name,
                       result == BERTH_E_UNSUPPORTED ? "it cannot tell" : "it did not answer");
    if (--check->waiting == 0)
        end(check);
}

/* ---- asking ---- */

static void ask_host(struct image_check *check, const struct host *host)
{
    struct ask *ask = &check->asks[check->count];

    if (host->row.mode == host_mode_MAINTENANCE) {
        name_unchecked(check, host->row.name, "in maintenance");
        return;
    }
    *ask = (struct ask){ .check = check, .host_id = host->row.id };
    op_init(&ask->op, check->context->timers, answered);
    copy_text(check->args.storage, host->row.storage);
    if (virt_begin(check->context->virt, host->row.id, VIRT_check_image, &check->args, &ask->result,
                   &ask->op) < 0) {
        name_unchecked(check, host->row.name,
                       ask->op.error.code == BERTH_E_HOST_DOWN ? "down" : "it did not answer");
        return;
    }
    check->count++;
    check->waiting++;
}

static void ask_hosts(struct image_check *check, uint64_t pool_id, uint64_t image_id)
{
    struct core *core = check->context->core;

    check->any_will_do = !is_used(core, pool_id, image_id);
    list_each (core_all(core, ENTITY_host), node) {
        const struct host *host = entity_at(node, host);

        if (check->any_will_do || host_needs_it(core, host, pool_id, image_id))
            ask_host(check, host);
    }
}

static void cancelled(struct op *op)
{
    struct image_check *check = op->handle;

    for (size_t i = 0; i < check->count; i++)
        op_cancel(&check->asks[i].op);
    check_free(check);
}

int image_check_begin(struct context *context, uint64_t version_id, uint64_t pool_id,
                      char *ret_unchecked, struct op *op)
{
    const struct image_version *version = image_version_find(context->core, version_id);
    struct image_check *check;

    ret_unchecked[0] = '\0';
    if (!version)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no such image version");
    check = berth_new(struct image_check);
    *check = (struct image_check){ .context = context,
                                   .version_id = version_id,
                                   .ret_unchecked = ret_unchecked,
                                   .caller = op,
                                   .asks = berth_new_array(
                                       struct ask, context->core->of[ENTITY_host].count + 1) };
    copy_text(check->args.image, version->row.path);
    copy_text(check->args.kernel, version->row.kernel);
    copy_text(check->args.initrd, version->row.initrd);
    ask_hosts(check, pool_id, version->row.image_id);
    if (check->waiting == 0) { /* no host could be asked */
        if (!ret_unchecked[0])
            (void)snprintf(ret_unchecked, IMAGE_UNCHECKED_TEXT, "any host (no host to ask)");
        check_free(check);
        op_complete_deferred(op, 0, NULL);
        return 0;
    }
    return op_begun(op, cancelled, check);
}
