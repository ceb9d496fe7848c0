/* test_presence.c - presence with a deadline: only the latest grant counts, it never ends early,
 * old ids stay invalid. */
#include "core/user_location.h"

#include "small.h"

#define SECOND 1000

static struct presence *one(struct small *s)
{
    small_open(s);
    return small_terminal(s, 1, "t1", 0)->presence;
}

TEST(presence, a_silent_terminal_is_suspect_then_absent)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;

    EXPECT_INT(p->state, presence_ABSENT);
    presence_announce(p, 0, "", &grant);
    EXPECT_INT(grant.expires_in_ms, 30 * SECOND);
    EXPECT(grant.renew_after_ms >= 9 * SECOND && grant.renew_after_ms <= 11 * SECOND);
    EXPECT_INT(strlen(grant.id), 32);
    small_run(&s, 15 * SECOND - 1);
    EXPECT_INT(p->state, presence_PRESENT);
    small_run(&s, 1);
    EXPECT_INT(p->state, presence_SUSPECT);
    small_run(&s, 15 * SECOND - 1);
    EXPECT_INT(p->state, presence_SUSPECT); /* never early */
    small_run(&s, 1);
    EXPECT_INT(p->state, presence_ABSENT);
    small_close(&s);
}

TEST(presence, a_renewal_replaces_the_deadline)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;
    char id[40];

    presence_announce(p, 0, "", &grant);
    memcpy(id, grant.id, sizeof(id));
    for (int64_t seq = 1; seq <= 10; seq++) {
        small_run(&s, 10 * SECOND);
        EXPECT_INT(presence_renew(p, id, seq, 0, &grant), PRESENCE_GRANTED);
        EXPECT_INT(p->state, presence_PRESENT);
    }
    small_close(&s);
}

TEST(presence, a_shorter_promise_shortens)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;
    char id[40];

    presence_announce(p, 300 * SECOND, "", &grant);
    memcpy(id, grant.id, sizeof(id));
    EXPECT_INT(grant.expires_in_ms, 300 * SECOND);
    EXPECT_INT(presence_renew(p, id, 1, 6 * SECOND, &grant), PRESENCE_GRANTED);
    EXPECT_INT(grant.expires_in_ms, 6 * SECOND);
    EXPECT(grant.renew_after_ms < 3 * SECOND);
    small_run(&s, 6 * SECOND);
    EXPECT_INT(p->state, presence_ABSENT);
    small_close(&s);
}

TEST(presence, requests_out_of_bounds_get_the_bound)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;

    presence_announce(p, 1, "", &grant);
    EXPECT_INT(grant.expires_in_ms, 5 * SECOND);
    presence_announce(p, 86400000, "", &grant);
    EXPECT_INT(grant.expires_in_ms, 300 * SECOND);
    small_close(&s);
}

TEST(presence, old_and_repeated_sequences_change_nothing)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;
    char id[40];

    presence_announce(p, 0, "", &grant);
    memcpy(id, grant.id, sizeof(id));
    EXPECT_INT(presence_renew(p, id, 5, 0, &grant), PRESENCE_GRANTED);
    small_run(&s, 20 * SECOND);
    EXPECT_INT(presence_renew(p, id, 5, 300 * SECOND, &grant), PRESENCE_IGNORED);
    EXPECT_INT(presence_renew(p, id, 4, 300 * SECOND, &grant), PRESENCE_IGNORED);
    EXPECT_INT(presence_bye(p, id, 3), PRESENCE_IGNORED);
    EXPECT_INT(p->state, presence_SUSPECT);
    small_run(&s, 10 * SECOND);
    EXPECT_INT(p->state, presence_ABSENT);
    EXPECT_INT(s.core->presence->stale, 3);
    small_close(&s);
}

TEST(presence, goodbye_is_at_once)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;
    char id[40];

    presence_announce(p, 0, "", &grant);
    memcpy(id, grant.id, sizeof(id));
    EXPECT_INT(presence_bye(p, id, 1), PRESENCE_GRANTED);
    EXPECT_INT(p->state, presence_ABSENT);
    EXPECT_INT(presence_renew(p, id, 2, 0, &grant), PRESENCE_UNKNOWN);
    EXPECT_INT(presence_renew(p, "", 3, 0, &grant), PRESENCE_UNKNOWN);
    small_close(&s);
}

TEST(presence, a_new_announcement_kills_the_earlier_id_for_ever)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;
    char first[40];

    EXPECT(!presence_announce(p, 0, "", &grant));
    memcpy(first, grant.id, sizeof(first));
    EXPECT(presence_announce(p, 0, "", &grant)); /* took its place */
    EXPECT(strcmp(first, grant.id) != 0);
    EXPECT_INT(presence_renew(p, first, 99, 0, &grant), PRESENCE_UNKNOWN);
    EXPECT_INT(presence_bye(p, first, 100), PRESENCE_UNKNOWN);
    EXPECT_INT(p->state, presence_PRESENT);
    small_close(&s);
}

TEST(presence, an_expired_id_stays_dead)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;
    char id[40];

    presence_announce(p, 0, "", &grant);
    memcpy(id, grant.id, sizeof(id));
    small_run(&s, 31 * SECOND);
    EXPECT_INT(presence_renew(p, id, 1, 0, &grant), PRESENCE_UNKNOWN);
    EXPECT_INT(p->state, presence_ABSENT);
    small_close(&s);
}

TEST(presence, continuing_is_no_takeover)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;

    presence_announce(p, 0, "", &grant);
    for (int i = 0; i < 10; i++) {
        char id[40];

        memcpy(id, grant.id, sizeof(id));
        EXPECT(!presence_announce(p, 0, id, &grant));
    }
    EXPECT_INT(p->takeovers, 0);
    small_close(&s);
}

TEST(presence, an_id_is_replaced_when_it_is_old)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;
    char first[40];

    presence_announce(p, 0, "", &grant);
    memcpy(first, grant.id, sizeof(first));
    for (int64_t seq = 1; seq <= 361; seq++) {
        char id[40];

        small_run(&s, 10 * SECOND);
        memcpy(id, grant.id, sizeof(id));
        EXPECT_INT(presence_renew(p, id, seq, 0, &grant), PRESENCE_GRANTED);
    }
    EXPECT(strcmp(first, grant.id) != 0);
    small_close(&s);
}

TEST(presence, a_lost_link_is_suspect_after_the_grace)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;

    presence_announce(p, 0, "", &grant);
    presence_link(p, false);
    small_run(&s, 5 * SECOND - 1);
    EXPECT_INT(p->state, presence_PRESENT);
    small_run(&s, 1);
    EXPECT_INT(p->state, presence_SUSPECT);
    small_run(&s, 25 * SECOND - 1);
    EXPECT_INT(p->state, presence_SUSPECT); /* the deadline is the promise, not the link */
    small_run(&s, 1);
    EXPECT_INT(p->state, presence_ABSENT);
    small_close(&s);
}

TEST(presence, a_link_that_comes_back_within_the_grace_is_nothing)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;

    presence_announce(p, 0, "", &grant);
    presence_link(p, false);
    small_run(&s, 4 * SECOND);
    presence_link(p, true);
    small_run(&s, 5 * SECOND);
    EXPECT_INT(p->state, presence_PRESENT);
    small_close(&s);
}

TEST(presence, a_stall_moves_every_deadline)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;

    presence_announce(p, 0, "", &grant);
    timers_shift(&s.timers, 20 * SECOND); /* the loop stood still for so long */
    small_run(&s, 30 * SECOND);
    EXPECT_INT(p->state, presence_PRESENT);
    small_run(&s, 20 * SECOND);
    EXPECT_INT(p->state, presence_ABSENT);
    small_close(&s);
}

TEST(presence, the_wall_clock_decides_nothing)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;

    presence_announce(p, 0, "", &grant);
    timers_advance(&s.timers, s.timers.mono_ms + 1000, s.timers.wall_ms + 31536000000);
    EXPECT_INT(p->state, presence_PRESENT);
    timers_advance(&s.timers, s.timers.mono_ms + 1000, 0);
    EXPECT_INT(p->state, presence_PRESENT);
    small_close(&s);
}

TEST(presence, a_restart_presumes_and_the_hash_continues)
{
    struct small s;
    struct presence *p = one(&s);
    struct presence_grant grant;
    char hash[72];

    small_digest("0123", hash);
    presence_presume(p, hash, 30 * SECOND);
    EXPECT_INT(p->state, presence_PRESUMED);
    small_run(&s, 30 * SECOND);
    EXPECT_INT(p->state, presence_PRESUMED); /* granted and the spread */
    EXPECT(!presence_announce(p, 0, "0123", &grant));
    EXPECT_INT(p->state, presence_PRESENT);
    small_close(&s);
}

TEST(presence, who_does_not_come_back_after_a_restart_is_absent)
{
    struct small s;
    struct presence *p = one(&s);

    presence_presume(p, "some hash", 30 * SECOND);
    small_run(&s, 31 * SECOND);
    EXPECT_INT(p->state, presence_ABSENT);
    small_close(&s);
}

TEST(presence, the_spread_grows_with_the_fleet)
{
    struct small s;
    struct presence_grant grant;

    small_open(&s);
    EXPECT_INT(presence_spread_ms(s.core->presence), 1000);
    for (uint64_t id = 1; id <= 2000; id++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "t%llu", (unsigned long long)id);
        presence_announce(small_terminal(&s, id, name, 0)->presence, 0, "", &grant);
    }
    EXPECT_INT(grant.reconnect_spread_ms, 9000); /* 2.5 x 2000 x 1.8 ms */
    s.core->limits.link_threads = 2;
    EXPECT_INT(presence_spread_ms(s.core->presence), 4500);
    s.core->limits.reconnect_spread_ms = 7000;
    EXPECT_INT(presence_spread_ms(s.core->presence), 7000);
    small_close(&s);
}

TEST(presence, everybody_presumed_has_the_spread_of_the_fleet)
{
    struct small s;
    struct presence *first = NULL;

    small_open(&s);
    for (uint64_t id = 1; id <= 2000; id++) {
        struct presence *p;
        char name[16];

        (void)snprintf(name, sizeof(name), "t%llu", (unsigned long long)id);
        p = small_terminal(&s, id, name, 0)->presence;
        presence_presume(p, "some hash", 30 * SECOND);
        if (!first)
            first = p;
    }
    presence_presumed_all(s.core->presence);
    small_run(&s, 35 * SECOND); /* 30 s and 2.5 x 2000 x 1.8 ms */
    EXPECT_INT(first->state, presence_PRESUMED);
    small_close(&s);
}

static size_t saved;
static int64_t last_granted;

static void save(void *context, const struct presence_fact *facts, size_t count)
{
    (void)context;
    saved += count;
    last_granted = facts[count - 1].granted_ms;
}

TEST(presence, facts_are_saved_in_batches)
{
    struct small s;
    struct presence_grant grant;
    struct presence *p = NULL;

    small_open(&s);
    s.core->presence->save = save;
    saved = 0;
    for (uint64_t id = 1; id <= 600; id++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "t%llu", (unsigned long long)id);
        p = small_terminal(&s, id, name, 0)->presence;
        presence_announce(p, 0, "", &grant);
    }
    EXPECT_INT(saved, 0);
    small_run(&s, 1100);
    EXPECT_INT(saved, 600);
    EXPECT_INT(presence_bye(p, grant.id, 1), PRESENCE_GRANTED);
    small_run(&s, 1100);
    EXPECT_INT(saved, 601);
    EXPECT_INT(last_granted, 0); /* a restart does not presume it */
    small_close(&s);
}

/* ---- much of a site at once ---- */

static struct presence *ward[100];

static void announce_ward(struct small *s, int count)
{
    const struct row_site site = { .id = 900, .version = 1, .name = "house-2" };
    const struct row_place place = {
        .id = 901, .version = 1, .name = "house-2/ward-3", .site_id = 900
    };
    struct presence_grant grant;

    small_load(s, ENTITY_site, &site);
    small_load(s, ENTITY_place, &place);
    for (int i = 0; i < count; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "w%d", i);
        ward[i] = small_terminal(s, (uint64_t)i + 1, name, 901)->presence;
        presence_announce(ward[i], 0, "", &grant);
    }
}

static int absent(int count)
{
    int n = 0;

    for (int i = 0; i < count; i++)
        n += ward[i]->state == presence_ABSENT;
    return n;
}

TEST(presence, a_site_that_vanishes_at_once_is_held)
{
    struct small s;

    small_open(&s);
    announce_ward(&s, 100);
    small_run(&s, 60 * SECOND);
    EXPECT_INT(absent(100), 0);
    EXPECT_INT(s.core->presence->holds, 1); /* one alarm */
    small_run(&s, 300 * SECOND);
    EXPECT(absent(100) >= 1);
    EXPECT(absent(100) <= 8); /* at most one in ten seconds */
    small_close(&s);
}

TEST(presence, a_held_terminal_that_is_heard_again_is_there)
{
    struct small s;
    struct presence_grant grant;

    small_open(&s);
    announce_ward(&s, 100);
    small_run(&s, 60 * SECOND);
    for (int i = 0; i < 100; i++)
        presence_announce(ward[i], 300 * SECOND, "", &grant);
    small_run(&s, 10 * SECOND);
    for (int i = 0; i < 100; i++)
        EXPECT_INT(ward[i]->state, presence_PRESENT);
    EXPECT_INT(s.core->presence->holds, 1);
    small_close(&s);
}

TEST(presence, a_few_that_vanish_are_given_up)
{
    struct small s;
    struct presence_grant grant;

    small_open(&s);
    announce_ward(&s, 100);
    for (int round = 0; round < 4; round++) {
        small_run(&s, 10 * SECOND);
        for (int i = 15; i < 100; i++)
            presence_announce(ward[i], 0, "", &grant);
    }
    EXPECT_INT(absent(100), 15);
    EXPECT_INT(s.core->presence->holds, 0);
    small_close(&s);
}

TEST(presence, a_small_site_is_never_held)
{
    struct small s;

    small_open(&s);
    announce_ward(&s, 19);
    small_run(&s, 31 * SECOND);
    EXPECT_INT(absent(19), 19);
    small_close(&s);
}

/* ---- users ---- */

TEST(presence, a_user_is_where_the_newest_screen_is)
{
    struct small s;
    struct user_location where;
    struct presence_grant grant;
    const struct row_session session = {
        .id = 50, .version = 1, .user_id = 7, .state = session_ACTIVE
    };
    const struct row_connection connection = {
        .id = 51, .version = 1, .session_id = 50, .terminal_id = 1, .state = connection_ACTIVE
    };
    struct presence *p = one(&s);

    small_user(&s, 7, "anna");
    user_presence(s.core, 7, &where);
    EXPECT_INT(where.presence, USER_GONE);
    small_load(&s, ENTITY_session, &session);
    small_load(&s, ENTITY_connection, &connection);
    presence_announce(p, 0, "", &grant);
    presence_screen(p, screen_state_DESKTOP, 1000);
    user_presence(s.core, 7, &where);
    EXPECT_INT(where.presence, USER_PRESENT);
    EXPECT_INT(where.terminal_id, 1);
    presence_screen(p, screen_state_LOCKED, 1000);
    user_presence(s.core, 7, &where);
    EXPECT_INT(where.presence, USER_AWAY);
    presence_screen(p, screen_state_DESKTOP, USER_AWAY_AFTER_MS + 1);
    user_presence(s.core, 7, &where);
    EXPECT_INT(where.presence, USER_AWAY);
    small_run(&s, 20 * SECOND);
    user_presence(s.core, 7, &where);
    EXPECT_INT(where.presence, USER_UNKNOWN);
    EXPECT_INT(where.age_ms, 20 * SECOND);
    small_run(&s, 20 * SECOND);
    user_presence(s.core, 7, &where);
    EXPECT_INT(where.presence, USER_GONE);
    small_close(&s);
}

TEST_MAIN()
