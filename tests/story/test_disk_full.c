/* test_disk_full.c - the disk is full, or fails: changes are refused, nothing acknowledged is lost,
 * it recovers. */
#include "story.h"

TEST(disk_full, a_sign_on_is_refused_with_a_sentence_and_nothing_is_lost)
{
    struct world *w = world_new(1, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 20);
    world_disk_full(w, true);
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "refused: NO_SPACE");
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    EXPECT_INT(world_spares(w, "ward-3"), 1); /* the reservation was given back */

    world_disk_full(w, false);
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-002");
    THE_END(w);
}

TEST(disk_full, full_at_any_moment_of_a_sign_on_and_roomy_again)
{
    for (int64_t ms = 0; ms <= 900; ms += 25) {
        struct world *w = world_new((uint64_t)ms + 1, WARD FLOATING);

        world_run_s(w, 70);
        world_sign_on(w, "t1", "anna", "secret12");
        world_run_ms(w, ms);
        world_disk_full(w, true);
        world_run_s(w, 30);
        world_disk_full(w, false);
        world_run_s(w, 30);
        if (!shows_desktop_now(world_terminal(w, "t1")))
            world_sign_on(w, "t1", "anna", "secret12");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        world_run_s(w, 10);
        EXPECT_INT(world_session(w, "anna")->row.state, session_ACTIVE);
        EXPECT_INT(world_flows(w), 0);
        THE_END(w);
    }
}

TEST(disk_full, a_sign_off_is_kept_in_mind_until_there_is_room)
{
    struct world *w = world_new(2, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 10);
    world_disk_full(w, true);
    world_sign_off(w, "t1");
    world_run_s(w, 30);
    world_disk_full(w, false);
    world_run_s(w, 30);
    EXPECT(world_session(w, "anna") == NULL);
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 2);
    THE_END(w);
}

TEST(disk_full, no_room_during_a_refresh_leaves_no_residue)
{
    for (int64_t ms = 0; ms <= 1500; ms += 60) {
        struct world *w =
            world_new((uint64_t)ms + 1, WARD "pool ward-3 floating image debian max 1 spare 1\n"
                                             "entitle everyone ward-3\n");

        world_run_s(w, 70);
        world_sign_on(w, "t1", "anna", "secret12");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        world_run_s(w, 5);
        world_sign_off(w, "t1");
        world_run_ms(w, ms);
        world_disk_full(w, true);
        world_run_s(w, 20);
        world_disk_full(w, false);
        world_sign_on(w, "t2", "bob", "secret12");
        world_run_s(w, 90);
        SHOWS(w, "t2", "bob on ward-3-00");
        THE_END(w);
    }
}

TEST(disk_full, pools_fill_themselves_when_there_is_room_again)
{
    struct world *w = world_new(3, WARD FLOATING);

    world_disk_full(w, true);
    world_run_s(w, 60);
    EXPECT(world_desktop(w, "ward-3-001") == NULL);
    EXPECT(list_empty(&world_host(w, "kvm1")->machines)); /* nothing is made that is not on disk */
    world_disk_full(w, false);
    world_run_s(w, 60);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    THE_END(w);
}

TEST(disk_full, an_administrator_hears_of_it)
{
    struct world *w = world_new(4, WARD FLOATING);
    struct row_user row = { .name = "erik", .kind = user_kind_PERSON };
    uint64_t id = 0;

    world_run_s(w, 5);
    world_disk_full(w, true);
    EXPECT_ERR(world_await(w, admin_add(&w->broker->context, world_actor(), ENTITY_user, &row, &id,
                                        world_op(w))),
               BERTH_E_NO_SPACE);
    EXPECT_SAYS(world_await_text(), "full");
    EXPECT(world_user(w, "erik") == NULL);
    THE_END(w);
}

TEST(disk_full, presence_goes_on)
{
    struct world *w = world_new(5, WARD FLOATING);

    world_run_s(w, 30);
    world_disk_full(w, true);
    world_run_s(w, 300);
    EXPECT_STR(world_presence(w, "t1"), "present");
    world_silence(w, "t2");
    world_run_s(w, 60);
    EXPECT_STR(world_presence(w, "t2"), "absent");
    THE_END(w);
}

TEST(disk_full, a_conflict_is_looked_at_again)
{
    struct world *w = world_new(6, WARD FLOATING);

    world_run_s(w, 70);
    w->broker->context.store->fail_next = BERTH_E_CONFLICT;
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(disk_full, whoever_was_back_before_it_was_written_that_they_had_gone_is_there)
{
    struct world *w = world_new(7, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 10);
    world_disk_full(w, true);
    world_cut(w, "t1", true);
    world_run_s(w, 60);
    EXPECT_STR(world_presence(w, "t1"), "absent");
    world_cut(w, "t1", false);
    world_run_s(w, 60);
    world_disk_full(w, false);
    world_run_s(w, 30);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    EXPECT_INT(world_session(w, "anna")->row.state, session_ACTIVE);
    THE_END(w);
}

TEST_MAIN()
