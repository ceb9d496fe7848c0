/* test_guest.c - the guest's reports about its session. */
#include "story.h"

TEST(guest, a_log_off_inside_the_desktop_ends_the_session)
{
    struct world *w = world_new(1, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 1); /* that the picture is there is on the disk: only then a guest is asked */
    machine_guest_logs_off(world_machine(w, "ward-3-001"));
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
    EVENTUALLY(w, "t1", "anna on ward-3-001");
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
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_terminal(w, "t1")->picture.ended(&world_terminal(w, "t1")->picture, 131, "network");
    world_run_ms(w, 200);
    world_sign_on(w, "t2", "anna", "secret12"); /* before the guest was asked */
    EVENTUALLY(w, "t2", "anna on ward-3-001");
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
    EVENTUALLY(w, "t1", "anna on ward-3-001");
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
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 1);
    machine = world_machine(w, "ward-3-001");
    password = machine->password;
    EXPECT(password.text[0] != '\0');
    machine_kill(machine, "crashed");
    world_run_s(w, 60);
    EXPECT(world_session(w, "anna") == NULL);
    EXPECT_INT(world_spares(w, "ward-3"), 1);
    EXPECT(strcmp(machine->password.text, password.text) != 0);
    THE_END(w);
}

/* ---- saved memory ---- */

#define KEPT                                                      \
    WARD "pool ward-3 floating image debian max 1 release keep\n" \
         "entitle everyone ward-3\n"

/* Anna works; then her machine's memory is saved, and her session is lost. It was not started again
 * yet. */
static struct world *saved_under_anna(uint64_t seed, const char *lines, const char *desktop)
{
    struct world *w = world_new(seed, lines);
    char screen[64];

    (void)snprintf(screen, sizeof(screen), "anna on %s", desktop);
    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", screen);
    machine_save(world_machine(w, desktop));
    for (int i = 0; i < 600 && world_session(w, "anna"); i++)
        world_run_ms(w, 5);
    EXPECT(!world_session(w, "anna") && world_machine(w, desktop)->saved);
    return w;
}

TEST(guest, a_machine_that_was_saved_boots_for_the_next_person)
{
    struct world *w = saved_under_anna(11, KEPT, "ward-3-001");

    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    THE_END(w); /* where a machine reports a user who gets another user's session */
}

TEST(guest, the_next_person_finds_nobody_signed_on_in_a_machine_that_somebody_restored)
{
    struct world *w = saved_under_anna(12, KEPT, "ward-3-001");
    const char *uuid = world_desktop(w, "ward-3-001")->row.uuid;

    machine_restore(world_machine(w, "ward-3-001"));
    world_run_s(w, 20);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_sign_off, uuid, 0), 1);
    world_sign_on(w, "t2", "bob", "secret12");
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    THE_END(w);
}

TEST(guest, a_restored_machine_signs_off_also_for_somebody_who_waits_for_it)
{
    struct world *w = saved_under_anna(13, KEPT, "ward-3-001");

    world_sign_on(w, "t2", "bob", "secret12");
    machine_restore(world_machine(w, "ward-3-001"));
    EVENTUALLY(w, "t2", "bob on ward-3-001");
    THE_END(w);
}

TEST(guest, the_owner_of_a_saved_desktop_goes_on_where_they_were)
{
    struct world *w = saved_under_anna(14, WARD DEDICATED, "own-001");

    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on own-001");
    EXPECT_INT(world_machine(w, "own-001")->boots, 1);
    EXPECT_INT(hypervisors_count_calls(w->hypervisors, VIRT_sign_off, NULL, 0), 0);
    THE_END(w);
}

TEST_MAIN()
