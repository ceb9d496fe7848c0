/* test_link.c - a terminal finds its broker, joins, keeps its presence, and comes back. */
#include "core/texts.h"
#include "fakes/agent/ward.h"
#include "flow/dial.h"

#include "test.h"

#define DAY_MS 86400000LL
#define STATE(ward) ((ward)->agent.terminal.state)

static struct ward *unknown_terminal(uint64_t seed)
{
    struct ward *ward = ward_new(seed);

    ward->identity.facts.known = false;
    ward->identity.facts.terminal[0] = '\0';
    return ward;
}

static void say_joined(struct ward *ward)
{
    struct msg msg;

    ward_msg(&msg, MSG_joined);
    (void)snprintf(msg.joined.terminal, sizeof(msg.joined.terminal), "ICU-07");
    (void)snprintf(msg.joined.certificate, sizeof(msg.joined.certificate), "certificate");
    (void)snprintf(msg.joined.authority, sizeof(msg.joined.authority), "authority");
    ward_say(ward, &msg);
}

TEST(link, a_known_terminal_announces_itself_and_waits_for_a_person)
{
    struct ward *ward = ward_new(1);
    const struct msg *announce;

    ward_start(ward);
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT_INT(ward->screen.page.kind, page_kind_SIGN_ON);
    EXPECT_STR(ward->screen.page.terminal, "ICU-07");
    EXPECT(ward->screen.page.online);
    announce = ward_sent(ward, MSG_announce);
    EXPECT(announce != NULL);
    EXPECT_STR(announce->announce.boot_id, "boot-1");
    EXPECT_INT(announce->announce.session_id, 0);
    EXPECT_INT(ward->uplink.listener, UPLINK_LINK);
    ward_free(ward);
}

TEST(link, an_unknown_terminal_joins_with_its_invitation_and_then_announces)
{
    struct ward *ward = unknown_terminal(2);
    const struct msg *join;

    EXPECT(secret_set(&ward->agent.options.invitation, "0123", 4));
    ward_start(ward);
    EXPECT_INT(STATE(ward), agent_JOINING);
    EXPECT_INT(ward->uplink.listener, UPLINK_JOIN);
    EXPECT_INT(ward->uplink.port, 7002);
    join = ward_sent(ward, MSG_join);
    EXPECT(join != NULL);
    EXPECT_INT(join->join.evidence_count, 1);
    EXPECT_INT(join->join.evidence[0].kind, join_evidence_kind_INVITATION);
    EXPECT_STR(join->join.evidence[0].value.text, "0123");
    say_joined(ward);
    ward_run(ward, 2000);
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT_INT(ward->uplink.listener, UPLINK_LINK);
    EXPECT(secret_empty(&ward->agent.options.invitation));
    ward_free(ward);
}

TEST(link, approval_shows_a_code_and_asks_again_with_the_same_key)
{
    struct ward *ward = unknown_terminal(3);
    struct msg msg;

    ward_start(ward);
    ward_msg(&msg, MSG_join_wait);
    (void)snprintf(msg.join_wait.code, sizeof(msg.join_wait.code), "4711-0815");
    msg.join_wait.retry_after_ms = 5000;
    ward_say(ward, &msg);
    EXPECT_INT(STATE(ward), agent_WAITING);
    EXPECT_INT(ward->screen.page.kind, page_kind_APPROVE);
    EXPECT_STR(ward->screen.page.code, "4711-0815");
    EXPECT(!ward->uplink.open);
    ward_run(ward, 4000);
    EXPECT_INT(ward_sent_count(ward, MSG_join), 1);
    ward_run(ward, 2000);
    EXPECT_INT(ward_sent_count(ward, MSG_join), 2);
    EXPECT_INT(ward->identity.keys, 1);
    EXPECT_STR(ward->sent[0].join.request, ward->sent[1].join.request);
    EXPECT_INT(STATE(ward), agent_WAITING); /* the code stays on the screen while it asks again */
    say_joined(ward);
    ward_run(ward, 2000);
    EXPECT_INT(STATE(ward), agent_IDLE);
    ward_free(ward);
}

TEST(link, a_refused_join_says_so_and_asks_again_slowly)
{
    struct ward *ward = unknown_terminal(4);

    ward_start(ward);
    ward_refuse(ward, "join", "DENIED", "the invitation was used up");
    EXPECT_INT(STATE(ward), agent_JOINING);
    EXPECT_SAYS(ward->screen.page.text, "used up");
    EXPECT(ward->screen.page.alert);
    ward_run(ward, 50000);
    EXPECT_INT(ward_sent_count(ward, MSG_join), 1);
    ward_run(ward, 20000);
    EXPECT_INT(ward_sent_count(ward, MSG_join), 2);
    ward_free(ward);
}

TEST(link, whoever_hears_that_it_is_in_line_goes_on_waiting)
{
    struct ward *ward = unknown_terminal(29);
    struct msg msg;

    ward_start(ward);
    for (int i = 0; i < 10; i++) {
        ward_run(ward, 15000);
        ward_msg(&msg, MSG_join_pending);
        ward_say(ward, &msg);
    }
    EXPECT_INT(ward_sent_count(ward, MSG_join), 1);
    say_joined(ward);
    ward_run(ward, 2000);
    EXPECT_INT(STATE(ward), agent_IDLE);
    ward_free(ward);
}

TEST(link, a_broker_that_says_nothing_to_a_joiner_is_asked_again)
{
    struct ward *ward = unknown_terminal(30);
    struct msg msg;

    ward_start(ward);
    ward_run(ward, 10000);
    ward_msg(&msg, MSG_join_pending);
    ward_say(ward, &msg);
    ward_run(ward, 19000);
    EXPECT(ward->uplink.open);
    EXPECT_INT(ward_sent_count(ward, MSG_join), 1);
    ward_run(ward, 60000);
    EXPECT(ward_sent_count(ward, MSG_join) > 1);
    ward_free(ward);
}

TEST(link, another_invitation_ends_what_was_said_of_the_earlier_try)
{
    struct ward *ward = unknown_terminal(31);

    ward_start(ward);
    ward_refuse(ward, "join", "DENIED", "the invitation was used up");
    EXPECT_SAYS(ward->screen.page.text, "used up");
    dial_restart(&ward->agent);
    EXPECT_INT(STATE(ward), agent_JOINING);
    EXPECT_STR(ward->agent.terminal.text, ""); /* which berth-agent join prints */
    EXPECT(!ward->screen.page.alert);
    ward_run(ward, 5000);
    EXPECT_INT(ward_sent_count(ward, MSG_join), 2);
    ward_refuse(ward, "join", "DENIED", "the invitation has expired");
    EXPECT_STR(ward->last_news.text, "the invitation has expired");
    EXPECT_SAYS(ward->screen.page.text, "too old");
    ward_free(ward);
}

/* Which berth-agent join waits for. */
TEST(link, whoever_brings_an_invitation_hears_what_became_of_it)
{
    struct ward *ward = unknown_terminal(32);
    struct msg msg;

    ward_start(ward);
    ward_refuse(ward, "join", "DENIED", "the invitation was used up");
    EXPECT_INT(ward->news[AGENT_EVENT_JOIN_FAILED], 1);
    EXPECT_INT(ward->last_news.code, BERTH_E_DENIED);
    EXPECT_STR(ward->last_news.text, "the invitation was used up");
    (void)UNTIL_BY(ward->timers.mono_ms, 120000, ward_sent_count(ward, MSG_join) >= 2,
                   ward_run(ward, 1000));
    dial_restart(&ward->agent); /* while it is asked again */
    EXPECT_INT(ward->news[AGENT_EVENT_JOIN_FAILED], 2);
    EXPECT_STR(ward->last_news.text, "another invitation came");
    ward_run(ward, 5000);
    EXPECT_INT(ward->news[AGENT_EVENT_JOINED], 0);
    ward_msg(&msg, MSG_joined);
    (void)snprintf(msg.joined.terminal, sizeof(msg.joined.terminal), "ICU-09");
    ward_say(ward, &msg);
    EXPECT_INT(ward->news[AGENT_EVENT_JOINED], 1);
    EXPECT_INT(ward->news[AGENT_EVENT_JOIN_FAILED], 2);
    ward_free(ward);
}

TEST(link, nobody_joins_without_knowing_whom_to_trust)
{
    struct ward *ward = unknown_terminal(5);

    ward->identity.facts.authority_hash[0] = '\0';
    ward_start(ward);
    ward_run(ward, 20000);
    EXPECT_INT(ward->uplink.dials, 0);
    EXPECT_SAYS(ward->last_news.text, "which CA to trust"); /* for who joins it */
    EXPECT_STR(ward->screen.page.text, text_in("en", TEXT_JOIN_CONFIG));
    ward_free(ward);
}

TEST(link, an_expired_certificate_renews_at_the_join_listener_with_the_old_key)
{
    struct ward *ward = ward_new(6);
    const struct msg *join;

    ward->identity.old_key = true;
    ward->broker_up = false;
    ward->dial_fails = BERTH_E_CERTIFICATE;
    agent_flow_start(&ward->agent);
    ward_run(ward, 20);
    ward->broker_up = true;
    ward_run(ward, 3000);
    EXPECT_INT(ward->uplink.listener, UPLINK_JOIN);
    join = ward_sent(ward, MSG_join);
    EXPECT(join != NULL);
    EXPECT_INT(join->join.evidence_count, 1);
    EXPECT_INT(join->join.evidence[0].kind, join_evidence_kind_OLD_KEY);
    say_joined(ward);
    ward_run(ward, 2000);
    EXPECT_INT(STATE(ward), agent_IDLE);
    ward_free(ward);
}

TEST(link, a_revoked_terminal_says_so_and_goes_on_asking)
{
    struct ward *ward = ward_new(7);

    ward->grants = false;
    ward_start(ward);
    ward_refuse(ward, "", "REVOKED", "the terminal was revoked");
    ward_run(ward, 2000);
    EXPECT_INT(ward->uplink.listener, UPLINK_JOIN);
    ward_refuse(ward, "join", "REVOKED", "the terminal was revoked");
    EXPECT(ward->agent.terminal.revoked);
    EXPECT_SAYS(ward->last_news.text, "revoked");
    EXPECT_STR(ward->screen.page.text, text_in("en", TEXT_JOIN_REVOKED));
    ward_free(ward);
}

TEST(link, presence_is_renewed_as_the_broker_dictates_with_jitter)
{
    struct ward *ward = ward_new(8);
    int64_t least = INT64_MAX;
    int64_t most = 0;
    size_t before;

    ward_start(ward);
    for (int i = 0; i < 40; i++) {
        int64_t began = ward->timers.mono_ms;

        before = ward_sent_count(ward, MSG_renew);
        (void)UNTIL_BY(ward->timers.mono_ms, 3600000, ward_sent_count(ward, MSG_renew) > before,
                       ward_run(ward, 1));
        if (i > 0) {
            least = ward->timers.mono_ms - began < least ? ward->timers.mono_ms - began : least;
            most = ward->timers.mono_ms - began > most ? ward->timers.mono_ms - began : most;
        }
    }
    EXPECT(least >= 9000 && least < 9500);
    EXPECT(most <= 11010 && most > 10500);
    EXPECT_INT(ward_sent(ward, MSG_renew)->renew.seq, 40);
    ward->renew_after_ms = 2000; /* the newest grant alone counts */
    ward_run(ward, 12000);
    before = ward_sent_count(ward, MSG_renew);
    ward_run(ward, 20000);
    EXPECT(ward_sent_count(ward, MSG_renew) - before >= 9);
    ward_free(ward);
}

TEST(link, a_silent_broker_is_given_up_and_dialled_anew)
{
    struct ward *ward = ward_new(9);
    int dials;

    ward_start(ward);
    dials = ward->uplink.dials;
    ward->grants = false; /* the wire stands, nobody answers */
    ward_run(ward, 11000 + 7000 + 20000 + 100);
    EXPECT(ward->uplink.dials > dials);
    ward->grants = true;
    ward_run(ward, 60000);
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT(ward->agent.terminal.online);
    ward_free(ward);
}

TEST(link, presence_unknown_is_answered_by_a_new_announcement_on_the_same_link)
{
    struct ward *ward = ward_new(10);
    struct msg msg;

    ward_start(ward);
    ward_msg(&msg, MSG_presence_unknown);
    ward_say(ward, &msg);
    ward_run(ward, 100);
    EXPECT_INT(ward_sent_count(ward, MSG_announce), 2);
    EXPECT_STR(ward_sent(ward, MSG_announce)->announce.resume_presence_id, "");
    EXPECT_INT(ward->uplink.dials, 1);
    EXPECT_INT(STATE(ward), agent_IDLE);
    ward_free(ward);
}

TEST(link, a_lost_link_comes_back_within_the_spread_and_resumes)
{
    int64_t least = INT64_MAX;
    int64_t most = 0;

    for (uint64_t seed = 100; seed < 160; seed++) {
        struct ward *ward = ward_new(seed);
        int64_t cut_ms;
        int64_t took_ms;

        ward_start(ward);
        cut_ms = ward->timers.mono_ms;
        ward_cut(ward);
        EXPECT_INT(STATE(ward), agent_OFFLINE);
        EXPECT_INT(ward->screen.page.kind, page_kind_STATUS);
        ward_run(ward, 20100);
        EXPECT_INT(STATE(ward), agent_IDLE);
        EXPECT_STR(ward_sent(ward, MSG_announce)->announce.resume_presence_id, "presence-1");
        took_ms = ward->uplink.dialled_at_ms[1] - cut_ms;
        least = took_ms < least ? took_ms : least;
        most = took_ms > most ? took_ms : most;
        ward_free(ward);
    }
    /* Uniform over 20 s: sixty terminals leave neither end empty. */
    EXPECT(least < 2500);
    EXPECT(most > 17500 && most <= 20000);
}

TEST(link, tries_slow_down_to_half_a_minute_and_never_stop)
{
    struct ward *ward = ward_new(11);

    ward->broker_up = false;
    ward_start(ward);
    EXPECT_INT(STATE(ward), agent_OFFLINE);
    ward_run(ward, 300000);
    EXPECT(ward->uplink.dials >= 15 && ward->uplink.dials < 60);
    ward->broker_up = true;
    ward_run(ward, 30100);
    EXPECT_INT(STATE(ward), agent_IDLE);
    ward_free(ward);
}

TEST(link, every_configured_address_gets_its_turn)
{
    struct ward *ward = ward_new(12);

    ward->agent.options.links =
        (struct broker_addresses){ .count = 2, .at = { { "first", 1 }, { "second", 2 } } };
    ward->broker_up = false;
    agent_flow_start(&ward->agent);
    ward_run(ward, 10);
    EXPECT_STR(ward->uplink.host, "first");
    ward_run(ward, 1100);
    EXPECT_STR(ward->uplink.host, "second");
    EXPECT_INT(ward->locator.asked, 0);
    ward_free(ward);
}

TEST(link, dns_is_asked_only_when_nothing_is_configured)
{
    struct ward *ward = ward_new(13);

    ward->agent.options.links.count = 0;
    ward->agent.options.ask_dns = true;
    ward->locator.answer = (struct broker_addresses){ .count = 1, .at = { { "by-dns", 7443 } } };
    ward_start(ward);
    EXPECT_STR(ward->locator.service, "_berth._tcp");
    EXPECT_STR(ward->uplink.host, "by-dns");
    EXPECT_INT(STATE(ward), agent_IDLE);
    ward_free(ward);
}

TEST(link, a_nap_past_the_grant_locks_and_announces_anew)
{
    struct ward *ward = ward_new(14);

    ward_start(ward);
    ward_to_picture(ward, 5, 1, 9);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    ward->device.slept_ms = 3600000; /* the lid was closed for an hour */
    ward_run(ward, 5100);
    EXPECT_INT(STATE(ward), agent_LOCKED);
    EXPECT_INT(ward->screen.page.kind, page_kind_BLANK);
    EXPECT(!ward->viewer.running);
    ward_run(ward, 25000);
    EXPECT(ward->agent.terminal.online);
    EXPECT_STR(ward_sent(ward, MSG_announce)->announce.resume_presence_id, "");
    EXPECT_INT(ward_sent(ward, MSG_announce)->announce.session_id, 0);
    ward_free(ward);
}

TEST(link, a_short_nap_only_renews)
{
    struct ward *ward = ward_new(15);
    size_t renewals;

    ward_start(ward);
    ward_to_picture(ward, 5, 1, 9);
    renewals = ward_sent_count(ward, MSG_renew);
    ward->device.slept_ms = 3000;
    ward_run(ward, 5100);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    EXPECT(ward_sent_count(ward, MSG_renew) > renewals);
    ward_free(ward);
}

/* A terminal whose broker is content with a renewal an hour, to keep the log of a whole day short.
 */
static struct ward *calm(uint64_t seed)
{
    struct ward *ward = ward_new(seed);

    ward->renew_after_ms = 3600000;
    ward->expires_in_ms = 7200000;
    ward_start(ward);
    return ward;
}

static void run_until_renewal(struct ward *ward, size_t count)
{
    (void)UNTIL_BY(ward->timers.mono_ms, INT64_C(30) * 86400000,
                   ward_sent_count(ward, MSG_renew_certificate) >= count, ward_run(ward, 1000));
}

TEST(link, a_certificate_is_renewed_at_about_half_its_life)
{
    struct ward *ward = calm(16);
    int64_t began_ms = ward->timers.mono_ms;
    struct msg msg;

    run_until_renewal(ward, 1);
    EXPECT(ward->timers.mono_ms - began_ms > DAY_MS * 44 / 100);
    EXPECT(ward->timers.mono_ms - began_ms < DAY_MS * 56 / 100);
    ward_msg(&msg, MSG_certificate);
    (void)snprintf(msg.certificate.certificate, sizeof(msg.certificate.certificate), "next");
    ward_say(ward, &msg);
    EXPECT(!ward->identity.pending);
    ward_run(ward, ward->spread_ms + 100); /* the old key is good until the new one was used */
    EXPECT_INT(ward->uplink.dials, 2);
    EXPECT(ward->agent.terminal.online);
    ward_run(ward, DAY_MS * 44 / 100);
    EXPECT_INT(ward_sent_count(ward, MSG_renew_certificate), 1);
    run_until_renewal(ward, 2);
    EXPECT_INT(ward->identity.keys, 2);
    ward_free(ward);
}

TEST(link, a_certificate_for_an_earlier_request_is_not_taken_for_this_one)
{
    struct ward *ward = calm(18);
    struct msg msg;
    uint64_t earlier;

    run_until_renewal(ward, 1);
    earlier = ward_sent(ward, MSG_renew_certificate)->ref;
    run_until_renewal(ward, 2); /* the first is given up after 30 s, without an answer */
    ward_msg(&msg, MSG_certificate);
    msg.ref = earlier;
    ward_say(ward, &msg);
    EXPECT(ward->identity.pending);
    ward_msg(&msg, MSG_certificate);
    ward_say(ward, &msg);
    EXPECT(!ward->identity.pending);
    ward_free(ward);
}

TEST(link, the_next_key_waits_for_somebody_who_waits)
{
    struct ward *ward = calm(17);
    struct msg msg;

    run_until_renewal(ward, 1);
    ward_submit(ward, "anna", "secret");
    ward_msg(&msg, MSG_certificate);
    (void)snprintf(msg.certificate.certificate, sizeof(msg.certificate.certificate), "next");
    ward_say(ward, &msg);
    ward_run(ward, 30000);
    EXPECT_INT(ward->uplink.dials, 1);
    ward_show(ward, 5, 1, 9);
    ward_connected(ward);
    ward_greeter_event(ward, greeter_event_kind_PICTURE);
    ward_run(ward, 61000 + ward->spread_ms);
    EXPECT_INT(ward->uplink.dials, 2);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    EXPECT_INT(ward->viewer.starts, 1);
    EXPECT_INT(ward_sent(ward, MSG_announce)->announce.session_id, 5);
    ward_free(ward);
}

TEST(link, a_renewal_without_an_answer_is_tried_again)
{
    struct ward *ward = calm(18);

    run_until_renewal(ward, 1);
    ward_run(ward, 31000);
    EXPECT(!ward->agent.certificate_renewal.running);
    ward_run(ward, 4000000);
    EXPECT_INT(ward_sent_count(ward, MSG_renew_certificate), 2);
    EXPECT_INT(STATE(ward), agent_IDLE);
    ward_free(ward);
}

TEST(link, a_dead_clock_is_as_old_as_the_image_and_then_follows_the_broker)
{
    struct ward *ward = ward_new(19);
    const int64_t built_ms = ward->identity.facts.accepted_ms + DAY_MS;

    ward->timers.wall_ms = 0; /* 1970 */
    ward->agent.options.built_ms = built_ms;
    ward_start(ward);
    EXPECT_INT(ward->uplink.dialled_at_wall_ms, built_ms);
    EXPECT(ward->screen.page.now_ms >= built_ms);
    /* The next grant tells what the broker's clock says; from there on ours does not matter. */
    ward->timers.wall_ms = built_ms + DAY_MS;
    ward_run(ward, 12000);
    EXPECT(agent_flow_wall_ms(&ward->agent) > built_ms + DAY_MS + 5000);
    EXPECT(agent_flow_wall_ms(&ward->agent) < built_ms + DAY_MS + 5000 + 13000);
    ward_free(ward);
}

TEST(link, a_clock_that_jumps_changes_nothing_for_whoever_knows_the_brokers_time)
{
    const int64_t jumps[] = { 730 * DAY_MS, -730 * DAY_MS, 0 };

    for (size_t i = 0; i < BERTH_COUNT(jumps); i++) {
        struct ward *ward = ward_new(20 + i);
        int64_t then_ms;

        ward_start(ward);
        then_ms = agent_flow_wall_ms(&ward->agent);
        ward->timers.wall_ms += jumps[i];
        ward->device.slept_ms += jumps[i] == 0 ? 2000 : 0; /* sleep is time that passed */
        ward_cut(ward);
        ward_run(ward, 20100);
        EXPECT_INT(ward->uplink.dials, 2);
        EXPECT(ward->uplink.dialled_at_wall_ms >= then_ms + (jumps[i] == 0 ? 2000 : 0));
        EXPECT(ward->uplink.dialled_at_wall_ms <= then_ms + 23000);
        ward_free(ward);
    }
}

/* What it said of the time is believed until it is refused. */
TEST(link, a_broker_whose_clock_was_wrong_for_a_moment_is_found_again)
{
    struct ward *ward = ward_new(24);
    struct msg granted;

    ward_start(ward);
    ward_msg(&granted, MSG_granted);
    (void)snprintf(granted.granted.presence_id, sizeof(granted.granted.presence_id), "presence-1");
    granted.granted.presence_expires_in_ms = ward->expires_in_ms;
    granted.granted.renew_after_ms = ward->renew_after_ms;
    granted.granted.incarnation = ward->incarnation;
    granted.granted.reconnect_spread_ms = 1000;
    granted.granted.server_time_ms = ward->timers.wall_ms + 730 * DAY_MS;
    ward_say(ward, &granted);
    ward->broker_up = false;
    ward->dial_fails = BERTH_E_CERTIFICATE;
    ward_cut(ward);
    for (int i = 0; i < 1010 && ward->uplink.dials < 2; i++)
        ward_run(ward, 1);
    ward_run(ward, 5); /* it fails */
    EXPECT_INT(ward->uplink.dials, 2);
    EXPECT(ward->uplink.dialled_at_wall_ms > ward->timers.wall_ms + 729 * DAY_MS);
    ward->broker_up = true;
    ward_run(ward, 1010);
    EXPECT_INT(ward->uplink.dials, 3);
    EXPECT_INT(ward->uplink.listener, UPLINK_LINK);
    EXPECT(ward->uplink.dialled_at_wall_ms <= ward->timers.wall_ms);
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT(agent_flow_wall_ms(&ward->agent) > ward->timers.wall_ms); /* the broker's again */
    ward_free(ward);
}

TEST(link, goodbye_is_said_on_purpose)
{
    struct ward *ward = ward_new(17);

    ward_start(ward);
    agent_flow_stop(&ward->agent);
    EXPECT_INT(ward_sent_count(ward, MSG_bye), 1);
    EXPECT_STR(ward_sent(ward, MSG_bye)->bye.presence_id, "presence-1");
    EXPECT(!ward->uplink.open);
    ward_free(ward);
}

TEST_MAIN()
