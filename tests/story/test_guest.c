/* test_guest.c - what the guest says of its session. */
#include "story.h"

TEST(guest, a_log_off_inside_the_desktop_ends_the_session)
{
    struct world *w = world_new(1, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    SOON(w, "t1", "anna on ward-3-001");
    world_run_s(w, 1); /* that the picture is there is on the disk: only then a guest is asked */
    farm_guest_ends(world_machine(w, "ward-3-001"));
    world_run_s(w, 3);
    EXPECT(world_session(w, "anna") == NULL);
    EXPECT_STR(world_owner(w, "ward-3-001"), "");
    EXPECT_INT(disk_audited(w->disk, "session.guest_ended"), 1);
    THE_END(w);
}

TEST(guest, a_viewer_that_ends_alone_ends_no_session)
{
    struct world *w = world_new(2, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    SOON(w, "t1", "anna on ward-3-001");
    world_terminal(w, "t1")->picture.ended(&world_terminal(w, "t1")->picture, 131, "network");
    world_run_s(w, 30);
    EXPECT(world_session(w, "anna") != NULL);
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    EXPECT_INT(disk_audited(w->disk, "session.guest_ended"), 0);
    THE_END(w);
}

TEST(guest, a_log_off_that_was_overtaken_ends_nothing)
{
    struct world *w = world_new(3, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    SOON(w, "t1", "anna on ward-3-001");
    world_terminal(w, "t1")->picture.ended(&world_terminal(w, "t1")->picture, 131, "network");
    world_run_ms(w, 200);
    world_sign_on(w, "t2", "anna", "secret12"); /* before the guest was asked */
    SOON(w, "t2", "anna on ward-3-001");
    world_run_s(w, 20);
    EXPECT_SCREEN(w, "t2", "anna on ward-3-001");
    EXPECT_INT(world_session(w, "anna")->row.state, session_ACTIVE);
    THE_END(w);
}

TEST(guest, a_session_that_nobody_ends_is_ended_by_its_limit)
{
    struct world *w =
        world_new(4, WARD "pool ward-3 floating image debian max 2 spare 1 credential passthrough "
                          "disconnected 60\n"
                          "entitle everyone ward-3\n");

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    SOON(w, "t1", "anna on ward-3-001");
    world_disconnect(w, "t1");
    world_run_s(w, 30);
    EXPECT(world_session(w, "anna") != NULL);
    world_run_s(w, 60);
    EXPECT(world_session(w, "anna") == NULL);
    THE_END(w);
}

TEST(guest, a_machine_that_died_under_a_session_comes_back_with_a_password_that_nobody_knows)
{
    struct world *w =
        world_new(5, WARD "pool ward-3 floating image debian max 1 spare 1 release keep\n"
                          "entitle everyone ward-3\n");
    struct machine *machine;
    struct secret password;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    SOON(w, "t1", "anna on ward-3-001");
    world_run_s(w, 1);
    machine = world_machine(w, "ward-3-001");
    password = machine->password;
    EXPECT(password.text[0] != '\0');
    farm_kill(machine, "crashed");
    world_run_s(w, 60);
    EXPECT(world_session(w, "anna") == NULL);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    EXPECT(strcmp(machine->password.text, password.text) != 0);
    THE_END(w);
}

TEST_MAIN()
