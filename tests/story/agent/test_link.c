/* test_link.c - a terminal finds its broker, joins, keeps its presence, and comes back. */
#include "core/texts.h"
#include "fakes/agent/fixture.h"

#include "test.h"

#define DAY_MS 86400000LL
#define STATE(fixture) ((fixture)->agent.terminal.state)

static struct fixture *unknown_terminal(uint64_t seed)
{
    struct fixture *fixture = fixture_new(seed);

    fixture->identity.facts.known = false;
    fixture->identity.facts.terminal[0] = '\0';
    return fixture;
}

static void say_joined(struct fixture *fixture)
{
    struct msg msg;

    fixture_msg(&msg, MSG_joined);
    (void)snprintf(msg.joined.terminal, sizeof(msg.joined.terminal), "ICU-07");
    (void)snprintf(msg.joined.certificate, sizeof(msg.joined.certificate), "certificate");
    (void)snprintf(msg.joined.authority, sizeof(msg.joined.authority), "authority");
    fixture_say(fixture, &msg);
}

TEST(link, a_known_terminal_announces_itself_and_waits_for_a_person)
{
    struct fixture *fixture = fixture_new(1);
    const struct msg *announce;

    fixture_start(fixture);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT_INT(fixture->screen.page.kind, page_kind_SIGN_ON);
    EXPECT_STR(fixture->screen.page.terminal, "ICU-07");
    EXPECT(fixture->screen.page.online);
    announce = fixture_sent(fixture, MSG_announce);
    EXPECT(announce != NULL);
    EXPECT_STR(announce->announce.boot_id, "boot-1");
    EXPECT_INT(announce->announce.session_id, 0);
    EXPECT_INT(fixture->uplink.listener, UPLINK_LINK);
    fixture_free(fixture);
}

TEST(link, an_unknown_terminal_joins_with_its_invitation_and_then_announces)
{
    struct fixture *fixture = unknown_terminal(2);
    const struct msg *join;

    EXPECT(secret_set(&fixture->agent.options.invitation, "0123", 4));
    fixture_start(fixture);
    EXPECT_INT(STATE(fixture), agent_JOINING);
    EXPECT_INT(fixture->uplink.listener, UPLINK_JOIN);
    EXPECT_INT(fixture->uplink.port, 7002);
    join = fixture_sent(fixture, MSG_join);
    EXPECT(join != NULL);
    EXPECT_INT(join->join.evidence_count, 1);
    EXPECT_INT(join->join.evidence[0].kind, join_evidence_kind_INVITATION);
    EXPECT_STR(join->join.evidence[0].value.text, "0123");
    say_joined(fixture);
    fixture_run(fixture, 2000);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT_INT(fixture->uplink.listener, UPLINK_LINK);
    EXPECT(secret_empty(&fixture->agent.options.invitation));
    fixture_free(fixture);
}

TEST(link, approval_shows_a_code_and_asks_again_with_the_same_key)
{
    struct fixture *fixture = unknown_terminal(3);
    struct msg msg;

    fixture_start(fixture);
    fixture_msg(&msg, MSG_join_wait);
    (void)snprintf(msg.join_wait.code, sizeof(msg.join_wait.code), "4711-0815");
    msg.join_wait.retry_after_ms = 5000;
    fixture_say(fixture, &msg);
    EXPECT_INT(STATE(fixture), agent_WAITING);
    EXPECT_INT(fixture->screen.page.kind, page_kind_APPROVE);
    EXPECT_STR(fixture->screen.page.code, "4711-0815");
    EXPECT(!fixture->uplink.open);
    fixture_run(fixture, 4000);
    EXPECT_INT(fixture_sent_count(fixture, MSG_join), 1);
    fixture_run(fixture, 2000);
    EXPECT_INT(fixture_sent_count(fixture, MSG_join), 2);
    EXPECT_INT(fixture->identity.keys, 1);
    EXPECT_STR(fixture->sent[0].join.request, fixture->sent[1].join.request);
    EXPECT_INT(STATE(fixture),
               agent_WAITING); /* the code stays on the screen while it asks again */
    say_joined(fixture);
    fixture_run(fixture, 2000);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    fixture_free(fixture);
}

TEST(link, a_refused_join_says_so_and_asks_again_slowly)
{
    struct fixture *fixture = unknown_terminal(4);

    fixture_start(fixture);
    fixture_refuse(fixture, "join", "DENIED", "the invitation was used up");
    EXPECT_INT(STATE(fixture), agent_JOINING);
    EXPECT_SAYS(fixture->screen.page.text, "used up");
    EXPECT(fixture->screen.page.alert);
    fixture_run(fixture, 50000);
    EXPECT_INT(fixture_sent_count(fixture, MSG_join), 1);
    fixture_run(fixture, 20000);
    EXPECT_INT(fixture_sent_count(fixture, MSG_join), 2);
    fixture_free(fixture);
}

TEST(link, whoever_hears_that_it_is_in_line_goes_on_waiting)
{
    struct fixture *fixture = unknown_terminal(29);
    struct msg msg;

    fixture_start(fixture);
    for (int i = 0; i < 10; i++) {
        fixture_run(fixture, 15000);
        fixture_msg(&msg, MSG_join_pending);
        fixture_say(fixture, &msg);
    }
    EXPECT_INT(fixture_sent_count(fixture, MSG_join), 1);
    say_joined(fixture);
    fixture_run(fixture, 2000);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    fixture_free(fixture);
}

TEST(link, a_broker_that_says_nothing_to_a_joiner_is_asked_again)
{
    struct fixture *fixture = unknown_terminal(30);
    struct msg msg;

    fixture_start(fixture);
    fixture_run(fixture, 10000);
    fixture_msg(&msg, MSG_join_pending);
    fixture_say(fixture, &msg);
    fixture_run(fixture, 19000);
    EXPECT(fixture->uplink.open);
    EXPECT_INT(fixture_sent_count(fixture, MSG_join), 1);
    fixture_run(fixture, 60000);
    EXPECT(fixture_sent_count(fixture, MSG_join) > 1);
    fixture_free(fixture);
}

TEST(link, another_invitation_ends_what_was_said_of_the_earlier_try)
{
    struct fixture *fixture = unknown_terminal(31);

    fixture_start(fixture);
    fixture_refuse(fixture, "join", "DENIED", "the invitation was used up");
    EXPECT_SAYS(fixture->screen.page.text, "used up");
    agent_flow_rejoin(&fixture->agent);
    EXPECT_INT(STATE(fixture), agent_JOINING);
    EXPECT_STR(fixture->agent.terminal.text, ""); /* which berth-agent join prints */
    EXPECT(!fixture->screen.page.alert);
    fixture_run(fixture, 5000);
    EXPECT_INT(fixture_sent_count(fixture, MSG_join), 2);
    fixture_refuse(fixture, "join", "DENIED", "the invitation has expired");
    EXPECT_STR(fixture->last_news.text, "the invitation has expired");
    EXPECT_SAYS(fixture->screen.page.text, "too old");
    fixture_free(fixture);
}

/* Which berth-agent join waits for. */
TEST(link, whoever_brings_an_invitation_hears_what_became_of_it)
{
    struct fixture *fixture = unknown_terminal(32);
    struct msg msg;

    fixture_start(fixture);
    fixture_refuse(fixture, "join", "DENIED", "the invitation was used up");
    EXPECT_INT(fixture->news[AGENT_EVENT_JOIN_FAILED], 1);
    EXPECT_INT(fixture->last_news.code, BERTH_E_DENIED);
    EXPECT_STR(fixture->last_news.text, "the invitation was used up");
    (void)UNTIL_BY(fixture->timers.mono_ms, 120000, fixture_sent_count(fixture, MSG_join) >= 2,
                   fixture_run(fixture, 1000));
    agent_flow_rejoin(&fixture->agent); /* while it is asked again */
    EXPECT_INT(fixture->news[AGENT_EVENT_JOIN_FAILED], 2);
    EXPECT_STR(fixture->last_news.text, "superseded by a new invitation");
    fixture_run(fixture, 5000);
    EXPECT_INT(fixture->news[AGENT_EVENT_JOINED], 0);
    fixture_msg(&msg, MSG_joined);
    (void)snprintf(msg.joined.terminal, sizeof(msg.joined.terminal), "ICU-09");
    fixture_say(fixture, &msg);
    EXPECT_INT(fixture->news[AGENT_EVENT_JOINED], 1);
    EXPECT_INT(fixture->news[AGENT_EVENT_JOIN_FAILED], 2);
    fixture_free(fixture);
}

TEST(link, nobody_joins_without_knowing_whom_to_trust)
{
    struct fixture *fixture = unknown_terminal(5);

    fixture->identity.facts.authority_hash[0] = '\0';
    fixture_start(fixture);
    fixture_run(fixture, 20000);
    EXPECT_INT(fixture->uplink.dials, 0);
    EXPECT_SAYS(fixture->last_news.text, "no CA to trust"); /* for who joins it */
    EXPECT_STR(fixture->screen.page.text, text_in("en", TEXT_JOIN_CONFIG));
    fixture_free(fixture);
}

TEST(link, an_expired_certificate_renews_at_the_join_listener_with_the_old_key)
{
    struct fixture *fixture = fixture_new(6);
    const struct msg *join;

    fixture->identity.old_key = true;
    fixture->broker_up = false;
    fixture->dial_fails = BERTH_E_CERTIFICATE;
    agent_flow_start(&fixture->agent);
    fixture_run(fixture, 20);
    fixture->broker_up = true;
    fixture_run(fixture, 3000);
    EXPECT_INT(fixture->uplink.listener, UPLINK_JOIN);
    join = fixture_sent(fixture, MSG_join);
    EXPECT(join != NULL);
    EXPECT_INT(join->join.evidence_count, 1);
    EXPECT_INT(join->join.evidence[0].kind, join_evidence_kind_OLD_KEY);
    say_joined(fixture);
    fixture_run(fixture, 2000);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    fixture_free(fixture);
}

TEST(link, a_revoked_terminal_says_so_and_goes_on_asking)
{
    struct fixture *fixture = fixture_new(7);

    fixture->grants = false;
    fixture_start(fixture);
    fixture_refuse(fixture, "", "REVOKED", "the terminal was revoked");
    fixture_run(fixture, 2000);
    EXPECT_INT(fixture->uplink.listener, UPLINK_JOIN);
    fixture_refuse(fixture, "join", "REVOKED", "the terminal was revoked");
    EXPECT(fixture->agent.terminal.revoked);
    EXPECT_SAYS(fixture->last_news.text, "revoked");
    EXPECT_STR(fixture->screen.page.text, text_in("en", TEXT_JOIN_REVOKED));
    fixture_free(fixture);
}

TEST(link, presence_is_renewed_as_the_broker_dictates_with_jitter)
{
    struct fixture *fixture = fixture_new(8);
    int64_t least = INT64_MAX;
    int64_t most = 0;
    size_t before;

    fixture_start(fixture);
    for (int i = 0; i < 40; i++) {
        int64_t began = fixture->timers.mono_ms;

        before = fixture_sent_count(fixture, MSG_renew);
        (void)UNTIL_BY(fixture->timers.mono_ms, 3600000,
                       fixture_sent_count(fixture, MSG_renew) > before, fixture_run(fixture, 1));
        if (i > 0) {
            least =
                fixture->timers.mono_ms - began < least ? fixture->timers.mono_ms - began : least;
            most = fixture->timers.mono_ms - began > most ? fixture->timers.mono_ms - began : most;
        }
    }
    EXPECT(least >= 9000 && least < 9500);
    EXPECT(most <= 11010 && most > 10500);
    EXPECT_INT(fixture_sent(fixture, MSG_renew)->renew.seq, 40);
    fixture->renew_after_ms = 2000; /* the newest grant alone counts */
    fixture_run(fixture, 12000);
    before = fixture_sent_count(fixture, MSG_renew);
    fixture_run(fixture, 20000);
    EXPECT(fixture_sent_count(fixture, MSG_renew) - before >= 9);
    fixture_free(fixture);
}

TEST(link, a_silent_broker_is_given_up_and_dialled_anew)
{
    struct fixture *fixture = fixture_new(9);
    int dials;

    fixture_start(fixture);
    dials = fixture->uplink.dials;
    fixture->grants = false; /* the connection is open, nothing answers */
    fixture_run(fixture, 11000 + 7000 + 20000 + 100);
    EXPECT(fixture->uplink.dials > dials);
    fixture->grants = true;
    fixture_run(fixture, 60000);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT(fixture->agent.terminal.online);
    fixture_free(fixture);
}

TEST(link, presence_unknown_is_answered_by_a_new_announcement_on_the_same_link)
{
    struct fixture *fixture = fixture_new(10);
    struct msg msg;

    fixture_start(fixture);
    fixture_msg(&msg, MSG_presence_unknown);
    fixture_say(fixture, &msg);
    fixture_run(fixture, 100);
    EXPECT_INT(fixture_sent_count(fixture, MSG_announce), 2);
    EXPECT_STR(fixture_sent(fixture, MSG_announce)->announce.resume_presence_id, "");
    EXPECT_INT(fixture->uplink.dials, 1);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    fixture_free(fixture);
}

TEST(link, a_lost_link_comes_back_within_the_spread_and_resumes)
{
    int64_t least = INT64_MAX;
    int64_t most = 0;

    for (uint64_t seed = 100; seed < 160; seed++) {
        struct fixture *fixture = fixture_new(seed);
        int64_t cut_ms;
        int64_t took_ms;

        fixture_start(fixture);
        cut_ms = fixture->timers.mono_ms;
        fixture_cut(fixture);
        EXPECT_INT(STATE(fixture), agent_OFFLINE);
        EXPECT_INT(fixture->screen.page.kind, page_kind_STATUS);
        fixture_run(fixture, 20100);
        EXPECT_INT(STATE(fixture), agent_IDLE);
        EXPECT_STR(fixture_sent(fixture, MSG_announce)->announce.resume_presence_id, "presence-1");
        took_ms = fixture->uplink.dialled_at_ms[1] - cut_ms;
        least = took_ms < least ? took_ms : least;
        most = took_ms > most ? took_ms : most;
        fixture_free(fixture);
    }
    /* Uniform over 20 s: sixty terminals leave neither end empty. */
    EXPECT(least < 2500);
    EXPECT(most > 17500 && most <= 20000);
}

TEST(link, tries_slow_down_to_half_a_minute_and_never_stop)
{
    struct fixture *fixture = fixture_new(11);

    fixture->broker_up = false;
    fixture_start(fixture);
    EXPECT_INT(STATE(fixture), agent_OFFLINE);
    fixture_run(fixture, 300000);
    EXPECT(fixture->uplink.dials >= 15 && fixture->uplink.dials < 60);
    fixture->broker_up = true;
    fixture_run(fixture, 30100);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    fixture_free(fixture);
}

TEST(link, every_configured_address_gets_its_turn)
{
    struct fixture *fixture = fixture_new(12);

    fixture->agent.options.links =
        (struct broker_addresses){ .count = 2, .at = { { "first", 1 }, { "second", 2 } } };
    fixture->broker_up = false;
    agent_flow_start(&fixture->agent);
    fixture_run(fixture, 10);
    EXPECT_STR(fixture->uplink.host, "first");
    fixture_run(fixture, 1100);
    EXPECT_STR(fixture->uplink.host, "second");
    EXPECT_INT(fixture->locator.asked, 0);
    fixture_free(fixture);
}

TEST(link, dns_is_asked_only_when_nothing_is_configured)
{
    struct fixture *fixture = fixture_new(13);

    fixture->agent.options.links.count = 0;
    fixture->agent.options.ask_dns = true;
    fixture->locator.answer = (struct broker_addresses){ .count = 1, .at = { { "by-dns", 7443 } } };
    fixture_start(fixture);
    EXPECT_STR(fixture->locator.service, "_berth._tcp");
    EXPECT_STR(fixture->uplink.host, "by-dns");
    EXPECT_INT(STATE(fixture), agent_IDLE);
    fixture_free(fixture);
}

TEST(link, a_nap_past_the_grant_locks_and_announces_anew)
{
    struct fixture *fixture = fixture_new(14);

    fixture_start(fixture);
    fixture_to_picture(fixture, 5, 1, 9);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    fixture->device.slept_ms = 3600000; /* the lid was closed for an hour */
    fixture_run(fixture, 5100);
    EXPECT_INT(STATE(fixture), agent_LOCKED);
    EXPECT_INT(fixture->screen.page.kind, page_kind_BLANK);
    EXPECT(!fixture->viewer.running);
    fixture_run(fixture, 25000);
    EXPECT(fixture->agent.terminal.online);
    EXPECT_STR(fixture_sent(fixture, MSG_announce)->announce.resume_presence_id, "");
    EXPECT_INT(fixture_sent(fixture, MSG_announce)->announce.session_id, 0);
    fixture_free(fixture);
}

TEST(link, a_short_nap_only_renews)
{
    struct fixture *fixture = fixture_new(15);
    size_t renewals;

    fixture_start(fixture);
    fixture_to_picture(fixture, 5, 1, 9);
    renewals = fixture_sent_count(fixture, MSG_renew);
    fixture->device.slept_ms = 3000;
    fixture_run(fixture, 5100);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    EXPECT(fixture_sent_count(fixture, MSG_renew) > renewals);
    fixture_free(fixture);
}

/* A terminal whose broker is content with a renewal an hour, to keep the log of a whole day short.
 */
static struct fixture *calm(uint64_t seed)
{
    struct fixture *fixture = fixture_new(seed);

    fixture->renew_after_ms = 3600000;
    fixture->expires_in_ms = 7200000;
    fixture_start(fixture);
    return fixture;
}

static void run_until_renewal(struct fixture *fixture, size_t count)
{
    (void)UNTIL_BY(fixture->timers.mono_ms, INT64_C(30) * 86400000,
                   fixture_sent_count(fixture, MSG_renew_certificate) >= count,
                   fixture_run(fixture, 1000));
}

TEST(link, a_certificate_is_renewed_at_about_half_its_life)
{
    struct fixture *fixture = calm(16);
    int64_t began_ms = fixture->timers.mono_ms;
    struct msg msg;

    run_until_renewal(fixture, 1);
    EXPECT(fixture->timers.mono_ms - began_ms > DAY_MS * 44 / 100);
    EXPECT(fixture->timers.mono_ms - began_ms < DAY_MS * 56 / 100);
    fixture_msg(&msg, MSG_certificate);
    (void)snprintf(msg.certificate.certificate, sizeof(msg.certificate.certificate), "next");
    fixture_say(fixture, &msg);
    EXPECT(!fixture->identity.pending);
    fixture_run(fixture,
                fixture->spread_ms + 100); /* the old key is good until the new one was used */
    EXPECT_INT(fixture->uplink.dials, 2);
    EXPECT(fixture->agent.terminal.online);
    fixture_run(fixture, DAY_MS * 44 / 100);
    EXPECT_INT(fixture_sent_count(fixture, MSG_renew_certificate), 1);
    run_until_renewal(fixture, 2);
    EXPECT_INT(fixture->identity.keys, 2);
    fixture_free(fixture);
}

TEST(link, a_certificate_for_an_earlier_request_is_not_taken_for_this_one)
{
    struct fixture *fixture = calm(18);
    struct msg msg;
    uint64_t earlier;

    run_until_renewal(fixture, 1);
    earlier = fixture_sent(fixture, MSG_renew_certificate)->ref;
    run_until_renewal(fixture, 2); /* the first is given up after 30 s, without an answer */
    fixture_msg(&msg, MSG_certificate);
    msg.ref = earlier;
    fixture_say(fixture, &msg);
    EXPECT(fixture->identity.pending);
    fixture_msg(&msg, MSG_certificate);
    fixture_say(fixture, &msg);
    EXPECT(!fixture->identity.pending);
    fixture_free(fixture);
}

TEST(link, the_next_key_waits_for_somebody_who_waits)
{
    struct fixture *fixture = calm(17);
    struct msg msg;

    run_until_renewal(fixture, 1);
    fixture_submit(fixture, "anna", "secret");
    fixture_msg(&msg, MSG_certificate);
    (void)snprintf(msg.certificate.certificate, sizeof(msg.certificate.certificate), "next");
    fixture_say(fixture, &msg);
    fixture_run(fixture, 30000);
    EXPECT_INT(fixture->uplink.dials, 1);
    fixture_show(fixture, 5, 1, 9);
    fixture_connected(fixture);
    fixture_greeter_event(fixture, greeter_event_kind_PICTURE);
    fixture_run(fixture, 61000 + fixture->spread_ms);
    EXPECT_INT(fixture->uplink.dials, 2);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    EXPECT_INT(fixture->viewer.starts, 1);
    EXPECT_INT(fixture_sent(fixture, MSG_announce)->announce.session_id, 5);
    fixture_free(fixture);
}

TEST(link, a_renewal_without_an_answer_is_tried_again)
{
    struct fixture *fixture = calm(18);

    run_until_renewal(fixture, 1);
    fixture_run(fixture, 31000);
    EXPECT(!fixture->agent.certificate_renewal.running);
    fixture_run(fixture, 4000000);
    EXPECT_INT(fixture_sent_count(fixture, MSG_renew_certificate), 2);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    fixture_free(fixture);
}

TEST(link, a_dead_clock_is_as_old_as_the_image_and_then_follows_the_broker)
{
    struct fixture *fixture = fixture_new(19);
    const int64_t built_ms = fixture->identity.facts.accepted_ms + DAY_MS;

    fixture->timers.wall_ms = 0; /* 1970 */
    fixture->agent.options.built_ms = built_ms;
    fixture_start(fixture);
    EXPECT_INT(fixture->uplink.dialled_at_wall_ms, built_ms);
    EXPECT(fixture->screen.page.now_ms >= built_ms);
    /* The next grant tells what the broker's clock says; from there on ours does not matter. */
    fixture->timers.wall_ms = built_ms + DAY_MS;
    fixture_run(fixture, 12000);
    EXPECT(agent_flow_wall_ms(&fixture->agent) > built_ms + DAY_MS + 5000);
    EXPECT(agent_flow_wall_ms(&fixture->agent) < built_ms + DAY_MS + 5000 + 13000);
    fixture_free(fixture);
}

TEST(link, a_clock_that_jumps_changes_nothing_for_whoever_knows_the_brokers_time)
{
    const int64_t jumps[] = { 730 * DAY_MS, -730 * DAY_MS, 0 };

    for (size_t i = 0; i < BERTH_COUNT(jumps); i++) {
        struct fixture *fixture = fixture_new(20 + i);
        int64_t then_ms;

        fixture_start(fixture);
        then_ms = agent_flow_wall_ms(&fixture->agent);
        fixture->timers.wall_ms += jumps[i];
        fixture->device.slept_ms += jumps[i] == 0 ? 2000 : 0; /* sleep is time that passed */
        fixture_cut(fixture);
        fixture_run(fixture, 20100);
        EXPECT_INT(fixture->uplink.dials, 2);
        EXPECT(fixture->uplink.dialled_at_wall_ms >= then_ms + (jumps[i] == 0 ? 2000 : 0));
        EXPECT(fixture->uplink.dialled_at_wall_ms <= then_ms + 23000);
        fixture_free(fixture);
    }
}

/* What it said of the time is believed until it is refused. */
TEST(link, a_broker_whose_clock_was_wrong_for_a_moment_is_found_again)
{
    struct fixture *fixture = fixture_new(24);
    struct msg granted;

    fixture_start(fixture);
    fixture_msg(&granted, MSG_granted);
    (void)snprintf(granted.granted.presence_id, sizeof(granted.granted.presence_id), "presence-1");
    granted.granted.presence_expires_in_ms = fixture->expires_in_ms;
    granted.granted.renew_after_ms = fixture->renew_after_ms;
    granted.granted.incarnation = fixture->incarnation;
    granted.granted.reconnect_spread_ms = 1000;
    granted.granted.server_time_ms = fixture->timers.wall_ms + 730 * DAY_MS;
    fixture_say(fixture, &granted);
    fixture->broker_up = false;
    fixture->dial_fails = BERTH_E_CERTIFICATE;
    fixture_cut(fixture);
    for (int i = 0; i < 1010 && fixture->uplink.dials < 2; i++)
        fixture_run(fixture, 1);
    fixture_run(fixture, 5); /* it fails */
    EXPECT_INT(fixture->uplink.dials, 2);
    EXPECT(fixture->uplink.dialled_at_wall_ms > fixture->timers.wall_ms + 729 * DAY_MS);
    fixture->broker_up = true;
    fixture_run(fixture, 1010);
    EXPECT_INT(fixture->uplink.dials, 3);
    EXPECT_INT(fixture->uplink.listener, UPLINK_LINK);
    EXPECT(fixture->uplink.dialled_at_wall_ms <= fixture->timers.wall_ms);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT(agent_flow_wall_ms(&fixture->agent) > fixture->timers.wall_ms); /* the broker's again */
    fixture_free(fixture);
}

TEST(link, goodbye_is_said_on_purpose)
{
    struct fixture *fixture = fixture_new(17);

    fixture_start(fixture);
    agent_flow_stop(&fixture->agent);
    EXPECT_INT(fixture_sent_count(fixture, MSG_bye), 1);
    EXPECT_STR(fixture_sent(fixture, MSG_bye)->bye.presence_id, "presence-1");
    EXPECT(!fixture->uplink.open);
    fixture_free(fixture);
}

/* The greeter ends a little later than the flows. */
TEST(link, an_agent_that_stops_dials_nobody)
{
    struct fixture *fixture = fixture_new(18);

    fixture_start(fixture);
    agent_flow_stop(&fixture->agent);
    fixture_submit(fixture, "anna", "secret");
    fixture_run(fixture, 10000);
    EXPECT_INT(fixture->uplink.dials, 1);
    EXPECT_INT(fixture_sent_count(fixture, MSG_announce), 1);
    fixture_free(fixture);
}

TEST_MAIN()
