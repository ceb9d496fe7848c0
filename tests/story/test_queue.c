/* test_queue.c - more people than desktops. */
#include "story.h"

#define ONE_DESKTOP                                     \
    "pool ward-3 floating image debian max 1 spare 1\n" \
    "entitle everyone ward-3\n"

TEST(queue, of_two_who_want_the_last_desktop_one_has_it_and_one_a_number)
{
    struct world *w = world_new(1, WARD ONE_DESKTOP);
    bool anna_first;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 5);
    anna_first = strcmp(world_screen(w, "t1"), "anna on ward-3-001") == 0;
    EXPECT_SCREEN(w, anna_first ? "t2" : "t1", "queue 1");
    EXPECT_SCREEN(w, anna_first ? "t1" : "t2",
                  anna_first ? "anna on ward-3-001" : "bob on ward-3-001");

    /* When the winner goes, the loser gets it, made anew, without doing anything. */
    world_sign_off(w, anna_first ? "t1" : "t2");
    EVENTUALLY(w, anna_first ? "t2" : "t1",
               anna_first ? "bob on ward-3-001" : "anna on ward-3-001");
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_refresh, NULL, 0), 1);
    THE_END(w);
}

/* Anna is asked for a pool, waits in its queue and gets a desktop; Carl is told no. */
TEST(queue, every_answer_names_the_question_that_it_answers)
{
    struct world *w = world_new(1, WARD ONE_DESKTOP "pool lab floating image debian max 1\n"
                                                    "entitle user anna lab\n"
                                                    "profile p everywhere - choose_pool=yes\n");
    const struct fake_terminal *t1 = world_terminal(w, "t1");
    const struct fake_terminal *t3 = world_terminal(w, "t3");

    world_run_s(w, 70);
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 5);
    EXPECT_INT(t1->answer, MSG_choose);
    EXPECT_INT(t1->answer_ref, t1->ref);
    world_sign_on_to(w, "t1", "anna", "secret12", "ward-3");
    world_run_s(w, 5);
    EXPECT_SCREEN(w, "t1", "queue 1");
    EXPECT_INT(t1->answer, MSG_progress);
    EXPECT_INT(t1->answer_ref, t1->ref);
    world_sign_off(w, "t2");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_INT(t1->answer, MSG_show);
    EXPECT_INT(t1->answer_ref, t1->ref);
    world_sign_on(w, "t3", "carl", "wrong");
    world_run_s(w, 5);
    EXPECT_INT(t3->answer, MSG_refused);
    EXPECT_INT(t3->answer_ref, t3->ref);
    THE_END(w);
}

TEST(queue, first_come_first_served)
{
    struct world *w = world_new(2, WARD ONE_DESKTOP);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 3);
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 1);
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 1);
    EXPECT_SCREEN(w, "t2", "queue 1");
    EXPECT_SCREEN(w, "t3", "queue 2");

    terminal_cancel(world_terminal(w, "t2"));
    world_run_s(w, 1);
    EXPECT_SCREEN(w, "t3", "queue 1");
    world_sign_off(w, "t1");
    EVENTUALLY(w, "t3", "carl on ward-3-001");
    THE_END(w);
}

TEST(queue, a_kiosk_that_asks_by_itself_keeps_nobody_waiting)
{
    struct world *w = world_new(2, WARD ONE_DESKTOP "kioskuser lobby\n"
                                                    "terminal t9 place ward-3 kiosk lobby\n");

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 3);
    terminal_kiosk(world_terminal(w, "t9"));
    world_run_s(w, 1);
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 1);
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 1);
    EXPECT_SCREEN(w, "t2", "queue 1");
    EXPECT_SCREEN(w, "t3", "queue 2");
    EXPECT_SCREEN(w, "t9", "queue 3");

    world_sign_off(w, "t1");
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    THE_END(w);
}

TEST(queue, whoever_waits_goes_before_a_spare)
{
    struct world *w = world_new(3, WARD "pool ward-3 floating image debian max 2 spare 2\n"
                                        "entitle everyone ward-3\n");

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 5);
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 1);
    EXPECT_SCREEN(w, "t3", "queue 1");
    world_sign_off(w, "t1");
    EVENTUALLY(w, "t3", "carl on ward-3-001");
    EXPECT_INT(world_spares(w, "ward-3"), 0);
    THE_END(w);
}

TEST(queue, a_terminal_that_goes_away_gives_its_place_up)
{
    struct world *w = world_new(4, WARD ONE_DESKTOP);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 3);
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 1);
    world_power(w, "t2", false);
    world_run_s(w, 1);
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 1);
    EXPECT_SCREEN(w, "t3", "queue 1");
    THE_END(w);
}

TEST(queue, a_pool_that_grows_serves_who_waits)
{
    struct world *w = world_new(5, WARD ONE_DESKTOP);
    struct row_pool row;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 3);
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_s(w, 2);
    EXPECT_SCREEN(w, "t2", "queue 1");

    row = world_pool(w, "ward-3")->row;
    row.max = 2;
    EXPECT_OK(world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row, world_op(w))));
    EVENTUALLY(w, "t2", "bob on ward-3-002");
    THE_END(w);
}

TEST(queue, the_estimate_is_honest_or_none)
{
    struct world *w = world_new(9, WARD "pool ward-3 floating image debian max 2 spare 1\n"
                                        "entitle everyone ward-3\n");
    int64_t estimate_ms, began_ms;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_sign_on(w, "t2", "bob", "secret12");
    world_run_ms(w, 500);
    EXPECT_SCREEN(w, "t2", "queue 1");
    estimate_ms = world_terminal(w, "t2")->estimate_ms;
    began_ms = world_now_ms(w);
    EXPECT(estimate_ms > 500 && estimate_ms < 15000); /* a machine is on its way: about one boot */
    EVENTUALLY(w, "t2", "bob on ward-3-002");
    EXPECT(world_now_ms(w) - began_ms < 3 * estimate_ms);
    /* It is unknown when a user will leave. */
    world_sign_on(w, "t3", "carl", "secret12");
    world_run_s(w, 1);
    EXPECT_SCREEN(w, "t3", "queue 1");
    EXPECT_INT(world_terminal(w, "t3")->estimate_ms, 0);
    THE_END(w);
}

TEST(queue, the_reaction_to_a_taken_spare_comes_within_a_second)
{
    struct world *w = world_new(6, WARD FLOATING);
    int64_t shown_ms;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    shown_ms = world_now_ms(w);
    world_run_s(w, 1);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_create, NULL, shown_ms - 2000), 1);
    THE_END(w);
}

TEST(queue, a_host_that_starts_one_at_a_time_serves_every_pool_in_the_end)
{
    struct world *w = world_new(7, "place ward-3\nhost kvm1 max 20 starting 1\nimage debian\n"
                                   "user anna password secret12\nterminal t1 place ward-3\n"
                                   "pool a floating image debian max 2 spare 1\n"
                                   "pool b floating image debian max 2 spare 1\n"
                                   "pool c floating image debian max 2 spare 1\n"
                                   "entitle everyone a\n");

    world_run_s(w, 40);
    EXPECT_INT(world_spares(w, "a"), 1);
    EXPECT_INT(world_spares(w, "b"), 1);
    EXPECT_INT(world_spares(w, "c"), 1);
    THE_END(w);
}

TEST(queue, a_full_host_serves_another_pool_as_soon_as_it_has_room)
{
    struct world *w = world_new(8, "place ward-3\nhost kvm1 max 2\nimage debian\n"
                                   "user anna password secret12\nterminal t1 place ward-3\n"
                                   "pool a floating image debian max 2 spare 2\n"
                                   "pool b floating image debian max 2 spare 1\n"
                                   "entitle everyone a\n");
    struct row_pool row;

    world_run_s(w, 70);
    EXPECT_INT(world_spares(w, "a") + world_spares(w, "b"), 2);
    row = world_pool(w, "a")->row;
    row.max = 1;
    row.spare = 1;
    EXPECT_OK(world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row, world_op(w))));
    world_run_s(w, 40);
    EXPECT_INT(world_spares(w, "a"), 1);
    EXPECT_INT(world_spares(w, "b"), 1);
    THE_END(w);
}

TEST_MAIN()
