/* admin_image.c - versions of golden images: publish, roll back, recompose a pool.
 *
 * Each begins with a check of the version's files on the hosts: no desktop is given up for a
 * version whose files are missing.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/index.h"
#include "flow/admin_job.h"
#include "flow/backoff.h"
#include "flow/decide.h"
#include "flow/image_check.h"
#include "flow/recompose.h"

/* ---- what an action is about ---- */

struct subject_of {
    struct image *image;
    struct image_version *version; /* the one to make current, or to move to */
    struct pool *pool;             /* recompose only */
};

static int find_published(struct core *core, uint64_t version_id, struct subject_of *ret,
                          struct berth_error *reterr)
{
    ret->version = image_version_find(core, version_id);
    ret->image = ret->version ? image_find(core, ret->version->row.image_id) : NULL;
    if (!ret->image)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no image version with the id %llu",
                          (unsigned long long)version_id);
    if (ret->image->row.current_id == version_id)
        return berth_fail(reterr, BERTH_E_STATE, "image '%s': version %lld is published already",
                          ret->image->row.name, (long long)ret->version->row.number);
    return 0;
}

struct image_version *admin_image_previous(struct core *core, const struct image *image)
{
    return image_version_find(core, image->row.previous_id);
}

static int64_t current_number(struct core *core, const struct image *image)
{
    const struct image_version *current = image_version_find(core, image->row.current_id);

    return current ? current->row.number : 0;
}

static int find_previous(struct core *core, uint64_t image_id, struct subject_of *ret,
                         struct berth_error *reterr)
{
    ret->image = image_find(core, image_id);
    if (!ret->image)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no image with the id %llu",
                          (unsigned long long)image_id);
    ret->version = admin_image_previous(core, ret->image);
    if (!ret->version)
        return berth_fail(reterr, BERTH_E_STATE,
                          "image '%s': which version was current before version %lld is not "
                          "recorded; publish the one you want by its number",
                          ret->image->row.name, (long long)current_number(core, ret->image));
    return 0;
}

int admin_pool_is_managed(const struct pool *pool, struct berth_error *reterr)
{
    if (pool->row.kind != pool_kind_MANUAL)
        return 0;
    return berth_fail(reterr, BERTH_E_UNSUPPORTED,
                      "pool '%s' is manual: its desktops are existing machines, which the broker "
                      "neither makes nor replaces",
                      pool->row.name);
}

static int find_recomposed(struct core *core, uint64_t pool_id, struct subject_of *ret,
                           struct berth_error *reterr)
{
    ret->pool = pool_find(core, pool_id);
    if (!ret->pool)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no pool with the id %llu",
                          (unsigned long long)pool_id);
    if (admin_pool_is_managed(ret->pool, reterr) < 0)
        return BERTH_E_UNSUPPORTED;
    ret->image = image_find(core, ret->pool->row.image_id);
    if (!ret->image)
        return berth_fail(reterr, BERTH_E_STATE, "pool '%s' has no image", ret->pool->row.name);
    if (ret->pool->row.kind == pool_kind_DEDICATED)
        return berth_fail(reterr, BERTH_E_STATE,
                          "pool '%s': desktops of a dedicated pool are their users' own",
                          ret->pool->row.name);
    ret->version = image_version_find(core, ret->image->row.current_id);
    if (!ret->version)
        return berth_fail(reterr, BERTH_E_STATE,
                          "pool '%s': no version of its image '%s' is published",
                          ret->pool->row.name, ret->image->row.name);
    return 0;
}

static int find_any(struct core *core, const struct image_action *action, struct subject_of *ret,
                    struct berth_error *reterr)
{
    switch (action->act) {
    case IMAGE_PUBLISH:
        return find_published(core, action->id, ret, reterr);
    case IMAGE_ROLLBACK:
        return find_previous(core, action->id, ret, reterr);
    case IMAGE_RECOMPOSE:
        break;
    }
    return find_recomposed(core, action->id, ret, reterr);
}

static int find_subject(struct core *core, const struct image_action *action,
                        struct subject_of *ret, struct berth_error *reterr)
{
    int r;

    *ret = (struct subject_of){ 0 };
    r = find_any(core, action, ret, reterr);
    assert(r < 0 || (ret->image && ret->version));
    assert(r < 0 || action->act != IMAGE_RECOMPOSE || ret->pool);
    return r;
}

/* ---- the decision ---- */

/* Stop the recomposes of pools to the version that is no longer current. */
static void end_recomposes(struct core *core, const struct subject_of *subject,
                           struct changes *changes)
{
    char why[80];

    (void)snprintf(why, sizeof(why), "version %lld became the current one",
                   (long long)subject->version->row.number);
    list_each (core_all(core, ENTITY_pool), node) {
        struct pool *pool = entity_at(node, pool);

        if (pool->row.image_id == subject->image->row.id &&
            (pool->row.recompose_version_id || pool->row.recompose_reason[0]))
            recompose_end(pool, pool->row.recompose_version_id ? why : "", changes);
    }
}

/* One version becomes current; the one before is kept for a rollback. A rollback keeps none: a
 * second rollback would bring back the version that the first one withdrew. */
static struct changes *make_current(struct context *context, const struct admin_actor *actor,
                                    enum image_act act, const struct subject_of *subject,
                                    struct berth_error *reterr)
{
    const char *action = act == IMAGE_ROLLBACK ? "image.rollback" : "image.publish";
    struct image *image = subject->image;
    struct image_version *before = image_version_find(context->core, image->row.current_id);
    struct changes *changes = admin_changes(actor, action);
    struct row_image *image_row;

    changes_object(changes, "image %s", image->row.name);
    changes_detail(changes, "version %lld -> %lld", before ? (long long)before->row.number : 0LL,
                   (long long)subject->version->row.number);
    if ((before && image_version_transition(before, image_version_RETIRED, changes, reterr) < 0) ||
        image_version_transition(subject->version, image_version_PUBLISHED, changes, reterr) < 0) {
        changes_free(changes);
        return NULL;
    }
    image_row = changes_set(changes, ENTITY_image, &image->row);
    image_row->previous_id = act == IMAGE_PUBLISH ? image_row->current_id : 0;
    image_row->current_id = subject->version->row.id;
    end_recomposes(context->core, subject, changes);
    return changes;
}

/* The desktops follow one after the other: recompose.c. */
static struct changes *begin_recompose(const struct admin_actor *actor,
                                       const struct subject_of *subject)
{
    struct changes *changes = admin_changes(actor, "pool.recompose");
    struct row_pool *row;

    changes_object(changes, "pool %s", subject->pool->row.name);
    changes_detail(changes, "to version %lld of image %s", (long long)subject->version->row.number,
                   subject->image->row.name);
    row = changes_set(changes, ENTITY_pool, &subject->pool->row);
    row->recompose_version_id = subject->version->row.id;
    row->recompose_reason[0] = '\0';
    return changes;
}

/* NULL: reterr says why. */
static struct changes *decision(struct context *context, const struct admin_actor *actor,
                                enum image_act act, const struct subject_of *subject,
                                struct berth_error *reterr)
{
    if (act == IMAGE_RECOMPOSE)
        return begin_recompose(actor, subject);
    return make_current(context, actor, act, subject, reterr);
}

static void note_unchecked(struct changes *changes, const char *unchecked)
{
    char *detail = changes->audit.detail;
    size_t used = strlen(detail);

    if (unchecked[0])
        (void)snprintf(detail + used, sizeof(changes->audit.detail) - used,
                       "; files not checked on %s", unchecked);
}

/* ---- first the check of the files, then the decision ---- */

struct image_job {
    struct admin_job job; /* its steps: the check of the files, then the decision */
    struct image_action action;
    char unchecked[IMAGE_UNCHECKED_TEXT];
};

static void image_job_done(struct op *op, int result)
{
    struct image_job *image = container_of(op, struct image_job, job.step);

    if (image->action.ret_unchecked)
        berth_copy_text(image->action.ret_unchecked, IMAGE_UNCHECKED_TEXT, image->unchecked);
    admin_job_end(&image->job, result);
}

/* Decide by the present facts: they may have changed while the hosts were asked. */
static int decide(struct image_job *image, struct op *op)
{
    struct context *context = image->job.context;
    const struct admin_actor *actor = &image->job.actor;
    struct subject_of subject;
    struct changes *changes;
    int r = admin_check_right(actor, &op->error);

    if (r >= 0)
        r = find_subject(context->core, &image->action, &subject, &op->error);
    if (r < 0)
        return r;
    changes = decision(context, actor, image->action.act, &subject, &op->error);
    if (!changes)
        return op->error.code;
    note_unchecked(changes, image->unchecked);
    return decide_begin(context, changes, NULL, op);
}

static void files_checked(struct op *op, int result)
{
    struct image_job *image = container_of(op, struct image_job, job.step);
    struct berth_error error = op->error;
    int r = result;

    op_init(op, image->job.context->timers, image_job_done);
    op->error = error;
    if (r < 0 || image->action.dry_run) {
        image_job_done(op, r);
        return;
    }
    r = decide(image, op);
    if (r < 0)
        image_job_done(op, r);
}

int admin_image(struct context *context, const struct admin_actor *actor,
                const struct image_action *action, struct op *op)
{
    struct subject_of subject;
    struct image_job *image;
    int r = find_subject(context->core, action, &subject, &op->error);

    if (r < 0)
        return r;
    image = admin_job_new(context, actor, sizeof(*image));
    image->action = *action;
    op_init(&image->job.step, context->timers, files_checked);
    r = image_check_begin(context, subject.version->row.id, subject.pool ? subject.pool->row.id : 0,
                          image->unchecked, &image->job.step);
    return admin_job_begun(&image->job, r, op);
}

/* ---- pool retry ---- */

int admin_pool_retry(struct context *context, const struct admin_actor *actor, uint64_t pool_id,
                     struct op *op)
{
    struct pool *pool = pool_find(context->core, pool_id);
    struct changes *changes;

    if (!pool)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no pool with the id %llu",
                          (unsigned long long)pool_id);
    if (admin_pool_is_managed(pool, &op->error) < 0)
        return BERTH_E_UNSUPPORTED;
    changes = admin_changes(actor, "pool.retry");
    changes_object(changes, "pool %s", pool->row.name);
    changes_detail(changes, "%s", pool->backoff_why);
    return backoff_retry(context, pool, changes, op);
}
