/* test_resume.c - a picture breaks: the agent asks the broker, says so, and gives up in time. */
#include "fakes/agent/fixture.h"
#include "flow/viewer_session.h"

#include "test.h"

#define STATE(fixture) ((fixture)->agent.terminal.state)
#define ASKED(fixture) fixture_sent_count((fixture), MSG_sign_on)

/* The picture of session 5 is there at epoch 1, connection 9. */
static struct fixture *working(uint64_t seed)
{
    struct fixture *fixture = fixture_new(seed);

    fixture->resume_ms = 60000;
    fixture_start(fixture);
    fixture_to_picture(fixture, 5, 1, 9);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    fixture_run(fixture, 5000);
    return fixture;
}

static void refuse(struct fixture *fixture, const char *code, const char *text, int64_t retry_ms)
{
    struct msg msg;

    fixture_msg(&msg, MSG_refused);
    (void)snprintf(msg.refused.about, sizeof(msg.refused.about), "sign_on");
    (void)snprintf(msg.refused.code, sizeof(msg.refused.code), "%s", code);
    (void)snprintf(msg.refused.text, sizeof(msg.refused.text), "%s", text);
    msg.refused.retry_after_ms = retry_ms;
    fixture_say(fixture, &msg);
}

static void picture(struct fixture *fixture, int64_t epoch, uint64_t connection)
{
    fixture_show(fixture, 5, epoch, connection);
    fixture_run(fixture, 400);
    fixture_connected(fixture);
    fixture_run(fixture, 300);
    fixture_greeter_event(fixture, greeter_event_kind_PICTURE);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
}

/* It will not ask any more, whatever time passes. */
static void gave_up(struct fixture *fixture, const char *says)
{
    size_t asked = ASKED(fixture);

    EXPECT(STATE(fixture) == agent_IDLE || STATE(fixture) == agent_OFFLINE);
    EXPECT_SAYS(fixture->screen.page.text, says);
    EXPECT(fixture->screen.page.alert);
    EXPECT_INT(fixture->news[AGENT_EVENT_ENDED], 1);
    fixture_run(fixture, 300000);
    EXPECT_INT(ASKED(fixture), asked);
    fixture_free(fixture);
}

TEST(resume, the_broker_is_asked_and_the_picture_comes_back)
{
    struct fixture *fixture = working(1);
    const struct msg *asked;

    fixture_exits(fixture, 147);
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    EXPECT_INT(fixture->screen.page.kind, page_kind_PROGRESS);
    EXPECT_STR(fixture->screen.page.title, "The picture was lost");
    EXPECT_SAYS(fixture->screen.page.text, "comes back");
    EXPECT_STR(fixture_sent(fixture, MSG_viewer)->viewer.reason, "network");
    EXPECT_INT(fixture->news[AGENT_EVENT_ENDED], 0);
    fixture_run(fixture, 1200);
    EXPECT_INT(ASKED(fixture), 2);
    asked = fixture_sent(fixture, MSG_sign_on);
    EXPECT_INT(asked->sign_on.evidence_count, 1);
    EXPECT_INT(asked->sign_on.evidence[0].kind, evidence_kind_RESUME);
    EXPECT(secret_empty(&asked->sign_on.evidence[0].value));
    EXPECT_INT(asked->sign_on.session_id, 5);
    EXPECT_INT(asked->sign_on.session_epoch, 1);
    EXPECT_INT(asked->sign_on.connection_id, 9);
    EXPECT(asked->sign_on.lost_ms >= 900 && asked->sign_on.lost_ms <= 1200);
    picture(fixture, 2, 10);
    EXPECT_INT(fixture->viewer.starts, 2);
    EXPECT_INT(fixture_sent_count(fixture, MSG_sign_off), 0);
    fixture_free(fixture);
}

TEST(resume, some_ends_are_meant_so)
{
    static const int codes[] = { 0, 1, 3, 5, 11, 12, 133, 143, 132 };

    for (size_t i = 0; i < BERTH_COUNT(codes); i++) {
        struct fixture *fixture = working(2);

        fixture_exits(fixture, codes[i]);
        EXPECT_INT(STATE(fixture), agent_IDLE);
        fixture_run(fixture, 120000);
        EXPECT_INT(ASKED(fixture), 1);
        fixture_free(fixture);
    }
}

TEST(resume, what_the_broker_does_not_allow_is_not_asked_for)
{
    struct fixture *fixture = fixture_new(3);

    fixture_start(fixture);
    fixture_to_picture(fixture, 5, 1, 9);
    fixture_exits(fixture, 147);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    fixture_run(fixture, 120000);
    EXPECT_INT(ASKED(fixture), 1);
    fixture_free(fixture);
}

TEST(resume, a_desktop_out_of_reach_is_asked_for_ever_more_slowly_and_then_given_up)
{
    struct fixture *fixture = working(4);

    fixture_exits(fixture, 147);
    for (size_t i = 0; i < 6; i++) {
        EXPECT_INT(STATE(fixture), agent_SIGN_ON);
        EXPECT_INT(ASKED(fixture), 1 + i);
        fixture_run(fixture, (INT64_C(900) << (i < 4 ? i : 4)) - 1);
        EXPECT_INT(ASKED(fixture), 1 + i);
        fixture_run(fixture, (INT64_C(200) << (i < 4 ? i : 4)) + 1);
        EXPECT_INT(ASKED(fixture), 2 + i);
        refuse(fixture, "DESKTOP", "your desktop does not answer", 1000);
    }
    gave_up(fixture, "Sign on to return to your session");
}

TEST(resume, a_no_for_good_is_shown_with_its_reason)
{
    struct fixture *fixture = working(5);

    fixture_exits(fixture, 147);
    fixture_run(fixture, 1200);
    refuse(fixture, "SUPERSEDED", "Your session moved to t2", 0);
    EXPECT_INT(fixture->last_news.code, BERTH_E_SUPERSEDED);
    gave_up(fixture, "Your session moved to t2");
}

TEST(resume, a_viewer_that_does_not_get_through_is_one_more_try)
{
    struct fixture *fixture = working(6);
    int64_t epoch = 1;

    fixture_exits(fixture, 147);
    for (size_t i = 0; i < 6; i++) {
        EXPECT_INT(STATE(fixture), agent_SIGN_ON);
        fixture_run(fixture, 17700);
        EXPECT_INT(ASKED(fixture), 2 + i);
        EXPECT_INT(fixture_sent(fixture, MSG_sign_on)->sign_on.session_epoch, epoch);
        fixture->agent.sign_on.resume.lost_at_ms =
            agent_flow_uptime_ms(&fixture->agent); /* time is not it */
        fixture_show(fixture, 5, ++epoch, 10 + i);
        EXPECT_INT(STATE(fixture), agent_CONNECTING);
        fixture_exits(fixture, 131);
    }
    gave_up(fixture, "did not come back");
}

TEST(resume, a_viewer_that_finds_another_desktop_ends_it)
{
    struct fixture *fixture = working(7);

    fixture_exits(fixture, 147);
    fixture_run(fixture, 1200);
    fixture_show(fixture, 5, 2, 10);
    fixture_exits(fixture, 133);
    gave_up(fixture, "right one");
}

TEST(resume, a_picture_that_keeps_breaking_is_given_up)
{
    struct fixture *fixture = working(8);
    int64_t epoch = 1;

    for (uint64_t i = 0; i < 6; i++) {
        fixture_exits(fixture, 147);
        fixture_run(fixture, 17700);
        EXPECT_INT(ASKED(fixture), 2 + i);
        picture(fixture, ++epoch, 10 + i);
        fixture_run(fixture, 2000);
    }
    fixture_exits(fixture, 147);
    gave_up(fixture, "Sign on to return");
}

TEST(resume, who_waits_reads_one_sentence_whatever_the_broker_does)
{
    struct fixture *fixture = working(31);
    char text[256];
    struct msg msg;

    fixture_exits(fixture, 147);
    (void)snprintf(text, sizeof(text), "%s", fixture->screen.page.text);
    for (size_t i = 0; i < 3; i++) {
        fixture_run(fixture, 1200 << i);
        fixture_msg(&msg, MSG_progress);
        (void)snprintf(msg.progress.step, sizeof(msg.progress.step), "probe");
        (void)snprintf(msg.progress.text, sizeof(msg.progress.text), "The desktop is asked");
        fixture_say(fixture, &msg);
        EXPECT_STR(fixture->screen.page.title, "The picture was lost");
        EXPECT_STR(fixture->screen.page.text, text);
        refuse(fixture, "DESKTOP", "Your desktop is not ready yet.", 1000);
        EXPECT_STR(fixture->screen.page.text, text);
    }
    fixture_free(fixture);
}

TEST(resume, a_person_who_signs_on_goes_before_it)
{
    struct fixture *fixture = working(32);
    const struct msg *asked;

    fixture_exits(fixture, 147);
    fixture_run(fixture, 1200);
    EXPECT_INT(ASKED(fixture), 2);
    fixture_submit(fixture, "bob", "secret12");
    EXPECT_INT(fixture_sent_count(fixture, MSG_sign_on_cancel), 1);
    EXPECT_INT(ASKED(fixture), 3);
    asked = fixture_sent(fixture, MSG_sign_on);
    EXPECT_INT(asked->sign_on.evidence[0].kind, evidence_kind_PASSWORD);
    EXPECT_STR(asked->sign_on.evidence[0].name, "bob");
    EXPECT_INT(asked->sign_on.session_id, 0);
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    EXPECT_INT(fixture->news[AGENT_EVENT_ENDED], 1);
    fixture_run(fixture, 100000);
    EXPECT_INT(ASKED(fixture), 3); /* and the picture is not asked for any more */
    fixture_free(fixture);
}

TEST(resume, one_that_stays_begins_anew)
{
    struct fixture *fixture = working(9);
    int64_t epoch = 1;

    for (uint64_t i = 0; i < 12; i++) {
        fixture_exits(fixture, 147);
        fixture_run(fixture, 2400);
        EXPECT_INT(ASKED(fixture), 2 + i);
        picture(fixture, ++epoch, 10 + i);
        fixture_run(fixture, 40000);
    }
    fixture_free(fixture);
}

TEST(resume, without_the_broker_it_says_why_and_asks_when_it_is_back)
{
    struct fixture *fixture = working(10);

    fixture->broker_up = false;
    fixture_cut(fixture);
    fixture_run(fixture, 5000);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    fixture_exits(fixture, 147);
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    EXPECT_SAYS(fixture->screen.page.text, "broker cannot be reached");
    EXPECT(!fixture->screen.page.online);
    fixture_run(fixture, 30000);
    EXPECT_SAYS(fixture->screen.page.text, "broker cannot be reached");
    EXPECT_INT(ASKED(fixture), 1);
    fixture->broker_up = true;
    fixture_run(fixture, 2500);
    EXPECT_INT(ASKED(fixture), 2);
    EXPECT_INT(fixture_sent(fixture, MSG_announce)->announce.session_id, 0);
    EXPECT(fixture_sent(fixture, MSG_announce)->announce.user_waiting);
    EXPECT(fixture_sent(fixture, MSG_sign_on)->sign_on.lost_ms >= 30000);
    picture(fixture, 2, 10);
    fixture_free(fixture);
}

TEST(resume, a_broker_that_goes_while_it_is_asked_is_asked_again)
{
    struct fixture *fixture = working(11);

    fixture_exits(fixture, 147);
    fixture_run(fixture, 1200);
    EXPECT_INT(ASKED(fixture), 2);
    fixture->broker_up = false;
    fixture_cut(fixture);
    EXPECT_SAYS(fixture->screen.page.text, "broker cannot be reached");
    fixture_run(fixture, 20000);
    fixture->broker_up = true;
    fixture_run(fixture, 2500);
    EXPECT_INT(ASKED(fixture), 3);
    EXPECT(!strstr(fixture->screen.page.text, "broker"));
    picture(fixture, 2, 10);
    fixture_free(fixture);
}

TEST(resume, a_broker_that_stays_away_leaves_nothing_for_the_next_person)
{
    struct fixture *fixture = working(12);

    fixture->broker_up = false;
    fixture_cut(fixture);
    fixture_exits(fixture, 147);
    fixture_run(fixture, 59000);
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    fixture_run(fixture, 2000);
    EXPECT_INT(STATE(fixture), agent_OFFLINE);
    EXPECT_SAYS(fixture->screen.page.text, "did not come back in time");
    fixture->broker_up = true;
    fixture_run(fixture, 300000);
    EXPECT_INT(ASKED(fixture), 1);
    fixture_free(fixture);
}

TEST(resume, sleep_counts_as_time)
{
    struct fixture *fixture = working(13);

    fixture_exits(fixture, 147);
    fixture->device.slept_ms += 3600000;
    fixture_run(fixture, 10000);
    EXPECT(STATE(fixture) != agent_SIGN_ON);
    fixture_run(fixture, 120000);
    EXPECT(ASKED(fixture) <= 2);
    EXPECT_INT(fixture->viewer.starts, 1);
    fixture_free(fixture);
}

TEST(resume, the_person_may_call_it_off)
{
    struct fixture *fixture = working(14);

    fixture_exits(fixture, 147);
    fixture_run(fixture, 1200);
    fixture_greeter_event(fixture, greeter_event_kind_CANCEL);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT_INT(fixture_sent_count(fixture, MSG_sign_on_cancel), 1);
    fixture_run(fixture, 120000);
    EXPECT_INT(ASKED(fixture), 2);
    fixture_submit(fixture, "bert", "secret"); /* the next one signs on as ever */
    EXPECT_INT(fixture_sent(fixture, MSG_sign_on)->sign_on.evidence[0].kind,
               evidence_kind_PASSWORD);
    EXPECT_INT(fixture_sent(fixture, MSG_sign_on)->sign_on.session_id, 0);
    fixture_free(fixture);
}

TEST(resume, a_lock_ends_it)
{
    struct fixture *fixture = working(15);

    fixture_exits(fixture, 147);
    fixture_run(fixture, 1200);
    viewer_session_lock(&fixture->agent, "the person locks it");
    fixture_run(fixture, 0);
    EXPECT_INT(STATE(fixture), agent_LOCKED);
    fixture_run(fixture, 120000);
    EXPECT_INT(ASKED(fixture), 2);
    fixture_free(fixture);
}

TEST(resume, a_hide_ends_it_and_says_why)
{
    for (int64_t epoch = 1; epoch <= 2; epoch++) {
        struct fixture *fixture = working(16);

        fixture_exits(fixture, 147);
        fixture_run(fixture, epoch == 1 ? 500 : 1200); /* before it asked, and after */
        fixture_hide(fixture, 5, epoch, "moved", "Your session moved to t2");
        EXPECT_INT(STATE(fixture), agent_NOTICE);
        EXPECT_SAYS(fixture->screen.page.text, "moved to t2");
        EXPECT_INT(fixture->news[AGENT_EVENT_ENDED], 1);
        refuse(fixture, "SUPERSEDED", "Your session moved to t2", 0);
        EXPECT_INT(STATE(fixture), agent_NOTICE);
        fixture_run(fixture, 120000);
        EXPECT(ASKED(fixture) <= 2);
        EXPECT_INT(fixture->viewer.starts, 1);
        fixture_free(fixture);
    }
}

TEST(resume, it_does_not_keep_an_empty_chair_unlocked)
{
    struct fixture *fixture = working(17);
    struct msg msg;

    fixture_msg(&msg, MSG_profile);
    msg.profile.version = 1;
    msg.profile.settings_count = 1;
    (void)snprintf(msg.profile.settings[0].key, sizeof(msg.profile.settings[0].key), "idle_lock_s");
    (void)snprintf(msg.profile.settings[0].value, sizeof(msg.profile.settings[0].value), "300");
    fixture_say(fixture, &msg);
    fixture_run(fixture, 280000);
    fixture_exits(fixture, 147);
    fixture_run(fixture, 1200);
    picture(fixture, 2, 10);
    fixture_run(fixture, 30000);
    fixture_idle(fixture, 310000);
    EXPECT_INT(STATE(fixture), agent_LOCKED);
    fixture_free(fixture);
}

TEST(resume, a_kiosk_signs_on_by_itself_anyway)
{
    struct fixture *fixture = fixture_new(18);
    struct msg msg;

    fixture->resume_ms = 60000;
    fixture_start(fixture);
    fixture_msg(&msg, MSG_profile);
    msg.profile.version = 1;
    msg.profile.settings_count = 1;
    (void)snprintf(msg.profile.settings[0].key, sizeof(msg.profile.settings[0].key), "kiosk");
    (void)snprintf(msg.profile.settings[0].value, sizeof(msg.profile.settings[0].value), "yes");
    fixture_say(fixture, &msg);
    EXPECT_INT(fixture_sent(fixture, MSG_sign_on)->sign_on.evidence[0].kind, evidence_kind_KIOSK);
    picture(fixture, 1, 9);
    fixture_exits(fixture, 147);
    fixture_run(fixture, 10000);
    EXPECT_INT(ASKED(fixture), 2);
    EXPECT_INT(fixture_sent(fixture, MSG_sign_on)->sign_on.evidence[0].kind, evidence_kind_KIOSK);
    fixture_free(fixture);
}

TEST_MAIN()
