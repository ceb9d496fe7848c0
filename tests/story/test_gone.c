/* test_gone.c - rows are deleted while flows wait for them: no flow waits for ever, and deleted
 * rows are not touched. */
#include "core/index.h"

#include "story.h"

/* A pool that makes no desktops, so that all users queue. */
#define EMPTY                                        \
    "pool few floating image debian max 0 spare 0\n" \
    "entitle everyone few\n"

static int drop(struct world *w, enum entity_kind kind, uint64_t id)
{
    return world_await(w, admin_drop(&w->broker->context, world_actor(), kind, id, world_op(w)));
}

TEST(gone, who_waits_for_a_pool_that_is_deleted_is_told_so)
{
    struct world *w = world_new(1, WARD EMPTY);

    world_run_s(w, 20);
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 5);
    SHOWS(w, "t1", "queue");
    SHOWS(w, "t2", "queue");
    EXPECT_OK(drop(w, ENTITY_pool, world_pool(w, "few")->row.id));
    world_run_s(w, 2);
    EXPECT_SAYS(world_said(w, "t1"), "pool 'few' was deleted");
    EXPECT_SAYS(world_said(w, "t2"), "pool 'few' was deleted");
    EXPECT_INT(world_flows(w), 0);
    THE_END(w);
}

TEST(gone, a_place_in_the_queue_of_a_deleted_pool_is_given_up_without_harm)
{
    struct world *w = world_new(2, WARD EMPTY);

    world_run_s(w, 20);
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 5);
    EXPECT_OK(admin_drop(&w->broker->context, world_actor(), ENTITY_pool,
                         world_pool(w, "few")->row.id, world_op(w)));
    for (int i = 0; i < 40; i++) { /* in the very moments of the deletion */
        if (i == 10)
            terminal_cancel(world_terminal(w, "t2"));
        if (i == 20)
            world_cut(w, "t3", true);
        world_run_ms(w, 1);
    }
    world_run_s(w, 60);
    EXPECT(!world_pool(w, "few"));
    EXPECT_INT(world_flows(w), 0);
    THE_END(w);
}

TEST(gone, a_user_who_is_deleted_in_a_queue_waits_no_more)
{
    struct world *w = world_new(3, WARD EMPTY);

    world_run_s(w, 20);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 5);
    EXPECT_OK(drop(w, ENTITY_user, world_user(w, "anna")->row.id));
    world_run_s(w, 2);
    EXPECT_SAYS(world_said(w, "t1"), "the account of anna was deleted");
    EXPECT_INT(world_flows(w), 0);
    THE_END(w);
}

TEST(gone, a_terminal_that_is_deleted_takes_its_sign_on_along)
{
    struct world *w = world_new(4, WARD EMPTY);
    uint64_t id;

    world_run_s(w, 20);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 5);
    id = terminal_by_name(world_core(w), "t1")->row.id;
    EXPECT_OK(world_await(w, admin_terminal_state(&w->broker->context, world_actor(), id,
                                                  terminal_REVOKED, "stolen", world_op(w))));
    EXPECT_OK(drop(w, ENTITY_terminal, id));
    world_run_s(w, 30);
    EXPECT_INT(world_flows(w), 0);
    THE_END(w);
}

TEST(gone, the_entitlement_that_let_somebody_into_the_queue_goes)
{
    struct world *w = world_new(5, WARD EMPTY);
    struct entity *entitlement;

    world_run_s(w, 20);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 5);
    entitlement = index_first(world_core(w), ENTITLEMENTS_OF_POOL, world_pool(w, "few")->row.id);
    EXPECT_OK(drop(w, ENTITY_entitlement,
                   ((const struct row_entitlement *)entity_row_of(entitlement))->id));
    world_run_s(w, 5);
    EXPECT_OK(drop(w, ENTITY_pool, world_pool(w, "few")->row.id));
    world_run_s(w, 5);
    EXPECT_INT(world_flows(w), 0);
    THE_END(w);
}

TEST(gone, a_host_that_is_deleted_while_it_is_listed_is_asked_no_more)
{
    struct world *w = world_new(6, WARD "host kvm2 max 4\n");
    struct host *host;
    uint64_t id;

    world_host_hangs(w, "kvm2", true);
    world_run_ms(w, 700);
    host = container_of(core_find_name(world_core(w), ENTITY_host, "kvm2"), struct host, base);
    id = host->row.id;
    world_host_hangs(w, "kvm2", false);
    for (int i = 0; i < 10000 && !host->inventory; i++)
        world_run_ms(w, 1);
    EXPECT(host->inventory != NULL);
    world_host_hangs(w, "kvm2", true);
    EXPECT_OK(drop(w, ENTITY_host, id));
    world_run_s(w, 120);
    EXPECT(!host_find(world_core(w), id));
    EXPECT_INT(world_flows(w), 0);
    THE_END(w);
}

/* An existing machine, deleted while it is probed and a user waits. */
TEST(gone, a_manual_desktop_that_is_deleted_while_it_is_awaited)
{
    struct world *w = world_new(7, WARD "pool old manual\n"
                                        "machine old-1 pool old at 10.9.0.1:3389\n"
                                        "entitle everyone old\n");

    world_run_s(w, 20);
    world_sign_on(w, "t1", "anna", "secret12");
    for (int i = 0; i < 10000 && !world_desktop(w, "old-1")->reserved; i++)
        world_run_ms(w, 1);
    (void)drop(w, ENTITY_desktop, world_desktop(w, "old-1")->row.id);
    world_run_s(w, 60);
    THE_END(w);
}

TEST(gone, an_image_with_its_versions_goes_while_a_pool_of_it_makes_desktops)
{
    struct world *w = world_new(8, WARD FLOATING);
    struct image *image =
        container_of(core_find_name(world_core(w), ENTITY_image, "debian"), struct image, base);

    world_run_ms(w, 600);
    EXPECT(drop(w, ENTITY_image_version, image->row.current_id) < 0);
    EXPECT(drop(w, ENTITY_image, image->row.id) < 0);
    EXPECT(drop(w, ENTITY_host,
                container_of(core_find_name(world_core(w), ENTITY_host, "kvm1"), struct host, base)
                    ->row.id) < 0);
    EXPECT(drop(w, ENTITY_pool, world_pool(w, "ward-3")->row.id) < 0);
    world_run_s(w, 60);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    THE_END(w);
}

TEST_MAIN()
