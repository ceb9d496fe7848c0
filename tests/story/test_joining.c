/* test_joining.c - terminals join, renew, are revoked and replaced. */
#include "berth/log.h"

#include "core/index.h"

#include "story.h"

static uint64_t invitation_id;

/* An invitation with so many uses; its token in a buffer of its own. */
static const char *invite(struct world *w, const char *terminal, int64_t uses,
                          int64_t expires_in_ms)
{
    static struct secret token;
    struct row_invitation row = { .uses_left = uses };

    row.place_id =
        container_of(core_find_name(world_core(w), ENTITY_place, "ward-3"), struct place, base)
            ->row.id;
    row.expires_ms = w->environment.timers.wall_ms + expires_in_ms;
    (void)snprintf(row.terminal, sizeof(row.terminal), "%s", terminal);
    (void)snprintf(row.tags, sizeof(row.tags), "new");
    if (world_await(w, admin_invite(&w->broker->context, world_actor(), &row, &invitation_id,
                                    &token, world_op(w))) != 0)
        fail_msg("invite: %s", world_await_text());
    return token.text;
}

static int set_state(struct world *w, const char *terminal, enum terminal_state state)
{
    return world_await(w, admin_terminal_state(&w->broker->context, world_actor(),
                                               terminal_by_name(world_core(w), terminal)->row.id,
                                               state, "a story", world_op(w)));
}

TEST(joining, an_invited_terminal_serves_users_at_once)
{
    struct world *w = world_new(1, WARD FLOATING);

    world_run_s(w, 15);
    world_add_terminal(w, "t9", invite(w, "t9", 1, 3600000));
    world_run_s(w, 5);
    EXPECT_STR(world_presence(w, "t9"), "present");
    EXPECT_INT(terminal_by_name(world_core(w), "t9")->row.state, terminal_ACCEPTED);
    EXPECT_STR(terminal_by_name(world_core(w), "t9")->row.tags, "new");
    world_sign_on(w, "t9", "anna", "secret12");
    EVENTUALLY(w, "t9", "anna on ward-3-001");
    THE_END(w);
}

TEST(joining, the_token_of_an_invitation_is_not_on_disk)
{
    struct world *w = world_new(2, WARD FLOATING);
    char token[64];

    world_run_s(w, 5);
    (void)snprintf(token, sizeof(token), "%s", invite(w, "", 1, 3600000));
    EXPECT_INT(strlen(token), 32);
    EXPECT(!disk_contains(w->disk, token));
    THE_END(w);
}

TEST(joining, an_invitation_is_used_up)
{
    struct world *w = world_new(3, WARD FLOATING);
    char token[64];

    world_run_s(w, 5);
    (void)snprintf(token, sizeof(token), "%s", invite(w, "", 2, 3600000));
    world_add_terminal(w, "n1", token);
    world_run_s(w, 5);
    world_add_terminal(w, "n2", token);
    world_run_s(w, 5);
    world_add_terminal(w, "n3", token);
    world_run_s(w, 5);
    EXPECT(world_terminal(w, "n1")->present);
    EXPECT(world_terminal(w, "n2")->present);
    EXPECT(!world_terminal(w, "n3")->present);
    EXPECT_SCREEN(w, "n3", "refused: DENIED");
    EXPECT_SAYS(world_said(w, "n3"), "used up");
    THE_END(w);
}

TEST(joining, two_at_the_same_moment_do_not_share_the_last_use)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = world_new(seed, WARD FLOATING);
        char token[64];

        world_run_s(w, 5);
        (void)snprintf(token, sizeof(token), "%s", invite(w, "", 1, 3600000));
        world_add_terminal(w, "n1", token);
        world_add_terminal(w, "n2", token);
        world_run_s(w, 40);
        EXPECT_INT(world_terminal(w, "n1")->present + world_terminal(w, "n2")->present, 1);
        THE_END(w);
    }
}

/* A ward is switched on: no terminal is refused because others connect at the same moment. */
TEST(joining, a_ward_joins_at_once_with_one_invitation)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world *w = world_new(seed, WARD FLOATING);
        char token[64], name[16];

        world_run_s(w, 5);
        (void)snprintf(token, sizeof(token), "%s", invite(w, "", 12, 3600000));
        for (int i = 1; i <= 12; i++) {
            (void)snprintf(name, sizeof(name), "n%d", i);
            world_add_terminal(w, name, token);
        }
        world_run_s(w, 10);
        for (int i = 1; i <= 12; i++) {
            (void)snprintf(name, sizeof(name), "n%d", i);
            EXPECT(world_terminal(w, name)->present);
        }
        THE_END(w);
    }
}

/* Each waits for the one before it: that is not its own time. */
TEST(joining, who_stands_in_a_long_line_for_an_invitation_is_not_refused)
{
    struct world *w = world_new(6, WARD FLOATING);
    char token[64], name[16];
    uint64_t failed;

    world_run_s(w, 5);
    (void)snprintf(token, sizeof(token), "%s", invite(w, "", 12, 3600000));
    w->broker->context.store->slowest_ms = 20000;
    failed = w->broker->context.engine.failed;
    for (int i = 1; i <= 12; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        world_add_terminal(w, name, token);
    }
    world_run_s(w, 300);
    w->broker->context.store->slowest_ms = 20;
    EXPECT_INT(w->broker->context.engine.failed, failed);
    world_run_s(w, 20);
    for (int i = 1; i <= 12; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        EXPECT(world_terminal(w, name)->present);
        EXPECT_INT(world_terminal(w, name)->joins, 1);
    }
    THE_END(w);
}

TEST(joining, an_invitation_expires)
{
    struct world *w = world_new(4, WARD FLOATING);
    char token[64];

    world_run_s(w, 5);
    (void)snprintf(token, sizeof(token), "%s", invite(w, "", 5, 60000));
    world_run_s(w, 61);
    world_add_terminal(w, "n1", token);
    world_run_s(w, 5);
    EXPECT_SCREEN(w, "n1", "refused: DENIED");
    EXPECT_SAYS(world_said(w, "n1"), "expired");
    THE_END(w);
}

static int present_of_twelve(struct world *w)
{
    char name[16];
    int present = 0;

    for (int i = 1; i <= 12; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        present += world_terminal(w, name)->present;
    }
    return present;
}

/* Twelve in line for an invitation that is good for one more minute; each takes 20 s. */
static struct world *long_line(uint64_t seed)
{
    struct world *w = world_new(seed, WARD FLOATING);
    char token[64], name[16];

    world_run_s(w, 5);
    (void)snprintf(token, sizeof(token), "%s", invite(w, "", 20, 60000));
    w->broker->context.store->slowest_ms = 20000;
    for (int i = 1; i <= 12; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        world_add_terminal(w, name, token);
    }
    return w;
}

TEST(joining, who_asked_in_time_gets_in_though_the_invitation_expires_while_they_are_in_line)
{
    struct world *w = long_line(33);
    char token[64];

    (void)snprintf(token, sizeof(token), "%s", world_terminal(w, "n1")->invitation.text);
    world_run_s(w, 90);
    EXPECT(present_of_twelve(w) < 12);
    world_add_terminal(w, "late", token);
    world_run_s(w, 300);
    w->broker->context.store->slowest_ms = 20;
    world_run_s(w, 20);
    EXPECT_INT(present_of_twelve(w), 12);
    EXPECT(!world_terminal(w, "late")->present);
    EXPECT_SAYS(world_said(w, "late"), "expired");
    THE_END(w);
}

TEST(joining, an_invitation_that_is_withdrawn_refuses_who_has_not_got_in)
{
    struct world *w = world_new(34, WARD FLOATING);

    world_run_s(w, 5);
    fake_ca_set_signing(w->broker->context.ca, 30000);
    world_add_terminal(w, "n1", invite(w, "", 20, 60000));
    world_run_s(w, 15);
    EXPECT_OK(world_await(w, admin_drop(&w->broker->context, world_actor(), ENTITY_invitation,
                                        invitation_id, world_op(w))));
    world_run_s(w, 40);
    EXPECT_SCREEN(w, "n1", "refused: DENIED");
    EXPECT_SAYS(world_said(w, "n1"), "withdrawn");
    THE_END(w);
}

TEST(joining, a_guessed_token_opens_nothing)
{
    struct world *w = world_new(5, WARD FLOATING);

    world_run_s(w, 5);
    world_add_terminal(w, "n1", "00000000000000000000000000000000");
    world_run_s(w, 5);
    EXPECT_SCREEN(w, "n1", "refused: DENIED");
    world_add_terminal(w, "n2", "");
    world_run_s(w, 5);
    EXPECT_SCREEN(w, "n2", "refused: DENIED");
    EXPECT(terminal_by_name(world_core(w), "t-SN-n2") == NULL);
    THE_END(w);
}

TEST(joining, a_site_may_admit_without_users_first)
{
    struct world *w = world_new(6, "site main join quarantine\n" WARD FLOATING);

    world_run_s(w, 15);
    world_add_terminal(w, "n1", invite(w, "n1", 1, 3600000));
    world_run_s(w, 5);
    EXPECT_STR(world_presence(w, "n1"), "present");
    world_sign_on(w, "n1", "anna", "secret12");
    EVENTUALLY(w, "n1", "refused: STATE");
    EXPECT_OK(set_state(w, "n1", terminal_ACCEPTED));
    world_sign_on(w, "n1", "anna", "secret12");
    EVENTUALLY(w, "n1", "anna on ward-3-001");
    THE_END(w);
}

TEST(joining, approval_compares_codes_and_gives_no_secret_before)
{
    struct world *w = world_new(7, "site main join approve\n" WARD FLOATING);
    struct terminal *waiting;

    world_run_s(w, 5);
    world_add_terminal(w, "n1", "");
    world_run_s(w, 5);
    waiting = terminal_by_name(world_core(w), "t-SN-n1");
    EXPECT(waiting != NULL);
    EXPECT_INT(waiting->row.state, terminal_WAITING);
    EXPECT_STR(world_terminal(w, "n1")->code, waiting->row.code);
    EXPECT_STR(world_terminal(w, "n1")->certificate, "");
    world_run_s(w, 120);
    EXPECT_STR(world_terminal(w, "n1")->certificate, "");

    EXPECT_OK(set_state(w, "t-SN-n1", terminal_ACCEPTED));
    world_run_s(w, 30);
    EXPECT(world_terminal(w, "n1")->present);
    world_sign_on(w, "n1", "anna", "secret12");
    EVENTUALLY(w, "n1", "anna on ward-3-001");
    THE_END(w);
}

/* A commit takes long at this seed: a stranger's connection ends in its time, one that was approved
 * is kept.
 */
TEST(joining, only_who_is_let_in_hears_that_its_answer_still_comes)
{
    struct world *w = world_new(8, "site main join approve\n" WARD FLOATING);
    struct fake_terminal *n1;

    world_run_s(w, 5);
    w->broker->context.store->slowest_ms = 19000;
    world_add_terminal(w, "n1", "");
    n1 = world_terminal(w, "n1");
    world_run_s(w, 16); /* as long as two would be sent in */
    EXPECT_INT(n1->joins, 1);
    EXPECT_STR(n1->code, ""); /* it has no answer yet */
    EXPECT_INT(n1->pendings, 0);
    w->broker->context.store->slowest_ms = 20;
    world_run_s(w, 4);
    EXPECT(n1->code[0]);
    EXPECT_OK(set_state(w, "t-SN-n1", terminal_ACCEPTED));
    fake_ca_set_signing(w->broker->context.ca, 30000);
    world_run_s(w, 60);
    EXPECT_INT(n1->pendings, 3);
    EXPECT(n1->present);
    THE_END(w);
}

TEST(joining, a_refused_terminal_stays_outside)
{
    struct world *w = world_new(8, "site main join approve\n" WARD FLOATING);

    world_run_s(w, 5);
    world_add_terminal(w, "n1", "");
    world_run_s(w, 5);
    EXPECT_OK(set_state(w, "t-SN-n1", terminal_REVOKED));
    world_run_s(w, 60);
    EXPECT(!world_terminal(w, "n1")->present);
    EXPECT_STR(world_terminal(w, "n1")->certificate, "");
    THE_END(w);
}

TEST(joining, revoked_is_out_at_once_and_for_ever)
{
    struct world *w = world_new(9, WARD FLOATING);
    int64_t revoked_ms;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    EXPECT_OK(set_state(w, "t1", terminal_REVOKED));
    revoked_ms = world_now_ms(w);
    world_run_s(w, 1);
    EXPECT(!world_terminal(w, "t1")->open);
    EXPECT(!shows_desktop_now(world_terminal(w, "t1")));
    EXPECT_STR(world_presence(w, "t1"), "absent");
    world_run_s(w, 300);
    EXPECT(!world_terminal(w, "t1")->open);
    EXPECT(world_now_ms(w) > revoked_ms);

    /* Nor after a restart of the broker. */
    world_crash(w);
    world_restart(w);
    world_run_s(w, 100);
    EXPECT(!world_terminal(w, "t1")->open);
    /* Anna's work is not lost with the device. */
    world_sign_on(w, "t2", "anna", "secret12");
    EVENTUALLY(w, "t2", "anna on ward-3-001");
    THE_END(w);
}

TEST(joining, revoked_in_the_middle_of_a_sign_on_shows_nothing)
{
    for (int64_t ms = 0; ms <= 900; ms += 50) {
        struct world *w = world_new((uint64_t)ms + 1, WARD FLOATING);

        world_run_s(w, 70);
        world_sign_on(w, "t1", "anna", "secret12");
        world_run_ms(w, ms);
        EXPECT_OK(set_state(w, "t1", terminal_REVOKED));
        world_run_s(w, 3);
        EXPECT(!shows_desktop_now(world_terminal(w, "t1")));
        THE_END(w);
    }
}

TEST(joining, a_key_is_renewed_and_the_old_one_retires)
{
    struct world *w = world_new(10, WARD FLOATING);
    struct fake_terminal *t1;
    char old[72];

    world_run_s(w, 15);
    t1 = world_terminal(w, "t1");
    (void)snprintf(old, sizeof(old), "%s", t1->key_hash);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    terminal_renew_key(t1);
    world_run_s(w, 10);
    EXPECT(strcmp(old, t1->key_hash) != 0);
    EXPECT(t1->present);
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    EXPECT_INT(identity_by_key(world_core(w), old)->row.state, identity_RETIRED);
    EXPECT_INT(identity_by_key(world_core(w), t1->key_hash)->row.state, identity_CURRENT);
    THE_END(w);
}

TEST(joining, a_ward_that_was_off_over_the_weekend_comes_back_with_its_expired_key)
{
    struct world *w = world_new(11, WARD FLOATING);
    struct fake_terminal *t9;
    const int64_t day_s = 24 * 3600;

    world_run_s(w, 5);
    fake_ca_set_life(w->broker->context.ca, day_s * 1000);
    world_add_terminal(w, "t9", invite(w, "t9", 1, 3600000));
    world_run_s(w, 5);
    t9 = world_terminal(w, "t9");
    EXPECT(t9->present);
    world_power(w, "t9", false);
    world_run_s(w, 3 * day_s);

    (void)snprintf(t9->old_certificate, sizeof(t9->old_certificate), "%s", t9->certificate);
    (void)snprintf(t9->old_key, sizeof(t9->old_key), "%s", t9->key);
    (void)snprintf(t9->key, sizeof(t9->key), "anewkey");
    fake_digest(t9->key, t9->key_hash);
    t9->certificate[0] = '\0';
    secret_wipe(&t9->invitation);
    world_power(w, "t9", true);
    world_run_s(w, 10);
    EXPECT(t9->present);
    EXPECT_STR(world_presence(w, "t9"), "present");
    THE_END(w);
}

TEST(joining, a_key_that_expired_too_long_ago_does_not)
{
    struct world *w = world_new(12, "site main renew_days 1\n" WARD FLOATING);
    struct fake_terminal *t9;
    const int64_t day_s = 24 * 3600;

    world_run_s(w, 5);
    fake_ca_set_life(w->broker->context.ca, day_s * 1000);
    world_add_terminal(w, "t9", invite(w, "t9", 1, 3600000));
    world_run_s(w, 5);
    t9 = world_terminal(w, "t9");
    world_power(w, "t9", false);
    world_run_s(w, 3 * day_s);
    (void)snprintf(t9->old_certificate, sizeof(t9->old_certificate), "%s", t9->certificate);
    (void)snprintf(t9->old_key, sizeof(t9->old_key), "%s", t9->key);
    (void)snprintf(t9->key, sizeof(t9->key), "anewkey");
    fake_digest(t9->key, t9->key_hash);
    t9->certificate[0] = '\0';
    secret_wipe(&t9->invitation);
    world_power(w, "t9", true);
    world_run_s(w, 10);
    EXPECT(!t9->present);
    EXPECT_SCREEN(w, "t9", "refused: CERTIFICATE");
    THE_END(w);
}

/* The handshake looked at the certificate once; a link may stay open for much longer. */
TEST(joining, a_link_ends_with_its_certificate)
{
    struct world *w = world_new(13, WARD FLOATING);
    struct fake_terminal *t9;
    const int64_t day_s = 24 * 3600;
    uint64_t peer;

    world_run_s(w, 5);
    fake_ca_set_life(w->broker->context.ca, day_s * 1000);
    world_add_terminal(w, "t9", invite(w, "t9", 1, 3600000));
    world_run_s(w, 5);
    t9 = world_terminal(w, "t9");
    world_sign_on(w, "t9", "anna", "secret12");
    EVENTUALLY(w, "t9", "anna on ward-3-001");
    world_run_s(w, day_s / 2);
    terminal_renew_key(t9);
    world_run_s(w, day_s - 60);
    EXPECT(t9->present); /* it counts from the renewal */
    peer = terminal_by_name(world_core(w), "t9")->peer;
    w->environment.timers.wall_ms += 30 * day_s * 1000; /* the clock is set: no reason to end */
    world_run_s(w, 30);
    EXPECT_INT(terminal_by_name(world_core(w), "t9")->peer, peer);
    w->environment.timers.wall_ms -= 30 * day_s * 1000;
    world_run_s(w, 120);
    EXPECT(terminal_by_name(world_core(w), "t9")->peer != peer);
    EXPECT_SCREEN(w, "t9", "anna on ward-3-001");
    THE_END(w);
}

TEST(joining, a_foreign_key_is_turned_away)
{
    struct world *w = world_new(13, WARD FLOATING);
    struct fake_terminal *alien;

    world_run_s(w, 5);
    world_add_terminal(w, "alien", "");
    alien = world_terminal(w, "alien");
    (void)snprintf(alien->certificate, sizeof(alien->certificate), "certificate alien %s 9",
                   alien->key_hash);
    world_run_s(w, 60);
    EXPECT(!alien->open);
    THE_END(w);
}

TEST(joining, a_message_acts_only_for_the_terminal_that_sends_it)
{
    struct world *w = world_new(14, WARD FLOATING);
    struct fake_terminal *t1;
    struct fake_terminal *t2;
    struct msg msg = { .type = MSG_sign_off };
    uint64_t before;

    world_run_s(w, 70);
    world_sign_on(w, "t1", "anna", "secret12");
    EVENTUALLY(w, "t1", "anna on ward-3-001");
    t1 = world_terminal(w, "t1");
    t2 = world_terminal(w, "t2");

    before = log_count(EV_MESSAGE_REFUSED);
    msg.sign_off.session_id = t1->show.session_id;
    msg.sign_off.epoch = t1->show.epoch;
    terminal_say(t2, &msg);
    msg = (struct msg){ .type = MSG_disconnect };
    msg.disconnect.session_id = t1->show.session_id;
    msg.disconnect.epoch = t1->show.epoch;
    terminal_say(t2, &msg);
    msg = (struct msg){ .type = MSG_viewer };
    msg.viewer.session_id = t1->show.session_id;
    msg.viewer.epoch = t1->show.epoch;
    msg.viewer.connection_id = t1->show.connection_id;
    msg.viewer.state = viewer_state_ENDED;
    terminal_say(t2, &msg);
    msg = (struct msg){ .type = MSG_renew };
    (void)snprintf(msg.renew.presence_id, sizeof(msg.renew.presence_id), "%s", t1->presence_id);
    msg.renew.seq = 100000;
    msg.renew.screen = screen_state_SIGN_ON;
    terminal_say(t2, &msg);
    world_run_s(w, 60);
    EXPECT_INT(log_count(EV_MESSAGE_REFUSED) - before, 3); /* an old presence is told, not logged */
    EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
    EXPECT_INT(world_session(w, "anna")->row.state, session_ACTIVE);
    EXPECT_STR(world_presence(w, "t1"), "present");
    EXPECT_STR(world_presence(w, "t2"), "present");
    THE_END(w);
}

/* ---- copied keys ---- */

static struct fake_terminal *device(struct world *w, const char *name, const char *key,
                                    const char *certificate)
{
    struct fake_terminal *terminal;

    world_add_terminal(w, name, "");
    terminal = world_terminal(w, name);
    (void)snprintf(terminal->key, sizeof(terminal->key), "%s", key);
    fake_digest(terminal->key, terminal->key_hash);
    (void)snprintf(terminal->certificate, sizeof(terminal->certificate), "%s", certificate);
    return terminal;
}

/* Keys of a terminal that are good for anything. */
static int good_keys(struct world *w, const char *name)
{
    const struct terminal *terminal = terminal_by_name(world_core(w), name);
    int good = 0;

    list_each (index_list(world_core(w), IDENTITIES_OF_TERMINAL, terminal->row.id), node) {
        const struct row_identity *row = entity_row_of(index_entry(IDENTITIES_OF_TERMINAL, node));

        good += row->state == identity_CURRENT;
    }
    return good;
}

/* A copied key is worth nothing once its successor was used: not at the link, not to join with, not
 * as evidence, and after a restart neither. */
TEST(joining, a_retired_key_opens_nothing)
{
    static const char *const sites[] = { "", "site main join approve\n" };

    for (size_t i = 0; i < BERTH_COUNT(sites); i++) {
        char ward[1500], key[64], certificate[2048];
        struct fake_terminal *t1, *thief;
        struct world *w;

        (void)snprintf(ward, sizeof(ward), "%s%s", sites[i], WARD FLOATING);
        w = world_new(20 + i, ward);
        world_run_s(w, 15);
        t1 = world_terminal(w, "t1");
        (void)snprintf(key, sizeof(key), "%s", t1->key);
        (void)snprintf(certificate, sizeof(certificate), "%s", t1->certificate);
        world_sign_on(w, "t1", "anna", "secret12");
        EVENTUALLY(w, "t1", "anna on ward-3-001");
        terminal_renew_key(t1);
        world_run_s(w, 10);
        EXPECT_INT(good_keys(w, "t1"), 1);

        thief = device(w, "link", key, certificate);
        world_run_s(w, 60);
        EXPECT(!thief->open);
        thief = device(w, "join", key, "");
        world_run_s(w, 20);
        EXPECT_SCREEN(w, "join", "refused: DENIED");
        EXPECT_SAYS(world_said(w, "join"), "newer key");
        EXPECT_STR(thief->certificate, "");
        thief = device(w, "evidence", "another", "");
        (void)snprintf(thief->old_key, sizeof(thief->old_key), "%s", key);
        (void)snprintf(thief->old_certificate, sizeof(thief->old_certificate), "%s", certificate);
        world_run_s(w, 20);
        EXPECT_SCREEN(w, "evidence", "refused: CERTIFICATE");
        EXPECT_SCREEN(w, "t1", "anna on ward-3-001");

        world_crash(w);
        world_restart(w);
        thief = device(w, "again", key, certificate);
        world_run_s(w, 100);
        EXPECT(!thief->open);
        EXPECT(t1->present);
        EXPECT_SCREEN(w, "t1", "anna on ward-3-001");
        THE_END(w);
    }
}

/* The answer never came, or the terminal died before it kept it: the key it has goes on, and the
 * next one retires it together with the unused one. */
TEST(joining, a_renewal_whose_answer_is_lost_locks_nobody_out)
{
    for (int64_t ms = 0; ms <= 60; ms += 5) {
        struct world *w = world_new((uint64_t)ms + 1, WARD FLOATING);
        struct fake_terminal *t1;

        world_run_s(w, 15);
        t1 = world_terminal(w, "t1");
        for (int i = 0; i < 3; i++) {
            terminal_renew_key(t1);
            world_run_ms(w, ms);
            terminal_break(t1);
            world_run_s(w, 30);
            EXPECT(t1->present);
            EXPECT(good_keys(w, "t1") <= 2); /* the one in use, and one on its way */
        }
        terminal_renew_key(t1);
        world_run_s(w, 30);
        EXPECT(t1->present);
        EXPECT_INT(good_keys(w, "t1"), 1);
        THE_END(w);
    }
}

/* Without evidence an expired key is good at the join listener for renew_days and not longer. */
TEST(joining, the_days_for_a_renewal_count_for_every_path)
{
    struct world *w = world_new(30, "site main renew_days 1\n" WARD FLOATING);
    struct fake_terminal *t9, *late;
    char key[64];
    const int64_t day_s = 24 * 3600;

    world_run_s(w, 5);
    fake_ca_set_life(w->broker->context.ca, day_s * 1000);
    world_add_terminal(w, "t9", invite(w, "t9", 1, 3600000));
    world_run_s(w, 5);
    t9 = world_terminal(w, "t9");
    EXPECT(t9->present);
    (void)snprintf(key, sizeof(key), "%s", t9->key);
    world_power(w, "t9", false);

    world_run_s(w, day_s + day_s / 2);
    late = device(w, "in-time", key, "");
    world_run_s(w, 10);
    EXPECT(late->present);
    world_power(w, "in-time", false);

    world_run_s(w, 3 * day_s);
    late = device(w, "too-late", key, "");
    world_run_s(w, 10);
    EXPECT_SCREEN(w, "too-late", "refused: DENIED");
    EXPECT_SAYS(world_said(w, "too-late"), "too long ago");
    EXPECT_STR(late->certificate, "");
    world_power(w, "too-late", false);
    late =
        device(w, "invited", key, ""); /* the same key with an invitation is as good as another */
    EXPECT(secret_set(&late->invitation, invite(w, "t9", 1, 3600000), 32));
    world_run_s(w, 10);
    EXPECT(late->present);
    EXPECT_STR(world_presence(w, "t9"), "present");
    THE_END(w);
}

/* A device that was replaced is out at once, with what it shows, and for good. */
TEST(joining, an_invitation_for_a_known_terminal_puts_the_earlier_device_out)
{
    struct world *w = world_new(31, WARD FLOATING);
    struct fake_terminal *lost, *thief;
    char key[64], certificate[2048];

    world_run_s(w, 15);
    world_add_terminal(w, "t9", invite(w, "t9", 1, 3600000));
    world_run_s(w, 5);
    lost = world_terminal(w, "t9");
    (void)snprintf(key, sizeof(key), "%s", lost->key);
    (void)snprintf(certificate, sizeof(certificate), "%s", lost->certificate);
    world_sign_on(w, "t9", "anna", "secret12");
    EVENTUALLY(w, "t9", "anna on ward-3-001");

    world_add_terminal(w, "spare", invite(w, "t9", 1, 3600000));
    world_run_s(w, 5);
    EXPECT(world_terminal(w, "spare")->present);
    EXPECT(!lost->open);
    EXPECT(!shows_desktop_now(lost));
    EXPECT_INT(identity_by_key(world_core(w), lost->key_hash)->row.state, identity_REVOKED);
    EXPECT_INT(good_keys(w, "t9"), 1);
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);

    thief = device(w, "link", key, certificate);
    world_run_s(w, 60);
    EXPECT(!thief->open);
    (void)device(w, "join", key, "");
    world_run_s(w, 20);
    EXPECT_SCREEN(w, "join", "refused: REVOKED");
    world_sign_on(w, "spare", "anna", "secret12");
    EVENTUALLY(w, "spare", "anna on ward-3-001");
    THE_END(w);
}

/* It is out by the replacement itself, not by the first connection of the new device. */
TEST(joining, a_replaced_device_is_out_before_the_new_one_connects)
{
    struct world *w = world_new(34, WARD FLOATING);
    struct fake_terminal *lost, *spare;

    world_run_s(w, 15);
    world_add_terminal(w, "t9", invite(w, "t9", 1, 3600000));
    world_run_s(w, 10);
    lost = world_terminal(w, "t9");
    world_sign_on(w, "t9", "anna", "secret12");
    EVENTUALLY(w, "t9", "anna on ward-3-001");
    world_add_terminal(w, "spare", invite(w, "t9", 1, 3600000));
    spare = world_terminal(w, "spare");
    PASS_UNTIL(w, 1, identity_by_key(world_core(w), spare->key_hash));
    world_power(w, "spare", false);
    world_run_s(w, 5);
    EXPECT(!lost->open);
    EXPECT(!shows_desktop_now(lost));
    EXPECT_INT(world_session(w, "anna")->row.state, session_DISCONNECTED);
    THE_END(w);
}

/* The device that is being replaced asks for its next key in the same moment: it gets none that
 * lives. */
TEST(joining, a_renewal_does_not_outlive_the_replacement)
{
    for (int64_t ms = 0; ms <= 120; ms += 4) {
        struct world *w = world_new((uint64_t)ms + 1, WARD FLOATING);
        struct fake_terminal *lost;

        world_run_s(w, 15);
        world_add_terminal(w, "t9", invite(w, "t9", 1, 3600000));
        world_run_s(w, 10);
        lost = world_terminal(w, "t9");
        EXPECT(lost->present);
        world_add_terminal(w, "spare", invite(w, "t9", 1, 3600000));
        PASS_UNTIL(w, 1, world_terminal(w, "spare")->open);
        world_run_ms(w, ms % 60);
        terminal_renew_key(lost);
        world_run_s(w, 40);
        EXPECT(world_terminal(w, "spare")->present);
        EXPECT(!lost->open);
        EXPECT_INT(good_keys(w, "t9"), 1);
        THE_END(w);
    }
}

/* The same with evidence of its key at the join listener, from which a replacement hangs nobody up.
 */
TEST(joining, an_old_key_that_is_put_out_while_it_waits_gets_nothing)
{
    struct world *w = world_new(35, WARD FLOATING);
    char key[64], certificate[2048];
    struct fake_terminal *lost, *thief;

    world_run_s(w, 15);
    world_add_terminal(w, "t9", invite(w, "t9", 1, 3600000));
    world_run_s(w, 10);
    lost = world_terminal(w, "t9");
    (void)snprintf(key, sizeof(key), "%s", lost->key);
    (void)snprintf(certificate, sizeof(certificate), "%s", lost->certificate);
    world_power(w, "t9", false);
    fake_ca_set_signing(w->broker->context.ca, 5000);
    thief = device(w, "thief", "another", "");
    (void)snprintf(thief->old_key, sizeof(thief->old_key), "%s", key);
    (void)snprintf(thief->old_certificate, sizeof(thief->old_certificate), "%s", certificate);
    world_run_s(w, 2);
    fake_ca_set_signing(w->broker->context.ca, 5);
    world_add_terminal(w, "spare", invite(w, "t9", 1, 3600000));
    world_run_s(w, 2);
    EXPECT(world_terminal(w, "spare")->present);
    EXPECT_SCREEN(w, "thief", "sign-on"); /* its certificate is still being made */
    world_run_s(w, 5);
    EXPECT_SCREEN(w, "thief", "refused: REVOKED");
    EXPECT_STR(thief->certificate, "");
    EXPECT(world_terminal(w, "spare")->present);
    EXPECT_INT(good_keys(w, "t9"), 1);
    THE_END(w);
}

/* It lost its power for good: an invitation is for a key that was never used. */
TEST(joining, a_retired_key_is_not_good_with_an_invitation_either)
{
    struct world *w = world_new(33, WARD FLOATING);
    struct fake_terminal *t1, *thief;
    char key[64];

    world_run_s(w, 15);
    t1 = world_terminal(w, "t1");
    (void)snprintf(key, sizeof(key), "%s", t1->key);
    terminal_renew_key(t1);
    world_run_s(w, 10);
    thief = device(w, "thief", key, "");
    EXPECT(secret_set(&thief->invitation, invite(w, "t1", 1, 3600000), 32));
    world_run_s(w, 10);
    EXPECT_SCREEN(w, "thief", "refused: CERTIFICATE");
    EXPECT_SAYS(world_said(w, "thief"), "this key was replaced");
    EXPECT(t1->present);
    EXPECT_INT(good_keys(w, "t1"), 1);
    THE_END(w);
}

TEST(joining, a_newer_invitation_for_a_terminal_voids_the_earlier_one)
{
    struct world *w = world_new(32, WARD FLOATING);
    char earlier[64], later[64];

    world_run_s(w, 5);
    (void)snprintf(earlier, sizeof(earlier), "%s", invite(w, "t9", 1, 3600000));
    (void)snprintf(later, sizeof(later), "%s", invite(w, "t9", 1, 3600000));
    world_add_terminal(w, "t9", later);
    world_run_s(w, 5);
    EXPECT(world_terminal(w, "t9")->present);
    world_add_terminal(w, "thief", earlier);
    world_run_s(w, 5);
    EXPECT_SCREEN(w, "thief", "refused: DENIED");
    EXPECT(world_terminal(w, "t9")->present);
    THE_END(w);
}

TEST_MAIN()
