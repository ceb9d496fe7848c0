/* test_requests.c - requests with more changes than one decision holds, and repeated requests:
 * after a lost answer, after a failure, after a restart in between. */
#include <string.h>

#include "core/admin.h"
#include "core/index.h"

#include "story.h"

#define BIG_WARD                                          \
    "place ward-3\n"                                      \
    "host kvm1 max 60 starting 20\n"                      \
    "image debian\n"                                      \
    "user anna password secret12\n"                       \
    "terminal t1 place ward-3\n"                          \
    "pool ward-3 floating image debian max 40 spare 40\n" \
    "entitle everyone ward-3\n"

static struct context *context_of(struct world *w)
{
    return &w->broker->context;
}

static struct image *image_of(struct world *w)
{
    return container_of(core_find_name(world_core(w), ENTITY_image, "debian"), struct image, base);
}

static uint64_t publish_next(struct world *w)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/images/next-%llu.qcow2",
                   (unsigned long long)image_of(w)->row.current_id);
    return publish_version(w, path);
}

static int recompose(struct world *w, const struct admin_actor *actor)
{
    return world_await(w,
                       admin_image(context_of(w), actor,
                                   &(struct image_action){ .act = IMAGE_RECOMPOSE,
                                                           .id = world_pool(w, "ward-3")->row.id },
                                   world_op(w)));
}

/* Desktops that are still of another version and stay. */
static int old_ones(struct world *w)
{
    int count = 0;

    list_each (core_all(world_core(w), ENTITY_desktop), node) {
        const struct desktop *desktop = container_of(entity_of(node), struct desktop, base);

        count += !desktop->row.delete_pending &&
                 desktop->row.image_version_id != image_of(w)->row.current_id;
    }
    return count;
}

TEST(requests, a_recompose_that_is_sent_again_after_its_end_does_nothing)
{
    struct world *w = world_new(2, BIG_WARD);
    const struct admin_actor actor = *world_actor();
    struct admin_actor other = actor;

    (void)snprintf(other.request_fingerprint, sizeof(other.request_fingerprint), "another pool");
    world_run_s(w, 120);
    (void)publish_next(w);
    EXPECT_OK(recompose(w, &actor));
    world_run_s(w, 300);
    EXPECT_INT(old_ones(w), 0);
    /* The answer was lost, another version came, the broker was started anew. */
    (void)publish_next(w);
    world_crash(w);
    world_restart(w);
    world_run_s(w, 120);
    EXPECT_INT(old_ones(w), 40);
    EXPECT_OK(recompose(w, &actor));
    world_run_s(w, 60);
    EXPECT_INT(old_ones(w), 40);
    /* Nor does its id stand for anything else. */
    EXPECT_ERR(recompose(w, &other), BERTH_E_CONFLICT);
    EXPECT_INT(old_ones(w), 40);
    EXPECT_OK(recompose(w, world_actor()));
    world_run_s(w, 300);
    EXPECT_INT(old_ones(w), 0);
    THE_END(w);
}

/* ---- one decision of many rows ---- */

TEST(requests, a_pool_goes_with_all_its_entitlements)
{
    struct world *w = world_new(5, WARD FLOATING);
    struct row_pool row = { .kind = pool_kind_FLOATING, .max = 1 };
    struct row_entitlement entitlement = { .subject_kind = subject_kind_TAG };
    uint64_t id = 0, pool_id = 0;

    world_run_s(w, 20);
    row.image_id = image_of(w)->row.id;
    (void)snprintf(row.name, sizeof(row.name), "few");
    (void)snprintf(row.template, sizeof(row.template), "/templates/few.xml");
    EXPECT_OK(world_await(
        w, admin_add(context_of(w), world_actor(), ENTITY_pool, &row, &pool_id, world_op(w))));
    entitlement.pool_id = pool_id;
    for (int i = 0; i < 50; i++) {
        (void)snprintf(entitlement.subject, sizeof(entitlement.subject), "tag-%d", i);
        EXPECT_OK(world_await(w, admin_add(context_of(w), world_actor(), ENTITY_entitlement,
                                           &entitlement, &id, world_op(w))));
    }
    EXPECT_OK(world_await(
        w, admin_drop(context_of(w), world_actor(), ENTITY_pool, pool_id, world_op(w))));
    EXPECT(!pool_find(world_core(w), pool_id));
    EXPECT(!index_first(world_core(w), ENTITLEMENTS_OF_POOL, pool_id));
    THE_END(w);
}

TEST(requests, a_user_goes_with_all_memberships_and_an_administrator_with_all_tokens)
{
    struct world *w = world_new(6, WARD FLOATING "admin root2 administrator\n");
    struct row_group group = { 0 };
    struct row_membership member = { 0 };
    struct row_token token = { .label = "for a program" };
    struct secret secret;
    uint64_t id = 0;

    world_run_s(w, 20);
    member.user_id = world_user(w, "dora")->row.id;
    token.admin_id =
        container_of(core_find_name(world_core(w), ENTITY_admin, "root2"), struct admin, base)
            ->row.id;
    for (int i = 0; i < 40; i++) {
        (void)snprintf(group.name, sizeof(group.name), "group-%d", i);
        EXPECT_OK(world_await(w, admin_add(context_of(w), world_actor(), ENTITY_group, &group,
                                           &member.group_id, world_op(w))));
        EXPECT_OK(world_await(w, admin_add(context_of(w), world_actor(), ENTITY_membership, &member,
                                           &id, world_op(w))));
        EXPECT_OK(world_await(
            w, admin_token(context_of(w), world_actor(), &token, &id, &secret, world_op(w))));
    }
    secret_wipe(&secret);
    EXPECT_OK(world_await(
        w, admin_drop(context_of(w), world_actor(), ENTITY_user, member.user_id, world_op(w))));
    EXPECT_OK(world_await(
        w, admin_drop(context_of(w), world_actor(), ENTITY_admin, token.admin_id, world_op(w))));
    EXPECT_INT(world_core(w)->of[ENTITY_membership].count, 0);
    EXPECT_INT(world_core(w)->of[ENTITY_token].count, 0);
    THE_END(w);
}

/* ---- what is decided first and then done ---- */

static int restart(struct world *w, const struct admin_actor *actor)
{
    const struct desktop_action action = { .desktop_id = world_desktop(w, "ward-3-001")->row.id,
                                           .act = DESKTOP_RESTART };

    return world_await(w, admin_desktop(context_of(w), actor, &action, world_op(w)));
}

TEST(requests, a_restart_that_is_sent_again_disturbs_nobody_a_second_time)
{
    struct world *w = world_new(7, WARD FLOATING);
    const struct admin_actor actor = *world_actor();
    int64_t boots;

    world_run_s(w, 70);
    EXPECT_OK(restart(w, &actor));
    boots = world_machine(w, "ward-3-001")->boots;
    world_crash(w);
    world_restart(w);
    world_run_s(w, 70);
    EXPECT_OK(restart(w, &actor));
    EXPECT_INT(world_machine(w, "ward-3-001")->boots, boots);
    EXPECT_OK(restart(w, world_actor()));
    EXPECT_INT(world_machine(w, "ward-3-001")->boots, boots + 1);
    THE_END(w);
}

TEST(requests, a_restart_that_failed_is_done_when_it_is_sent_again)
{
    struct world *w = world_new(8, WARD FLOATING);
    const struct admin_actor actor = *world_actor();
    int64_t boots;

    world_run_s(w, 70);
    boots = world_machine(w, "ward-3-001")->boots;
    world_host_down(w, "kvm1", true);
    EXPECT_ERR(restart(w, &actor), BERTH_E_HOST_DOWN);
    world_host_down(w, "kvm1", false);
    world_run_s(w, 70);
    EXPECT_OK(restart(w, &actor));
    EXPECT_INT(world_machine(w, "ward-3-001")->boots, boots + 1);
    THE_END(w);
}

TEST(requests, the_id_of_a_restart_does_not_restart_another_desktop)
{
    struct world *w = world_new(9, WARD FLOATING);
    struct admin_actor actor = *world_actor();
    int64_t boots;

    world_run_s(w, 70);
    EXPECT_OK(restart(w, &actor));
    boots = world_machine(w, "ward-3-001")->boots;
    world_crash(w);
    world_restart(w);
    world_run_s(w, 70);
    (void)snprintf(actor.request_fingerprint, sizeof(actor.request_fingerprint), "another desktop");
    EXPECT_ERR(restart(w, &actor), BERTH_E_CONFLICT);
    EXPECT_INT(world_machine(w, "ward-3-001")->boots, boots);
    THE_END(w);
}

TEST_MAIN()
