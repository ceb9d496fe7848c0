/* admin_image.c - versions of golden images: publish, roll back, and move a pool's desktops. */
#include "core/related.h"
#include "flow/admin_start.h"
#include "flow/decide.h"

/* One version becomes the current one; the one before is kept for a rollback. */
static int make_current(struct rooms *rooms, const struct admin_actor *actor, const char *action,
                        struct image *image, struct image_version *version, struct op *op)
{
    struct image_version *before = image_version_find(rooms->core, image->row.current_id);
    struct changes *changes = admin_changes(actor, action);
    struct row_image_version *row;
    struct row_image *image_row;

    changes_object(changes, "image %s", image->row.name);
    changes_detail(changes, "version %lld -> %lld", before ? (long long)before->row.number : 0LL,
                   (long long)version->row.number);
    if (before) {
        row = changes_set(changes, ENTITY_image_version, &before->row);
        row->state = image_version_RETIRED;
    }
    row = changes_set(changes, ENTITY_image_version, &version->row);
    row->state = image_version_PUBLISHED;
    image_row = changes_set(changes, ENTITY_image, &image->row);
    image_row->current_id = version->row.id;
    return decide_begin(rooms, changes, NULL, op);
}

int admin_image_publish(struct rooms *rooms, const struct admin_actor *actor, uint64_t version_id,
                        struct op *op)
{
    struct image_version *version = image_version_find(rooms->core, version_id);
    struct image *image = version ? image_find(rooms->core, version->row.image_id) : NULL;

    if (!image)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no such image version");
    if (image->row.current_id == version_id)
        return berth_fail(&op->error, BERTH_E_STATE,
                          "image '%s': version %lld is published already", image->row.name,
                          (long long)version->row.number);
    return make_current(rooms, actor, "image.publish", image, version, op);
}

/* The newest retired version older than the current one. */
static struct image_version *version_before(struct core *core, const struct image *image)
{
    const struct image_version *current = image_version_find(core, image->row.current_id);
    struct image_version *best = NULL;

    list_each (related_to(core, VERSIONS_OF_IMAGE, image->row.id), node) {
        struct image_version *version =
            container_of(related_at(VERSIONS_OF_IMAGE, node), struct image_version, base);

        if (version->row.state == image_version_RETIRED && current &&
            version->row.number < current->row.number &&
            (!best || version->row.number > best->row.number))
            best = version;
    }
    return best;
}

int admin_image_rollback(struct rooms *rooms, const struct admin_actor *actor, uint64_t image_id,
                         struct op *op)
{
    struct image *image = image_find(rooms->core, image_id);
    struct image_version *before = image ? version_before(rooms->core, image) : NULL;

    if (!image)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND, "there is no such image");
    if (!before)
        return berth_fail(&op->error, BERTH_E_STATE,
                          "image '%s': no version was current before this one", image->row.name);
    return make_current(rooms, actor, "image.rollback", image, before, op);
}

/* ---- recompose: desktops of older versions are doomed, and the pool makes new ones ---- */

static bool is_old(const struct desktop *desktop, uint64_t current_id)
{
    return desktop->row.image_version_id != current_id && !desktop->row.doomed;
}

static struct changes *doom_some(struct rooms *rooms, const struct admin_actor *actor,
                                 uint64_t pool_id, struct berth_error *reterr)
{
    struct pool *pool = pool_find(rooms->core, pool_id);
    struct image *image = pool ? image_find(rooms->core, pool->row.image_id) : NULL;
    struct changes *changes;

    if (!image) {
        (void)berth_fail(reterr, BERTH_E_NOT_FOUND, "the pool was deleted meanwhile");
        return NULL;
    }
    changes = admin_changes(actor, "pool.recompose");
    changes_object(changes, "pool %s", pool->row.name);
    list_each (related_to(rooms->core, DESKTOPS_OF_POOL, pool->row.id), node) {
        struct desktop *desktop =
            container_of(related_at(DESKTOPS_OF_POOL, node), struct desktop, base);
        struct row_desktop *row;

        if (!is_old(desktop, image->row.current_id))
            continue;
        if (changes->count == CHANGES_PART) {
            changes->unfinished = true;
            break;
        }
        row = changes_set(changes, ENTITY_desktop, &desktop->row);
        row->doomed = true;
    }
    return changes;
}

int admin_pool_recompose(struct rooms *rooms, const struct admin_actor *actor, uint64_t pool_id,
                         struct op *op)
{
    struct pool *pool = pool_find(rooms->core, pool_id);

    if (!pool || pool->row.kind == pool_kind_MANUAL)
        return berth_fail(&op->error, BERTH_E_NOT_FOUND,
                          "there is no such pool of machines made from an image");
    if (pool->row.kind == pool_kind_DEDICATED)
        return berth_fail(&op->error, BERTH_E_STATE,
                          "pool '%s': desktops of a dedicated pool are their users' own",
                          pool->row.name);
    return admin_in_parts(rooms, actor, pool_id, doom_some, op);
}
