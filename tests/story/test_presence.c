/* test_presence.c - presence with a deadline: only the latest grant counts, and losing it destroys
 * nothing. */
#include "core/presence.h"
#include "core/user_location.h"
#include "flow/context.h"

#include "story.h"

static struct presence *presence_of(struct world *w, const char *terminal)
{
    return terminal_by_name(world_core(w), terminal)->presence;
}

/* Say a renewal by hand, with whatever id and sequence. */
static void renew(struct world *w, const char *name, const char *id, int64_t seq, int64_t want_ms)
{
    struct fake_terminal *terminal = world_terminal(w, name);
    struct msg msg = { .type = MSG_renew };

    (void)snprintf(msg.renew.presence_id, sizeof(msg.renew.presence_id), "%s", id);
    msg.renew.seq = seq;
    msg.renew.want_expires_in_ms = want_ms;
    msg.renew.screen = screen_state_SIGN_ON;
    terminal_say(terminal, &msg);
    world_run_ms(w, 10);
}

TEST(presence, a_terminal_is_present_as_long_as_it_renews)
{
    struct world *w = world_new(1, WARD FLOATING);

    world_run_s(w, 3600);
    EXPECT_STR(world_presence(w, "t1"), "present");
    EXPECT_INT(w->lives, 1);
    THE_END(w);
}

TEST(presence, silence_makes_it_suspect_and_then_absent)
{
    struct world *w = world_new(2, WARD FLOATING);

    world_run_s(w, 30);
    world_silence(w, "t1");
    world_run_s(w, 3); /* its last renewal was at most 11 s before */
    EXPECT_STR(world_presence(w, "t1"), "present");
    world_run_s(w, 15);
    EXPECT_STR(world_presence(w, "t1"), "suspect");
    world_run_s(w, 16);
    EXPECT_STR(world_presence(w, "t1"), "absent");
    EXPECT_STR(world_presence(w, "t2"), "present");
    THE_END(w);
}

TEST(presence, absence_disconnects_and_never_releases)
{
    struct world *w = world_new(3, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_cut(w, "t1", true);
    world_run_s(w, 3600);
    EXPECT_STR(world_presence(w, "t1"), "absent");
    EXPECT_STR(world_owner(w, "ward-3-001"), "anna");
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    EXPECT_INT(world_machine(w, "ward-3-001")->generation, 1);
    /* It was only the network: the picture stood all the time, and counts again. */
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    world_cut(w, "t1", false);
    world_run_s(w, 60);
    EXPECT_STR(world_presence(w, "t1"), "present");
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    EXPECT_INT(world_session(w, "anna")->row.state, session_ACTIVE);
    THE_END(w);
}

/* Back after its absence, and its person leaves before it is on disk that it shows the session. */
static void back_and_left(uint64_t seed, bool full)
{
    struct world *w = world_new(seed, WARD FLOATING);
    struct fake_terminal *t1;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    t1 = world_terminal(w, "t1");
    world_cut(w, "t1", true);
    world_run_s(w, 600);
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    w->broker->context.store->slowest_ms = 8000;
    world_disk_full(w, full);
    world_cut(w, "t1", false);
    PASS_UNTIL(w, 1, !list_empty(&w->broker->context.retried_writes));
    terminal_disconnect(t1);
    world_run_s(w, 20);
    world_disk_full(w, false);
    world_run_s(w, 60);
    EXPECT(!shows_desktop_now(t1));
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    THE_END(w);
}

TEST(presence, who_is_back_and_leaves_at_once_has_left)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        back_and_left(seed, false);
        back_and_left(seed, true);
    }
}

TEST(presence, a_broken_link_is_suspect_only_after_its_grace)
{
    struct world *w = world_new(4, WARD FLOATING);

    world_run_s(w, 30);
    world_terminal(w, "t1")->cut = true; /* it cannot come back */
    terminal_break(world_terminal(w, "t1"));
    world_run_s(w, 3);
    EXPECT_STR(world_presence(w, "t1"), "present");
    world_run_s(w, 4);
    EXPECT_STR(world_presence(w, "t1"), "suspect");
    world_cut(w, "t1", false);
    world_run_s(w, 20);
    EXPECT_STR(world_presence(w, "t1"), "present");
    THE_END(w);
}

TEST(presence, a_newer_value_replaces_the_deadline_also_with_a_shorter_one)
{
    struct world *w = world_new(5, WARD FLOATING);
    struct fake_terminal *t1;

    world_run_s(w, 30);
    t1 = world_terminal(w, "t1");
    world_silence(w, "t1");
    world_run_s(w, 1);
    renew(w, "t1", t1->presence_id, t1->seq + 1, 200000);
    EXPECT_INT(presence_of(w, "t1")->granted_ms, 200000);
    renew(w, "t1", t1->presence_id, t1->seq + 2, 6000);
    EXPECT_INT(presence_of(w, "t1")->granted_ms, 6000);
    world_run_s(w, 5);
    EXPECT_STR(world_presence(w, "t1"), "present");
    world_run_s(w, 2);
    EXPECT_STR(world_presence(w, "t1"), "absent");
    THE_END(w);
}

TEST(presence, values_out_of_bounds_are_granted_at_the_bound)
{
    struct world *w = world_new(6, WARD FLOATING);
    struct fake_terminal *t1;

    world_run_s(w, 30);
    t1 = world_terminal(w, "t1");
    world_silence(w, "t1");
    renew(w, "t1", t1->presence_id, t1->seq + 1, 1);
    EXPECT_INT(t1->granted_ms, PRESENCE_MIN_MS);
    renew(w, "t1", t1->presence_id, t1->seq + 2, 86400000);
    EXPECT_INT(t1->granted_ms, PRESENCE_MAX_MS);
    THE_END(w);
}

TEST(presence, an_older_sequence_changes_nothing)
{
    struct world *w = world_new(7, WARD FLOATING);
    struct fake_terminal *t1;

    world_run_s(w, 30);
    t1 = world_terminal(w, "t1");
    world_silence(w, "t1");
    renew(w, "t1", t1->presence_id, 1000, 60000);
    renew(w, "t1", t1->presence_id, 999, 6000);
    renew(w, "t1", t1->presence_id, 1000, 6000);
    EXPECT_INT(presence_of(w, "t1")->granted_ms, 60000);
    EXPECT_INT(world_core(w)->presence->stale, 2);
    THE_END(w);
}

TEST(presence, goodbye_ends_it_at_once)
{
    struct world *w = world_new(8, WARD FLOATING);

    world_run_s(w, 30);
    terminal_bye(world_terminal(w, "t1"));
    world_run_ms(w, 20);
    EXPECT_STR(world_presence(w, "t1"), "absent");
    THE_END(w);
}

TEST(presence, an_id_that_is_over_is_never_accepted_again)
{
    struct world *w = world_new(9, WARD FLOATING);
    struct fake_terminal *t1;
    char old[40];

    world_run_s(w, 30);
    t1 = world_terminal(w, "t1");
    (void)snprintf(old, sizeof(old), "%s", t1->presence_id);
    terminal_break(t1);
    world_run_s(w, 5);
    EXPECT(strcmp(old, t1->presence_id) != 0); /* a new announcement, a new id */
    EXPECT_STR(world_presence(w, "t1"), "present");
    renew(w, "t1", old, 5000, 0);
    EXPECT(world_core(w)->presence->unknown >= 1);
    EXPECT(strcmp(presence_of(w, "t1")->id, old) != 0);
    THE_END(w);
}

TEST(presence, a_second_connection_of_one_key_takes_over)
{
    struct world *w = world_new(10, WARD FLOATING);
    struct fake_terminal *twin;
    struct fake_terminal *t1;

    world_run_s(w, 30);
    t1 = world_terminal(w, "t1");
    world_add_terminal(w, "twin", "");
    twin = world_terminal(w, "twin");
    (void)snprintf(twin->key_hash, sizeof(twin->key_hash), "%s", t1->key_hash);
    (void)snprintf(twin->certificate, sizeof(twin->certificate), "%s", t1->certificate);
    t1->cut = true; /* it is taken over once and does not fight for its place */
    world_run_s(w, 5);
    EXPECT(twin->present);
    EXPECT(!t1->present);
    EXPECT_STR(world_presence(w, "t1"), "present");
    THE_END(w);
}

TEST(presence, a_standstill_of_the_broker_expires_nobody)
{
    struct world *w = world_new(11, WARD FLOATING);

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 10);
    world_freeze(w, 100000);
    EXPECT_STR(world_presence(w, "t1"), "present");
    EXPECT_STR(world_presence(w, "t2"), "present");
    for (int i = 0; i < 60; i++) {
        world_run_s(w, 1);
        EXPECT(strcmp(world_presence(w, "t1"), "absent") != 0);
        EXPECT(strcmp(world_presence(w, "t2"), "absent") != 0);
    }
    EXPECT_STR(world_presence(w, "t1"), "present");
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    THE_END(w);
}

TEST(presence, a_restart_presumes_and_takes_the_old_id_up_again)
{
    struct world *w = world_new(12, WARD FLOATING);

    world_run_s(w, 30);
    world_crash(w);
    world_restart(w);
    EXPECT_STR(world_presence(w, "t1"), "presumed");
    world_run_s(w, 15);
    EXPECT_STR(world_presence(w, "t1"), "present");
    EXPECT_INT(presence_of(w, "t1")->takeovers, 0);
    THE_END(w);
}

TEST(presence, back_in_the_very_moment_in_which_absence_is_written)
{
    for (int64_t ms = 0; ms < 60; ms += 2) {
        struct world *w = world_new((uint64_t)ms + 1, WARD FLOATING);
        struct fake_terminal *t1;

        world_run_s(w, 70);
        world_sign_on(w, "t1", "anna", "secret12");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        world_run_s(w, 10);
        t1 = world_terminal(w, "t1");
        t1->cut = true;
        terminal_break(t1);
        PASS_UNTIL(w, 1, strcmp(world_presence(w, "t1"), "absent") == 0);
        t1->cut = false;
        timer_start(&w->environment.timers, &t1->reconnect, ms, t1->reconnect.fire);
        world_run_s(w, 30);
        EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
        EXPECT_INT(world_session(w, "anna")->row.state, session_ACTIVE);
        THE_END(w);
    }
}

static struct world *fleet(uint64_t seed, int count)
{
    static char lines[65536];
    size_t length = (size_t)snprintf(lines, sizeof(lines), WARD);

    for (int i = 0; i < count; i++)
        length += (size_t)snprintf(lines + length, sizeof(lines) - length,
                                   "terminal f%d place ward-3\n", i);
    return world_new(seed, lines);
}

static int count_in(struct world *w, int count, const char *state)
{
    int found = 0;
    char name[16];

    for (int i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "f%d", i);
        found += strcmp(world_presence(w, name), state) == 0;
    }
    return found;
}

static void cut_fleet(struct world *w, int count, bool cut)
{
    char name[16];

    for (int i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "f%d", i);
        terminal_cut(world_terminal(w, name), cut);
    }
}

TEST(presence, when_a_whole_site_vanishes_nothing_is_concluded)
{
    struct world *w = fleet(13, 100);

    world_run_s(w, 60);
    EXPECT_INT(count_in(w, 100, "present"), 100);
    cut_fleet(w, 100, true); /* a switch died */
    world_run_s(w, 120);
    EXPECT(count_in(w, 100, "suspect") >= 70);
    EXPECT(world_core(w)->presence->holds >= 1);
    cut_fleet(w, 100, false);
    world_run_s(w, 120);
    EXPECT_INT(count_in(w, 100, "present"), 100);
    THE_END(w);
}

TEST(presence, a_site_that_stays_away_is_given_up_slowly)
{
    struct world *w = fleet(14, 100);
    int absent_then;

    world_run_s(w, 60);
    cut_fleet(w, 100, true);
    world_run_s(w, 120);
    absent_then = count_in(w, 100, "absent");
    world_run_s(w, 300 + 100);
    EXPECT(count_in(w, 100, "absent") > absent_then);
    EXPECT(count_in(w, 100, "absent") <= absent_then + 30); /* one in ten seconds */
    world_run_s(w, 1200);
    EXPECT_INT(count_in(w, 100, "absent"), 100);
    THE_END(w);
}

TEST(presence, a_few_that_vanish_are_simply_gone)
{
    struct world *w = fleet(15, 100);

    world_run_s(w, 60);
    cut_fleet(w, 10, true);
    world_run_s(w, 60);
    EXPECT_INT(count_in(w, 10, "absent"), 10);
    EXPECT_INT(world_core(w)->presence->holds, 0);
    THE_END(w);
}

TEST(presence, a_fleet_is_back_after_a_restart_and_nobody_is_turned_away)
{
    struct world *w = fleet(16, 200);

    world_run_s(w, 60);
    world_crash(w);
    world_run_ms(w, 800);
    world_restart(w);
    world_run_s(w, 30);
    EXPECT_INT(count_in(w, 200, "present"), 200);
    EXPECT_INT(w->network.refused, 0);
    THE_END(w);
}

TEST(presence, where_is_anna)
{
    struct world *w = world_new(17, WARD FLOATING);
    struct user_location where;
    uint64_t anna;

    world_run_s(w, 70);
    anna = world_user(w, "anna")->row.id;
    user_presence(world_core(w), anna, &where);
    EXPECT_INT(where.presence, USER_GONE);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    world_run_s(w, 15);
    user_presence(world_core(w), anna, &where);
    EXPECT_INT(where.presence, USER_PRESENT);
    EXPECT_INT(where.terminal_id, terminal_by_name(world_core(w), "t1")->row.id);
    world_hands_off(w, "t1");
    world_run_s(w, 700);
    user_presence(world_core(w), anna, &where);
    EXPECT_INT(where.presence, USER_AWAY);
    world_silence(w, "t1");
    world_run_s(w, 20);
    user_presence(world_core(w), anna, &where);
    EXPECT_INT(where.presence, USER_UNKNOWN);
    world_run_s(w, 30);
    user_presence(world_core(w), anna, &where);
    EXPECT_INT(where.presence, USER_GONE);
    THE_END(w);
}

TEST_MAIN()
