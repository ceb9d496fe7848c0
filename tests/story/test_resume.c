/* test_resume.c - a broken picture comes back by itself while its session still belongs to the
 * terminal, and nowhere else. */
#include "core/index.h"

#include "story.h"

#define PASSTHROUGH                                                            \
    "pool ward-3 floating image debian max 4 spare 1 credential passthrough\n" \
    "entitle everyone ward-3\n"
#define DISCONNECTED_ONLY                                                      \
    "pool ward-3 floating image debian max 4 spare 1 roam disconnected-only\n" \
    "entitle everyone ward-3\n"

/* Anna works at t1. */
static struct world *working(uint64_t seed, const char *lines)
{
    struct world *w = world_new(seed, lines);

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 5);
    return w;
}

static void lose(struct world *w, const char *terminal)
{
    terminal_lose(world_terminal(w, terminal));
}

static void ask(struct world *w, const char *terminal)
{
    terminal_resume(world_terminal(w, terminal), -1);
}

static struct connection *shown(struct world *w)
{
    return connection_of(world_core(w), world_session(w, "anna")->row.id);
}

/* It asked, and is told no with this. */
static void refused(struct world *w, const char *terminal, const char *words)
{
    world_run_s(w, 5);
    SHOWS(w, terminal, "refused: ");
    EXPECT_SAYS(world_said(w, terminal), words);
}

/* No claim was made of it. */
static void untouched(struct world *w, int64_t epoch)
{
    EXPECT_INT(world_epoch(w, "ward-3-001"), epoch);
    EXPECT(shown(w) == NULL);
}

static void comes_back(const char *lines)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world *w = working(seed, lines);
        uint64_t session = world_session(w, "anna")->row.id;
        uint64_t connection = shown(w)->row.id;

        lose(w, "t1");
        world_run_ms(w, seed % 2 ? 0 : 1500); /* before or after the loss was written down */
        ask(w, "t1");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        world_run_s(w, 5);
        EXPECT_INT(world_session(w, "anna")->row.id, session);
        EXPECT_INT(world_session(w, "anna")->row.state, session_ACTIVE);
        EXPECT_INT(world_epoch(w, "ward-3-001"), 2);
        EXPECT(shown(w)->row.id != connection);
        EXPECT_INT(shown(w)->row.state, connection_ACTIVE);
        EXPECT(!world_session(w, "anna")->detach_pending);
        THE_END(w);
    }
}

TEST(resume, a_broken_picture_comes_back_with_a_new_connection)
{
    comes_back(WARD FLOATING);
}

TEST(resume, also_where_the_desktop_takes_the_users_own_password)
{
    comes_back(WARD PASSTHROUGH);
}

TEST(resume, and_again_and_again)
{
    struct world *w = working(1, WARD PASSTHROUGH);

    for (int64_t epoch = 2; epoch <= 6; epoch++) {
        lose(w, "t1");
        world_run_s(w, 1);
        ask(w, "t1");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        EXPECT_INT(world_epoch(w, "ward-3-001"), epoch);
    }
    THE_END(w);
}

/* That its RDP server answered a moment ago is not believed any more. */
TEST(resume, who_signs_on_elsewhere_waits_for_the_desktop_that_was_lost)
{
    struct world *w = world_new(3, WARD PASSTHROUGH);
    struct machine *machine;

    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    machine = world_machine(w, "ward-3-001");
    machine->answers_ms = INT64_MAX;
    lose(w, "t1");
    world_run_ms(w, 100);
    world_sign_on(w, "t2", "anna", "secret12");
    world_run_s(w, 3);
    EXPECT(strstr(world_screen(w, "t2"), "anna on") == NULL);
    machine->answers_ms = 0;
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    EXPECT_INT(world_epoch(w, "ward-3-001"), 2);
    THE_END(w);
}

TEST(resume, a_desktop_out_of_reach_costs_nothing_and_is_asked_again)
{
    struct world *w = working(2, WARD PASSTHROUGH);
    struct machine *machine = world_machine(w, "ward-3-001");

    machine->answers_ms = INT64_MAX;
    lose(w, "t1");
    for (int i = 0; i < 3; i++) {
        ask(w, "t1");
        refused(w, "t1", "is not ready yet");
        untouched(w, 1);
    }
    machine->answers_ms = 0;
    ask(w, "t1");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_INT(world_epoch(w, "ward-3-001"), 2);
    THE_END(w);
}

/* All places of the probe are taken. */
TEST(resume, a_desktop_that_could_not_be_asked_is_asked_a_moment_later)
{
    struct world *w = working(3, WARD PASSTHROUGH);

    fake_probe_full(w->broker->context.probe, true);
    lose(w, "t1");
    ask(w, "t1");
    world_run_s(w, 20);
    untouched(w, 1);
    fake_probe_full(w->broker->context.probe, false);
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_INT(world_epoch(w, "ward-3-001"), 2);
    THE_END(w);
}

TEST(resume, a_session_that_was_taken_over_stays_there)
{
    struct world *w = working(3, WARD FLOATING);

    lose(w, "t1");
    world_run_s(w, 2);
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    ask(w, "t1");
    refused(w, "t1", "Your session moved to t2");
    EXPECT_SCREEN(w, "t2", "anna on ward-3-001");
    EXPECT_INT(world_epoch(w, "ward-3-001"), 2);
    /* Nor when it was left there since. */
    world_disconnect(w, "t2");
    world_run_s(w, 2);
    ask(w, "t1");
    refused(w, "t1", "Your session moved to t2");
    untouched(w, 3);
    THE_END(w);
}

TEST(resume, a_person_goes_before_a_terminal)
{
    struct world *w = working(16, WARD DISCONNECTED_ONLY);
    struct machine *machine = world_machine(w, "ward-3-001");

    lose(w, "t1");
    world_run_s(w, 2);
    machine->probe_delay_ms = 60000;
    ask(w, "t1");
    world_run_s(w, 1);
    SHOWS(w, "t1", "wait: reach");
    machine->probe_delay_ms = 0;
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    SHOWS(w, "t1", "refused: ");
    EXPECT_SAYS(world_said(w, "t1"), "moved to t2");
    EXPECT_INT(world_epoch(w, "ward-3-001"), 2);
    THE_END(w);
}

TEST(resume, a_terminal_does_not_disturb_a_person_who_signs_on_elsewhere)
{
    int gave_way = 0;

    for (int64_t ms = 0; ms < 400; ms += 10) {
        struct world *w = working(4, WARD FLOATING);

        lose(w, "t1");
        world_run_s(w, 2);
        world_sign_on(w, "t2", "anna", "secret12");
        world_run_ms(w, ms);
        ask(w, "t1");
        EVENTUALLY(w, "t2", "anna on ward-3-001");
        world_run_s(w, 5);
        EXPECT_SCREEN(w, "t2", "anna on ward-3-001");
        EXPECT(!shows_desktop_now(world_terminal(w, "t1")));
        if (strstr(world_said(w, "t1"), "You are signing on at t2"))
            gave_way++;
        THE_END(w);
    }
    EXPECT(gave_way > 0);
}

/* t1 asks for the picture that it was shown, as if that had broken just now. */
static void asks_for_what_was_taken_off(struct world *w, struct msg_show *show)
{
    struct fake_terminal *t1 = world_terminal(w, "t1");

    t1->lost = (struct msg_sign_on){ .session_id = show->session_id,
                                     .session_epoch = show->epoch,
                                     .connection_id = show->connection_id };
    t1->lost_at_ms = world_now_ms(w);
    ask(w, "t1");
    refused(w, "t1", "taken off this screen");
    untouched(w, 2);
    secret_wipe(&show->password);
}

/* Also when the viewer's end was heard first, and by a broker that was restarted since. */
TEST(resume, what_its_user_left_stays_left)
{
    for (int variant = 0; variant < 4; variant++) {
        struct world *w = working(5, WARD FLOATING);
        struct fake_terminal *t1 = world_terminal(w, "t1");
        struct msg_show show = t1->show;

        if (variant & 1) {
            lose(w, "t1");
            world_run_s(w, 1);
            t1->show = show;
        }
        world_disconnect(w, "t1");
        world_run_s(w, 1);
        if (variant & 2) {
            world_crash(w);
            world_restart(w);
            world_run_s(w, 10);
        }
        asks_for_what_was_taken_off(w, &show);
        THE_END(w);
    }
}

TEST(resume, what_is_over_stays_over)
{
    struct world *w = working(6, WARD FLOATING);

    lose(w, "t1");
    EXPECT_OK(
        world_await(w, admin_session_sign_off(&w->broker->context, world_actor(),
                                              world_session(w, "anna")->row.id, "", world_op(w))));
    ask(w, "t1");
    refused(w, "t1", "over");
    EXPECT(world_session(w, "anna") == NULL);
    THE_END(w);
}

TEST(resume, what_an_administrator_took_off_stays_off)
{
    struct world *w = working(7, WARD FLOATING);
    struct fake_terminal *t1 = world_terminal(w, "t1");
    struct msg_show show = t1->show;

    EXPECT_OK(world_await(w, admin_session_disconnect(&w->broker->context, world_actor(),
                                                      world_session(w, "anna")->row.id, "",
                                                      world_op(w))));
    world_run_s(w, 1);
    asks_for_what_was_taken_off(w, &show);
    THE_END(w);
}

/* Also after the picture broke: until its time has passed it might come back. */
TEST(resume, an_administrator_may_take_off_what_might_come_back)
{
    struct world *w = working(17, WARD FLOATING);
    uint64_t session = world_session(w, "anna")->row.id;

    lose(w, "t1");
    world_run_s(w, 2);
    EXPECT_OK(world_await(
        w, admin_session_disconnect(&w->broker->context, world_actor(), session, "", world_op(w))));
    ask(w, "t1");
    refused(w, "t1", "taken off this screen");
    untouched(w, 2);
    world_run_s(w, 62);
    EXPECT_ERR(world_await(w, admin_session_disconnect(&w->broker->context, world_actor(), session,
                                                       "", world_op(w))),
               BERTH_E_STATE);
    THE_END(w);
}

TEST(resume, a_disabled_user_gets_no_picture_back)
{
    struct world *w = working(8, WARD FLOATING);

    lose(w, "t1");
    world_run_s(w, 1);
    world_user(w, "anna")->row.disabled = true;
    ask(w, "t1");
    refused(w, "t1", "disabled");
    untouched(w, 1);
    world_user(w, "anna")->row.disabled = false;
    THE_END(w);
}

TEST(resume, the_next_person_does_not_get_it_much_later)
{
    static const int64_t said[] = { -1, 0 }; /* the truth, and a terminal whose clock stood */

    for (size_t i = 0; i < BERTH_COUNT(said); i++) {
        struct world *w = working(9, WARD PASSTHROUGH);

        lose(w, "t1");
        world_run_s(w, 62);
        terminal_resume(world_terminal(w, "t1"), said[i]);
        refused(w, "t1", "more than 60 s ago");
        untouched(w, 1);
        THE_END(w);
    }
}

TEST(resume, nor_when_only_the_terminal_knows_how_long_ago_it_was)
{
    struct world *w = working(10, WARD FLOATING);

    lose(w, "t1");
    terminal_resume(world_terminal(w, "t1"), 60001);
    refused(w, "t1", "more than 60 s ago");
    untouched(w, 1);
    THE_END(w);
}

static void never(struct world *w, struct core *core)
{
    (void)w;
    core->limits.resume_ms = 0;
}

TEST(resume, it_can_be_switched_off)
{
    struct world *w = world_made(11, WARD PASSTHROUGH);

    w->broker_made = never;
    world_begin(w);
    world_run_s(w, 15);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_INT(world_terminal(w, "t1")->show.resume_ms, 0);
    lose(w, "t1");
    ask(w, "t1");
    refused(w, "t1", "Sign on");
    untouched(w, 1);
    THE_END(w);
}

TEST(resume, another_terminal_gets_nothing_and_learns_nothing)
{
    struct world *w = working(12, WARD FLOATING);

    lose(w, "t1");
    world_terminal(w, "t3")->lost = world_terminal(w, "t1")->lost;
    terminal_resume(world_terminal(w, "t3"), 0);
    refused(w, "t3", "shown elsewhere, or is over");
    untouched(w, 1);
    ask(w, "t1");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    terminal_resume(world_terminal(w, "t3"), 0);
    refused(w, "t3", "shown elsewhere, or is over");
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(resume, it_survives_a_restart_of_the_broker)
{
    for (int lost_first = 0; lost_first < 2; lost_first++) {
        struct world *w = working(13, WARD FLOATING);

        if (lost_first) {
            lose(w, "t1");
            world_run_s(w, 2);
        }
        world_crash(w);
        if (!lost_first)
            lose(w, "t1");
        world_restart(w);
        world_run_s(w, 10);
        ask(w, "t1");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        EXPECT_INT(world_epoch(w, "ward-3-001"), 2);
        THE_END(w);
    }
}

TEST(resume, a_password_does_not_survive_a_restart_and_that_is_said)
{
    struct world *w = working(14, WARD PASSTHROUGH);

    lose(w, "t1");
    world_run_s(w, 2);
    world_crash(w);
    world_restart(w);
    world_run_s(w, 10);
    ask(w, "t1");
    refused(w, "t1", "has not kept your password; sign on");
    untouched(w, 1);
    THE_END(w);
}

/* The claim is durable, and the terminal never hears of it. */
TEST(resume, an_answer_that_was_lost_is_asked_for_again)
{
    struct world *w = working(15, WARD PASSTHROUGH);

    lose(w, "t1");
    world_run_s(w, 2);
    ask(w, "t1");
    PASS_UNTIL(w, 1, world_epoch(w, "ward-3-001") > 1);
    EXPECT_INT(world_epoch(w, "ward-3-001"), 2);
    EXPECT(!shows_desktop_now(world_terminal(w, "t1")));
    terminal_break(world_terminal(w, "t1"));
    world_run_s(w, 5);
    EXPECT(!shows_desktop_now(world_terminal(w, "t1")));
    ask(w, "t1");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_INT(world_epoch(w, "ward-3-001"), 3);
    THE_END(w);
}

TEST_MAIN()
