/* test_roam.c - a session follows its user and is never at two terminals. */
#include "core/index.h"

#include "story.h"

/* How many terminals show a desktop with this name now. */
static int screens_of(struct world *w, const char *text)
{
    int count = 0;

    list_each (&w->terminals, node) {
        const struct fake_terminal *terminal = list_entry(node, struct fake_terminal, node);

        if (strcmp(world_screen(w, terminal->name), text) == 0)
            count++;
    }
    return count;
}

TEST(roam, the_session_follows_and_the_old_terminal_says_where_it_went)
{
    struct world *w = world_new(1, WARD FLOATING);
    uint64_t session;

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    session = world_session(w, "anna")->row.id;
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    EXPECT_SCREEN(w, "t1", "moved: Your session moved to t2");
    EXPECT_INT(world_session(w, "anna")->row.id, session);
    EXPECT_INT(world_epoch(w, "ward-3-001"), 2);
    THE_END(w);
}

TEST(roam, two_sign_ons_in_one_millisecond_make_one_screen)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = world_new(seed, WARD FLOATING);
        bool on_first;

        world_run_s(w, 15);
        world_sign_on(w, "t1", "anna", "secret12");
        world_sign_on(w, "t2", "anna", "secret12");
        world_run_s(w, 10);
        EXPECT_INT(screens_of(w, "anna on ward-3-001"), 1);
        on_first = strcmp(world_screen(w, "t1"), "anna on ward-3-001") == 0;
        /* The other one says why, whether or not it had the picture for a moment. */
        EXPECT(strcmp(world_screen(w, on_first ? "t2" : "t1"), "sign-on") != 0);
        EXPECT_SAYS(world_said(w, on_first ? "t2" : "t1"), on_first ? "t1" : "t2");
        EXPECT_INT(world_session(w, "anna")->row.epoch, world_epoch(w, "ward-3-001"));
        THE_END(w);
    }
}

TEST(roam, two_roams_in_one_millisecond_make_one_screen)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = world_new(seed, WARD FLOATING);
        int64_t epoch;

        world_run_s(w, 15);
        world_sign_on(w, "t1", "anna", "secret12");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        epoch = world_epoch(w, "ward-3-001");
        world_sign_on(w, "t2", "anna", "secret12");
        world_sign_on(w, "t3", "anna", "secret12");
        world_run_s(w, 10);
        EXPECT_INT(screens_of(w, "anna on ward-3-001"), 1);
        EXPECT(strcmp(world_screen(w, "t1"), "anna on ward-3-001") != 0);
        EXPECT(world_epoch(w, "ward-3-001") > epoch);
        THE_END(w);
    }
}

TEST(roam, a_terminal_without_network_keeps_nothing_once_the_guest_has_let_go)
{
    struct world *w = world_new(2, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_cut(w, "t1", true); /* the broker's words do not reach it */
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    EXPECT_SCREEN(w, "t1", "ended: replaced");
    /* It comes back and must not take the picture again. */
    world_cut(w, "t1", false);
    world_run_s(w, 60);
    EXPECT_SCREEN(w, "t2", "anna on ward-3-001");
    EXPECT_INT(screens_of(w, "anna on ward-3-001"), 1);
    THE_END(w);
}

TEST(roam, disconnected_only_keeps_a_session_on_its_screen)
{
    struct world *w =
        world_new(3, WARD "pool ward-3 floating image debian max 4 roam disconnected-only\n"
                          "entitle everyone ward-3\n");

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_sign_on(w, "t2", "anna", "secret12");
    world_run_s(w, 5);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    SHOWS(w, "t2", "refused: ");
    EXPECT_SAYS(world_said(w, "t2"), "t1");

    world_disconnect(w, "t1");
    world_run_s(w, 1);
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    THE_END(w);
}

TEST(roam, same_terminal_shows_it_nowhere_else)
{
    struct world *w =
        world_new(4, WARD "pool ward-3 floating image debian max 4 roam same-terminal\n"
                          "entitle everyone ward-3\n");

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_disconnect(w, "t1");
    world_run_s(w, 1);
    world_sign_on(w, "t2", "anna", "secret12");
    world_run_s(w, 5);
    SHOWS(w, "t2", "refused: ");
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(roam, the_same_terminal_again_is_no_roam_and_flickers_once)
{
    struct world *w = world_new(5, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 5);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    EXPECT_INT(screens_of(w, "anna on ward-3-001"), 1);
    EXPECT_STR(world_owner(w, "ward-3-002"), "");
    THE_END(w);
}

TEST(roam, another_person_at_the_same_terminal_sees_their_own)
{
    struct world *w = world_new(6, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 10);
    world_sign_on(w, "t1", "bob", "secret12");
    EVENTUALLY(w, "t1", "bob on ward-3-002");
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    /* Anna's goes on and is hers at the next terminal. */
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    EXPECT_SCREEN(w, "t1", "bob on ward-3-002");
    THE_END(w);
}

TEST(roam, hand_to_hand_round_the_ward)
{
    static const char *const places[] = { "t1", "t2", "t3" };
    struct world *w = world_new(7, WARD FLOATING);

    world_run_s(w, 15);
    for (int i = 0; i < 30; i++) {
        world_sign_on(w, places[i % 3], "anna", "secret12");
        EVENTUALLY(w, places[i % 3], "anna on ward-3-001");
        EXPECT_INT(screens_of(w, "anna on ward-3-001"), 1);
        EXPECT_INT(world_epoch(w, "ward-3-001"), i + 1);
    }
    THE_END(w);
}

TEST(roam, a_roam_called_off_leaves_the_session_findable)
{
    struct world *w = world_new(8, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    for (int64_t ms = 100; ms < 400; ms += 13) {
        world_sign_on(w, "t2", "anna", "secret12");
        world_run_ms(w, ms);
        terminal_cancel(world_terminal(w, "t2"));
        world_run_s(w, 2);
        world_sign_on(w, "t1", "anna", "secret12");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        EXPECT(screens_of(w, "anna on ward-3-001") == 1);
    }
    THE_END(w);
}

TEST(roam, a_screen_that_was_cleared_for_somebody_who_went_on_at_once_is_clear)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world *w = world_new(seed, WARD FLOATING);

        world_run_s(w, 15);
        world_sign_on(w, "t1", "anna", "secret12");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        world_run_s(w, 15);
        /* Bob begins where Anna works, and a few milliseconds later elsewhere: he is overtaken by
         * himself. */
        world_sign_on(w, "t1", "bob", "secret12");
        world_run_ms(w, (int64_t)(seed % 20));
        world_sign_on(w, "t2", "bob", "secret12");
        EVENTUALLY(w, "t2", "bob on ward-3-002");
        world_run_s(w, 5);
        EXPECT_INT(world_session(w, "anna")->row.state == session_ACTIVE,
                   strcmp(world_screen(w, "t1"), "anna on ward-3-001") == 0);
        THE_END(w);
    }
}

TEST(roam, a_failed_sign_on_leaves_no_picture_that_nobody_knows_of)
{
    struct world *w = world_new(9, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 10);
    world_host_down(w, "kvm1", true);
    world_run_s(w, 3);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 60);
    EXPECT_INT(world_session(w, "anna")->row.state == session_ACTIVE,
               strcmp(world_screen(w, "t1"), "anna on ward-3-001") == 0);
    world_host_down(w, "kvm1", false);
    world_run_s(w, 10);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

/* ---- a choice that is made anew ---- */

static void heard(struct op *op, int result)
{
    (void)op;
    (void)result;
}

/* What a session says works on it is there. */
static void flows_are_there(struct world *w)
{
    if (!w->broker)
        return;
    list_each (core_all(world_core(w), ENTITY_session), entity) {
        const struct session *session = container_of(entity_of(entity), struct session, base);
        bool there = !session->flow;

        list_each (&w->broker->context.engine.flows, node)
            there |= list_entry(node, struct flow, node) == session->flow;
        if (!there)
            environment_fault(&w->environment, "session %llu names a flow that has ended",
                              (unsigned long long)session->row.id);
    }
}

/* While anna roams, her session is disconnected and the pool is closed to her, in one batch with
 * her claim, sooner or later: her sign-on chooses anew, and there is nothing for her any more.
 */
static void roam_into_a_closed_pool(int after_ms)
{
    struct world *w = world_new(30 + (uint64_t)after_ms, WARD FLOATING);
    struct op disconnect, drop;
    struct row_user row;
    uint64_t entitlement;

    w->each_turn = flows_are_there;
    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 5);
    op_init(&disconnect, &w->broker->timers, heard);
    op_init(&drop, &w->broker->timers, heard);
    entitlement = ((const struct row_entitlement *)entity_row_of(index_first(
                       world_core(w), ENTITLEMENTS_OF_POOL, world_pool(w, "ward-3")->row.id)))
                      ->id;
    world_sign_on(w, "t2", "anna", "secret12");
    world_run_ms(w, after_ms);
    EXPECT(admin_session_disconnect(&w->broker->context, world_actor(),
                                    world_session(w, "anna")->row.id, "", &disconnect) <= 0);
    EXPECT_OK(
        admin_drop(&w->broker->context, world_actor(), ENTITY_entitlement, entitlement, &drop));
    world_run_s(w, 5);
    row = world_user(w, "anna")->row;
    row.disabled = true;
    row.version = 0;
    EXPECT_OK(world_await(
        w, admin_set(&w->broker->context, world_actor(), ENTITY_user, &row, world_op(w))));
    world_run_s(w, 5);
    EXPECT_OK(
        world_await(w, admin_session_sign_off(&w->broker->context, world_actor(),
                                              world_session(w, "anna")->row.id, "", world_op(w))));
    world_run_s(w, 20);
    EXPECT(!world_session(w, "anna"));
    THE_END(w);
}

TEST(roam, a_choice_that_is_made_anew_leaves_nothing_behind)
{
    for (int after_ms = 0; after_ms < 120; after_ms++)
        roam_into_a_closed_pool(after_ms);
}

/* Commits are slow, Bob has the only desktop of b, Anna waits for it at t3 and signs on to a at t1.
 */
static struct world *anna_in_two_pools(uint64_t seed)
{
    struct world *w = world_new(seed, WARD "terminal t4 place icu\n"
                                           "pool a floating image debian max 2 spare 1\n"
                                           "pool b floating image debian max 1 spare 1\n"
                                           "entitle everyone a\n"
                                           "entitle everyone b\n");

    world_run_s(w, 70);
    w->broker->context.store->slowest_ms = 400;
    world_sign_on_to(w, "t4", "bob", "secret12", "b");
    world_run_s(w, 5);
    world_sign_on_to(w, "t3", "anna", "secret12", "b");
    world_run_s(w, 2);
    EXPECT_SCREEN(w, "t3", "queue 1");
    world_sign_on_to(w, "t1", "anna", "secret12", "a");
    return w;
}

/* At t2 she takes it over and changes her mind: whenever that is, her session is worked on or
 * rests.
 */
static size_t preparing_for_ever(int t2_at_ms, int cancelled_ms)
{
    struct world *w = anna_in_two_pools((uint64_t)(1000 * t2_at_ms + cancelled_ms));
    size_t count = 0;

    world_run_ms(w, t2_at_ms);
    world_sign_on_to(w, "t2", "anna", "secret12", "a");
    world_run_ms(w, cancelled_ms);
    terminal_cancel(world_terminal(w, "t2"));
    world_run_s(w, 40);
    list_each (core_all(world_core(w), ENTITY_session), node) {
        const struct session *session = container_of(entity_of(node), struct session, base);

        count += session->row.state == session_PREPARING && !session->flow;
    }
    THE_END(w);
    return count;
}

TEST(roam, a_sign_on_to_another_pool_leaves_no_session_preparing)
{
    for (int at_ms = 8; at_ms < 320; at_ms += 8)
        for (int later_ms = 0; later_ms < 160; later_ms += 8)
            EXPECT_INT(preparing_for_ever(at_ms, later_ms), 0);
}

TEST_MAIN()
