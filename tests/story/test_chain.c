/* test_chain.c - from nothing to a desktop on the screen, and back. */
#include "story.h"

TEST(chain, a_pool_fills_itself_and_anna_gets_its_spare)
{
    struct world *w = world_new(1, WARD FLOATING);

    world_run_s(w, 15);
    EXPECT_SCREEN(w, "t1", "sign-on");
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    EXPECT_STR(world_desktop_state(w, "ward-3-001"), "ready");

    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_STR(world_owner(w, "ward-3-001"), "anna");
    EXPECT_INT(world_epoch(w, "ward-3-001"), 1);
    EXPECT_INT(world_session(w, "anna")->row.state, session_ACTIVE);
    EXPECT_INT(disk_audited(w->disk, "session.claim"), 1);
    THE_END(w);
}

TEST(chain, the_share_of_a_warm_sign_on_is_a_second)
{
    struct world *w = world_new(2, WARD FLOATING);
    int64_t began;

    world_run_s(w, 15);
    began = world_now_ms(w);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT(world_now_ms(w) - began < 1500);
    THE_END(w);
}

TEST(chain, a_spare_takes_the_place_of_the_one_given_away)
{
    struct world *w = world_new(3, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 2);
    /* The reaction comes at once, the machine when it has booted. */
    EXPECT(world_desktop(w, "ward-3-002") != NULL);
    world_run_s(w, 10);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    EXPECT_STR(world_owner(w, "ward-3-002"), "");
    THE_END(w);
}

TEST(chain, a_wrong_password_is_refused_and_the_right_one_is_not)
{
    struct world *w = world_new(4, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret13");
    EVENTUALLY(w, "t1", "refused: CREDENTIALS");
    world_sign_on(w, "t1", "nobody", "secret12");
    EVENTUALLY(w, "t1", "refused: CREDENTIALS");
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(chain, no_password_is_ever_on_disk)
{
    struct world *w = world_new(5, WARD FLOATING "pool manual manual\n"
                                                 "machine old pool manual at 10.9.0.1:3389\n"
                                                 "entitle user bob manual priority 9\n");

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EVENTUALLY(w, "t2", "bob on old");
    EXPECT(!disk_contains(w->disk, "secret12"));
    EXPECT(!disk_contains(w->disk, world_machine(w, "ward-3-001")->password.text));
    THE_END(w);
}

TEST(chain, sign_off_leaves_nothing_to_the_next_user)
{
    struct world *w = world_new(6, WARD "pool ward-3 floating image debian max 1 spare 1\n"
                                        "entitle everyone ward-3\n");

    world_run_s(w, 70); /* the recovery window of the start is over */
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_sign_off(w, "t1");
    world_run_s(w, 1);
    EXPECT_STR(world_owner(w, "ward-3-001"), "");
    EXPECT_INT(world_spares(w, "ward-3"), 0);

    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 2);
    EXPECT(world_epoch(w, "ward-3-001") >= 2);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_refresh, NULL, 0), 1);
    THE_END(w);
}

TEST(chain, the_password_of_a_session_dies_with_it)
{
    struct world *w =
        world_new(7, WARD "pool ward-3 floating image debian max 1 spare 1 release keep\n"
                          "entitle everyone ward-3\n");
    struct secret given;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    given = world_machine(w, "ward-3-001")->password;
    world_sign_off(w, "t1");
    world_run_s(w, 30);
    EXPECT(!secret_equal(&given, &world_machine(w, "ward-3-001")->password));
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_refresh, NULL, 0), 0);
    THE_END(w);
}

TEST(chain, a_dedicated_desktop_is_kept)
{
    struct world *w = world_new(8, WARD DEDICATED);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on own-001");
    world_sign_off(w, "t1");
    world_run_s(w, 30);
    EXPECT_STR(world_owner(w, "own-001"), "anna");
    EXPECT(world_session(w, "anna") == NULL);

    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on own-002");
    world_sign_on(w, "t3", "anna", "secret12");
    EVENTUALLY(w, "t3", "anna on own-001");
    EXPECT_INT(world_machine(w, "own-001")->generation, 1);
    THE_END(w);
}

TEST(chain, disconnect_keeps_the_session_and_its_user_returns_to_it)
{
    struct world *w = world_new(9, WARD FLOATING);
    uint64_t session;

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    session = world_session(w, "anna")->row.id;
    world_disconnect(w, "t1");
    world_run_s(w, 2);
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    EXPECT_STR(world_owner(w, "ward-3-001"), "anna");

    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    EXPECT_INT(world_session(w, "anna")->row.id, session);
    EXPECT_INT(world_epoch(w, "ward-3-001"), 3); /* leaving voids the first claim */
    THE_END(w);
}

TEST(chain, an_existing_machine_is_handed_out_and_never_touched)
{
    struct world *w = world_new(10, WARD "pool office manual\n"
                                         "machine old1 pool office at 10.9.0.1:3389\n"
                                         "entitle everyone office\n");

    world_run_s(w, 10);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on old1");
    world_sign_off(w, "t1");
    world_run_s(w, 70);
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on old1");
    EXPECT_INT(w->hypervisors->call_records_count -
                   hypervisors_count_calls(w->hypervisors, VIRT_list, NULL, 0) -
                   hypervisors_count_calls(w->hypervisors, VIRT_orphans, NULL, 0),
               0);
    THE_END(w);
}

TEST(chain, a_kiosk_signs_on_by_itself)
{
    struct world *w = world_new(11, WARD FLOATING "kioskuser lobby\n"
                                                  "terminal k1 place ward-3 kiosk lobby\n");

    world_run_s(w, 15);
    terminal_kiosk(world_terminal(w, "k1"));
    EVENTUALLY(w, "k1", "lobby on ward-3-001");
    terminal_kiosk(world_terminal(w, "t1"));
    EVENTUALLY(w, "t1", "refused: DENIED");
    THE_END(w);
}

TEST(chain, a_badge_needs_its_password)
{
    struct world *w = world_new(12, WARD FLOATING "badge anna 04AABBCC\n");

    world_run_s(w, 15);
    terminal_badge(world_terminal(w, "t1"), "04AABBCC", "wrong password");
    EVENTUALLY(w, "t1", "refused: CREDENTIALS");
    terminal_badge(world_terminal(w, "t1"), "04AABBCC", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(chain, a_person_may_change_their_mind)
{
    struct world *w = world_new(13, WARD FLOATING);

    world_run_s(w, 1); /* no desktop is ready yet */
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 1);
    EXPECT_SCREEN(w, "t1", "queue 1");
    terminal_cancel(world_terminal(w, "t1"));
    world_run_s(w, 20);
    EXPECT_SCREEN(w, "t1", "sign-on");
    EXPECT_STR(world_owner(w, "ward-3-001"), "");
    EXPECT(world_spares(w, "ward-3") >= 1);
    EXPECT_INT(world_flows(w), 0);
    THE_END(w);
}

TEST(chain, the_same_seed_tells_the_same_story)
{
    char first[NOTES_MAX][NOTE_TEXT];
    struct world *w = world_new(14, WARD FLOATING);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 60);
    memcpy(first, w->environment.notes, sizeof(first));
    THE_END(w);

    w = world_new(14, WARD FLOATING);
    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    world_run_s(w, 60);
    EXPECT(memcmp(first, w->environment.notes, sizeof(first)) == 0);
    THE_END(w);
}

TEST_MAIN()
