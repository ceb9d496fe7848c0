/* test_limits.c - limits of sessions that are over, and users who may not go on. */
#include "flow/context.h"
#include "flow/release.h"

#include "story.h"

#define LIMITED(what)                                            \
    "pool ward-3 floating image debian max 4 spare 1 " what "\n" \
    "entitle everyone ward-3\n"

TEST(limits, a_disconnected_session_ends_after_its_time)
{
    struct world *w = world_new(1, WARD LIMITED("disconnected 120"));

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_disconnect(w, "t1");
    world_run_s(w, 110);
    EXPECT(world_session(w, "anna") != NULL);
    world_run_s(w, 15);
    EXPECT(world_session(w, "anna") == NULL);
    EXPECT_STR(world_owner(w, "ward-3-001"), "");
    world_run_s(w, 30);
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 2);
    THE_END(w);
}

TEST(limits, coming_back_in_time_stops_the_clock)
{
    struct world *w = world_new(2, WARD LIMITED("disconnected 120"));

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_disconnect(w, "t1");
    world_run_s(w, 110);
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    world_run_s(w, 600);
    EXPECT_SCREEN(w, "t2", "anna on ward-3-001");
    THE_END(w);
}

TEST(limits, hands_off_takes_the_session_off_the_screen)
{
    struct world *w = world_new(3, WARD LIMITED("idle 300"));

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 600); /* the user types */
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    world_hands_off(w, "t1");
    world_run_s(w, 280);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    world_run_s(w, 45);
    SHOWS(w, "t1", "limit: ");
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    THE_END(w);
}

/* Taken off, and the terminal comes back before that is on disk: it has heard nothing of it. */
static void taken_off_while_away(uint64_t seed)
{
    struct world *w = world_new(seed, WARD LIMITED("idle 300"));

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    w->broker->context.store->slowest_ms = 8000;
    world_hands_off(w, "t1");
    world_run_s(w, 200);
    PASS_UNTIL(w, 1, !list_empty(&w->broker->context.retried_writes));
    terminal_break(world_terminal(w, "t1"));
    world_run_s(w, 60);
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    EXPECT(!shows_desktop_now(world_terminal(w, "t1")));
    THE_END(w);
}

TEST(limits, who_comes_back_while_it_is_taken_off_is_told_so)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        taken_off_while_away(seed);
}

TEST(limits, an_absolute_limit_ends_it_whatever_happens)
{
    struct world *w = world_new(4, WARD LIMITED("absolute 600"));

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 300);
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    world_run_s(w, 320);
    SHOWS(w, "t2", "limit: ");
    EXPECT(world_session(w, "anna") == NULL);
    THE_END(w);
}

TEST(limits, clocks_go_on_over_a_restart_of_the_broker)
{
    struct world *w = world_new(5, WARD LIMITED("disconnected 300"));

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_disconnect(w, "t1");
    world_run_s(w, 100);
    world_crash(w);
    world_run_s(w, 20);
    world_restart(w);
    world_run_s(w, 100);
    EXPECT(world_session(w, "anna") != NULL);
    world_run_s(w, 120);
    EXPECT(world_session(w, "anna") == NULL);
    THE_END(w);
}

TEST(limits, a_limit_that_passed_while_the_broker_was_dead_waits_for_the_recovery_window)
{
    struct world *w = world_new(6, WARD LIMITED("disconnected 120"));
    int64_t restarted_ms;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_disconnect(w, "t1");
    world_run_s(w, 10);
    world_crash(w);
    world_run_s(w, 300);
    world_restart(w);
    restarted_ms = world_now_ms(w);
    world_run_s(w, 50);
    EXPECT(world_session(w, "anna") != NULL);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_refresh, NULL, restarted_ms), 0);
    world_run_s(w, 60);
    EXPECT(world_session(w, "anna") == NULL);
    THE_END(w);
}

static int set_disabled(struct world *w, const char *user, bool disabled)
{
    struct row_user row = world_user(w, user)->row;

    row.disabled = disabled;
    return world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_user, &row, world_op(w)));
}

TEST(limits, a_disabled_user_is_off_the_screen_at_once_and_stays_out)
{
    struct world *w = world_new(7, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_OK(set_disabled(w, "anna", true));
    world_run_s(w, 1);
    EXPECT(strcmp(world_screen(w, "t1"), "anna on ward-3-001") != 0);
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "refused: DISABLED");
    EXPECT_OK(set_disabled(w, "anna", false));
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    THE_END(w);
}

TEST(limits, a_user_disabled_in_the_middle_of_a_sign_on_gets_nothing)
{
    for (int64_t ms = 0; ms <= 900; ms += 30) {
        struct world *w = world_new(8, WARD FLOATING);

        world_run_s(w, 15);
        world_sign_on(w, "t1", "anna", "secret12");
        world_run_ms(w, ms);
        EXPECT_OK(set_disabled(w, "anna", true));
        world_run_s(w, 5);
        EXPECT(strncmp(world_screen(w, "t1"), "anna on", 7) != 0);
        THE_END(w);
    }
}

TEST(limits, a_disabled_user_is_out_also_where_the_word_was_lost)
{
    struct world *w = world_new(12, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_cut(w, "t1", true);
    world_run_s(w, 60); /* it is absent, and shows the desktop all the same */
    EXPECT_OK(set_disabled(w, "anna", true));
    world_run_s(w, 5);
    world_cut(w, "t1", false);
    world_run_s(w, 30);
    EXPECT(!shows_desktop_now(world_terminal(w, "t1")));
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    THE_END(w);
}

TEST(limits, taken_off_the_screen_is_off_also_where_the_word_was_lost)
{
    struct world *w = world_new(13, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 5);
    world_cut(w, "t1", true);
    EXPECT_OK(world_await(w, admin_session_disconnect(&w->broker->context, world_actor(),
                                                      world_session(w, "anna")->row.id,
                                                      "somebody else needs it", world_op(w))));
    world_run_s(w, 2);
    world_cut(w, "t1", false);
    world_run_s(w, 30);
    EXPECT(!shows_desktop_now(world_terminal(w, "t1")));
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    THE_END(w);
}

TEST(limits, an_administrator_signs_somebody_off)
{
    struct world *w = world_new(9, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_OK(world_await(w, admin_session_sign_off(&w->broker->context, world_actor(),
                                                    world_session(w, "anna")->row.id,
                                                    "the ward closes", world_op(w))));
    world_run_s(w, 1);
    SHOWS(w, "t1", "signed-off: ");
    world_run_s(w, 30);
    EXPECT(world_session(w, "anna") == NULL);
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 2);
    THE_END(w);
}

TEST(limits, an_administrator_takes_a_session_off_its_screen)
{
    struct world *w = world_new(10, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_OK(world_await(w, admin_session_disconnect(&w->broker->context, world_actor(),
                                                      world_session(w, "anna")->row.id,
                                                      "somebody else needs it", world_op(w))));
    world_run_s(w, 1);
    SHOWS(w, "t1", "disconnected: ");
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    THE_END(w);
}

TEST(limits, too_many_attempts_wait_here_and_not_elsewhere)
{
    struct world *w = world_new(11, WARD FLOATING);

    world_run_s(w, 15);
    for (int i = 0; i < 7; i++) {
        world_sign_on(w, "t1", "anna", "wrong pass");
        world_run_ms(w, 300);
    }
    EXPECT_SCREEN(w, "t1", "refused: TOO_MANY");
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    THE_END(w);
}

/* A limit began when it began: an administrator who changes the pool does not begin it anew, and no
 * wall clock is asked within one life of the broker.
 */
TEST(limits, a_changed_pool_and_a_wall_clock_that_was_set_end_nothing_early)
{
    struct world *w = world_new(20, WARD LIMITED("disconnected 120 absolute 100000"));
    struct row_pool row;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_disconnect(w, "t1");
    world_run_s(w, 60);
    w->environment.timers.wall_ms += (int64_t)24 * 3600 * 1000;
    row = world_pool(w, "ward-3")->row;
    row.spare = 2;
    EXPECT_OK(world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row, world_op(w))));
    world_run_s(w, 40);
    EXPECT(world_session(w, "anna") != NULL);
    world_run_s(w, 25);
    EXPECT(world_session(w, "anna") == NULL);
    THE_END(w);
}

/* The claim is on its way to disk when the news of the end comes: what is true then decides. */
TEST(limits, an_end_that_was_due_before_somebody_came_back_is_none_after)
{
    struct world *w = world_new(21, WARD FLOATING);
    struct ending ending = { .action = "session.guest_ended",
                             .reason = "signed-off",
                             .why = "The session was signed off inside the desktop",
                             .actor = "broker",
                             .role = "broker" };
    struct session *session;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_disconnect(w, "t1");
    world_run_s(w, 10);
    world_sign_on(w, "t2", "anna", "secret12");
    for (int i = 0; i < 10000 && !fake_store_waiting(w->broker->context.store); i++)
        world_run_ms(w, 1);
    session = world_session(w, "anna");
    EXPECT_INT(session->row.state, session_DISCONNECTED);
    ending.epoch = session->row.epoch;
    EXPECT_ERR(
        world_await(w, session_end(&w->broker->context, session->row.id, &ending, world_op(w))),
        BERTH_E_STATE);
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    /* Nor does a limit end what it does not limit any more. */
    session = world_session(w, "anna");
    ending = (struct ending){ .action = "session.limit",
                              .reason = "limit",
                              .why = "",
                              .actor = "broker",
                              .role = "broker",
                              .limit = true };
    EXPECT_ERR(
        world_await(w, session_end(&w->broker->context, session->row.id, &ending, world_op(w))),
        BERTH_E_STATE);
    EXPECT_SCREEN(w, "t2", "anna on ward-3-001");
    THE_END(w);
}

TEST_MAIN()
