/* test_resume.c - a picture breaks: the agent asks the broker, says so, and gives up in time. */
#include "fakes/agent/ward.h"
#include "flow/viewer_session.h"

#include "test.h"

#define STATE(ward) ((ward)->agent.terminal.state)
#define ASKED(ward) ward_sent_count((ward), MSG_sign_on)

/* The picture of session 5 is there at epoch 1, connection 9. */
static struct ward *working(uint64_t seed)
{
    struct ward *ward = ward_new(seed);

    ward->resume_ms = 60000;
    ward_start(ward);
    ward_to_picture(ward, 5, 1, 9);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    ward_run(ward, 5000);
    return ward;
}

static void refuse(struct ward *ward, const char *code, const char *text, int64_t retry_ms)
{
    struct msg msg;

    ward_msg(&msg, MSG_refused);
    (void)snprintf(msg.refused.about, sizeof(msg.refused.about), "sign_on");
    (void)snprintf(msg.refused.code, sizeof(msg.refused.code), "%s", code);
    (void)snprintf(msg.refused.text, sizeof(msg.refused.text), "%s", text);
    msg.refused.retry_after_ms = retry_ms;
    ward_say(ward, &msg);
}

static void picture(struct ward *ward, int64_t epoch, uint64_t connection)
{
    ward_show(ward, 5, epoch, connection);
    ward_run(ward, 400);
    ward_connected(ward);
    ward_run(ward, 300);
    ward_greeter_event(ward, greeter_event_kind_PICTURE);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
}

/* It will not ask any more, whatever time passes. */
static void gave_up(struct ward *ward, const char *says)
{
    size_t asked = ASKED(ward);

    EXPECT(STATE(ward) == agent_IDLE || STATE(ward) == agent_OFFLINE);
    EXPECT_SAYS(ward->screen.page.text, says);
    EXPECT(ward->screen.page.alert);
    EXPECT_INT(ward->news[AGENT_EVENT_ENDED], 1);
    ward_run(ward, 300000);
    EXPECT_INT(ASKED(ward), asked);
    ward_free(ward);
}

TEST(resume, the_broker_is_asked_and_the_picture_comes_back)
{
    struct ward *ward = working(1);
    const struct msg *asked;

    ward_exits(ward, 147);
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    EXPECT_INT(ward->screen.page.kind, page_kind_PROGRESS);
    EXPECT_STR(ward->screen.page.title, "The picture was lost");
    EXPECT_SAYS(ward->screen.page.text, "comes back");
    EXPECT_STR(ward_sent(ward, MSG_viewer)->viewer.reason, "network");
    EXPECT_INT(ward->news[AGENT_EVENT_ENDED], 0);
    ward_run(ward, 1200);
    EXPECT_INT(ASKED(ward), 2);
    asked = ward_sent(ward, MSG_sign_on);
    EXPECT_INT(asked->sign_on.evidence_count, 1);
    EXPECT_INT(asked->sign_on.evidence[0].kind, evidence_kind_RESUME);
    EXPECT(secret_empty(&asked->sign_on.evidence[0].value));
    EXPECT_INT(asked->sign_on.session_id, 5);
    EXPECT_INT(asked->sign_on.session_epoch, 1);
    EXPECT_INT(asked->sign_on.connection_id, 9);
    EXPECT(asked->sign_on.lost_ms >= 900 && asked->sign_on.lost_ms <= 1200);
    picture(ward, 2, 10);
    EXPECT_INT(ward->viewer.starts, 2);
    EXPECT_INT(ward_sent_count(ward, MSG_sign_off), 0);
    ward_free(ward);
}

TEST(resume, some_ends_are_meant_so)
{
    static const int codes[] = { 0, 1, 3, 5, 11, 12, 133, 143, 132 };

    for (size_t i = 0; i < BERTH_COUNT(codes); i++) {
        struct ward *ward = working(2);

        ward_exits(ward, codes[i]);
        EXPECT_INT(STATE(ward), agent_IDLE);
        ward_run(ward, 120000);
        EXPECT_INT(ASKED(ward), 1);
        ward_free(ward);
    }
}

TEST(resume, what_the_broker_does_not_allow_is_not_asked_for)
{
    struct ward *ward = ward_new(3);

    ward_start(ward);
    ward_to_picture(ward, 5, 1, 9);
    ward_exits(ward, 147);
    EXPECT_INT(STATE(ward), agent_IDLE);
    ward_run(ward, 120000);
    EXPECT_INT(ASKED(ward), 1);
    ward_free(ward);
}

TEST(resume, a_desktop_out_of_reach_is_asked_for_ever_more_slowly_and_then_given_up)
{
    struct ward *ward = working(4);

    ward_exits(ward, 147);
    for (size_t i = 0; i < 6; i++) {
        EXPECT_INT(STATE(ward), agent_SIGN_ON);
        EXPECT_INT(ASKED(ward), 1 + i);
        ward_run(ward, (INT64_C(900) << (i < 4 ? i : 4)) - 1);
        EXPECT_INT(ASKED(ward), 1 + i);
        ward_run(ward, (INT64_C(200) << (i < 4 ? i : 4)) + 1);
        EXPECT_INT(ASKED(ward), 2 + i);
        refuse(ward, "DESKTOP", "your desktop does not answer", 1000);
    }
    gave_up(ward, "Sign on to return to your session");
}

TEST(resume, a_no_for_good_is_shown_with_its_reason)
{
    struct ward *ward = working(5);

    ward_exits(ward, 147);
    ward_run(ward, 1200);
    refuse(ward, "SUPERSEDED", "Your session moved to t2", 0);
    EXPECT_INT(ward->last_news.code, BERTH_E_SUPERSEDED);
    gave_up(ward, "Your session moved to t2");
}

TEST(resume, a_viewer_that_does_not_get_through_is_one_more_try)
{
    struct ward *ward = working(6);
    int64_t epoch = 1;

    ward_exits(ward, 147);
    for (size_t i = 0; i < 6; i++) {
        EXPECT_INT(STATE(ward), agent_SIGN_ON);
        ward_run(ward, 17700);
        EXPECT_INT(ASKED(ward), 2 + i);
        EXPECT_INT(ward_sent(ward, MSG_sign_on)->sign_on.session_epoch, epoch);
        ward->agent.sign_on.resume.broke_at_ms = agent_flow_uptime_ms(&ward->agent); /* time is not it */
        ward_show(ward, 5, ++epoch, 10 + i);
        EXPECT_INT(STATE(ward), agent_CONNECTING);
        ward_exits(ward, 131);
    }
    gave_up(ward, "did not come back");
}

TEST(resume, a_viewer_that_finds_another_desktop_ends_it)
{
    struct ward *ward = working(7);

    ward_exits(ward, 147);
    ward_run(ward, 1200);
    ward_show(ward, 5, 2, 10);
    ward_exits(ward, 133);
    gave_up(ward, "right one");
}

TEST(resume, a_picture_that_keeps_breaking_is_given_up)
{
    struct ward *ward = working(8);
    int64_t epoch = 1;

    for (uint64_t i = 0; i < 6; i++) {
        ward_exits(ward, 147);
        ward_run(ward, 17700);
        EXPECT_INT(ASKED(ward), 2 + i);
        picture(ward, ++epoch, 10 + i);
        ward_run(ward, 2000);
    }
    ward_exits(ward, 147);
    gave_up(ward, "Sign on to return");
}

TEST(resume, who_waits_reads_one_sentence_whatever_the_broker_does)
{
    struct ward *ward = working(31);
    char text[256];
    struct msg msg;

    ward_exits(ward, 147);
    (void)snprintf(text, sizeof(text), "%s", ward->screen.page.text);
    for (size_t i = 0; i < 3; i++) {
        ward_run(ward, 1200 << i);
        ward_msg(&msg, MSG_progress);
        (void)snprintf(msg.progress.step, sizeof(msg.progress.step), "probe");
        (void)snprintf(msg.progress.text, sizeof(msg.progress.text), "The desktop is asked");
        ward_say(ward, &msg);
        EXPECT_STR(ward->screen.page.title, "The picture was lost");
        EXPECT_STR(ward->screen.page.text, text);
        refuse(ward, "DESKTOP", "Your desktop is not ready yet.", 1000);
        EXPECT_STR(ward->screen.page.text, text);
    }
    ward_free(ward);
}

TEST(resume, a_person_who_signs_on_goes_before_it)
{
    struct ward *ward = working(32);
    const struct msg *asked;

    ward_exits(ward, 147);
    ward_run(ward, 1200);
    EXPECT_INT(ASKED(ward), 2);
    ward_submit(ward, "bob", "secret12");
    EXPECT_INT(ward_sent_count(ward, MSG_sign_on_cancel), 1);
    EXPECT_INT(ASKED(ward), 3);
    asked = ward_sent(ward, MSG_sign_on);
    EXPECT_INT(asked->sign_on.evidence[0].kind, evidence_kind_PASSWORD);
    EXPECT_STR(asked->sign_on.evidence[0].name, "bob");
    EXPECT_INT(asked->sign_on.session_id, 0);
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    EXPECT_INT(ward->news[AGENT_EVENT_ENDED], 1);
    ward_run(ward, 100000);
    EXPECT_INT(ASKED(ward), 3); /* and the picture is not asked for any more */
    ward_free(ward);
}

TEST(resume, one_that_stays_begins_anew)
{
    struct ward *ward = working(9);
    int64_t epoch = 1;

    for (uint64_t i = 0; i < 12; i++) {
        ward_exits(ward, 147);
        ward_run(ward, 2400);
        EXPECT_INT(ASKED(ward), 2 + i);
        picture(ward, ++epoch, 10 + i);
        ward_run(ward, 40000);
    }
    ward_free(ward);
}

TEST(resume, without_the_broker_it_says_why_and_asks_when_it_is_back)
{
    struct ward *ward = working(10);

    ward->broker_up = false;
    ward_cut(ward);
    ward_run(ward, 5000);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    ward_exits(ward, 147);
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    EXPECT_SAYS(ward->screen.page.text, "broker cannot be reached");
    EXPECT(!ward->screen.page.online);
    ward_run(ward, 30000);
    EXPECT_SAYS(ward->screen.page.text, "broker cannot be reached");
    EXPECT_INT(ASKED(ward), 1);
    ward->broker_up = true;
    ward_run(ward, 2500);
    EXPECT_INT(ASKED(ward), 2);
    EXPECT_INT(ward_sent(ward, MSG_announce)->announce.session_id, 0);
    EXPECT(ward_sent(ward, MSG_announce)->announce.user_waiting);
    EXPECT(ward_sent(ward, MSG_sign_on)->sign_on.lost_ms >= 30000);
    picture(ward, 2, 10);
    ward_free(ward);
}

TEST(resume, a_broker_that_goes_while_it_is_asked_is_asked_again)
{
    struct ward *ward = working(11);

    ward_exits(ward, 147);
    ward_run(ward, 1200);
    EXPECT_INT(ASKED(ward), 2);
    ward->broker_up = false;
    ward_cut(ward);
    EXPECT_SAYS(ward->screen.page.text, "broker cannot be reached");
    ward_run(ward, 20000);
    ward->broker_up = true;
    ward_run(ward, 2500);
    EXPECT_INT(ASKED(ward), 3);
    EXPECT(!strstr(ward->screen.page.text, "broker"));
    picture(ward, 2, 10);
    ward_free(ward);
}

TEST(resume, a_broker_that_stays_away_leaves_nothing_for_the_next_person)
{
    struct ward *ward = working(12);

    ward->broker_up = false;
    ward_cut(ward);
    ward_exits(ward, 147);
    ward_run(ward, 59000);
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    ward_run(ward, 2000);
    EXPECT_INT(STATE(ward), agent_OFFLINE);
    EXPECT_SAYS(ward->screen.page.text, "did not come back in time");
    ward->broker_up = true;
    ward_run(ward, 300000);
    EXPECT_INT(ASKED(ward), 1);
    ward_free(ward);
}

TEST(resume, sleep_counts_as_time)
{
    struct ward *ward = working(13);

    ward_exits(ward, 147);
    ward->device.slept_ms += 3600000;
    ward_run(ward, 10000);
    EXPECT(STATE(ward) != agent_SIGN_ON);
    ward_run(ward, 120000);
    EXPECT(ASKED(ward) <= 2);
    EXPECT_INT(ward->viewer.starts, 1);
    ward_free(ward);
}

TEST(resume, the_person_may_call_it_off)
{
    struct ward *ward = working(14);

    ward_exits(ward, 147);
    ward_run(ward, 1200);
    ward_greeter_event(ward, greeter_event_kind_CANCEL);
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT_INT(ward_sent_count(ward, MSG_sign_on_cancel), 1);
    ward_run(ward, 120000);
    EXPECT_INT(ASKED(ward), 2);
    ward_submit(ward, "bert", "secret"); /* the next one signs on as ever */
    EXPECT_INT(ward_sent(ward, MSG_sign_on)->sign_on.evidence[0].kind, evidence_kind_PASSWORD);
    EXPECT_INT(ward_sent(ward, MSG_sign_on)->sign_on.session_id, 0);
    ward_free(ward);
}

TEST(resume, a_lock_ends_it)
{
    struct ward *ward = working(15);

    ward_exits(ward, 147);
    ward_run(ward, 1200);
    viewer_session_lock(&ward->agent, "the person locks it");
    ward_run(ward, 0);
    EXPECT_INT(STATE(ward), agent_LOCKED);
    ward_run(ward, 120000);
    EXPECT_INT(ASKED(ward), 2);
    ward_free(ward);
}

TEST(resume, a_hide_ends_it_and_says_why)
{
    for (int64_t epoch = 1; epoch <= 2; epoch++) {
        struct ward *ward = working(16);

        ward_exits(ward, 147);
        ward_run(ward, epoch == 1 ? 500 : 1200); /* before it asked, and after */
        ward_hide(ward, 5, epoch, "moved", "Your session moved to t2");
        EXPECT_INT(STATE(ward), agent_NOTICE);
        EXPECT_SAYS(ward->screen.page.text, "moved to t2");
        EXPECT_INT(ward->news[AGENT_EVENT_ENDED], 1);
        refuse(ward, "SUPERSEDED", "Your session moved to t2", 0);
        EXPECT_INT(STATE(ward), agent_NOTICE);
        ward_run(ward, 120000);
        EXPECT(ASKED(ward) <= 2);
        EXPECT_INT(ward->viewer.starts, 1);
        ward_free(ward);
    }
}

TEST(resume, it_does_not_keep_an_empty_chair_unlocked)
{
    struct ward *ward = working(17);
    struct msg msg;

    ward_msg(&msg, MSG_profile);
    msg.profile.version = 1;
    msg.profile.settings_count = 1;
    (void)snprintf(msg.profile.settings[0].key, sizeof(msg.profile.settings[0].key), "idle_lock_s");
    (void)snprintf(msg.profile.settings[0].value, sizeof(msg.profile.settings[0].value), "300");
    ward_say(ward, &msg);
    ward_run(ward, 280000);
    ward_exits(ward, 147);
    ward_run(ward, 1200);
    picture(ward, 2, 10);
    ward_run(ward, 30000);
    ward_idle(ward, 310000);
    EXPECT_INT(STATE(ward), agent_LOCKED);
    ward_free(ward);
}

TEST(resume, a_kiosk_signs_on_by_itself_anyway)
{
    struct ward *ward = ward_new(18);
    struct msg msg;

    ward->resume_ms = 60000;
    ward_start(ward);
    ward_msg(&msg, MSG_profile);
    msg.profile.version = 1;
    msg.profile.settings_count = 1;
    (void)snprintf(msg.profile.settings[0].key, sizeof(msg.profile.settings[0].key), "kiosk");
    (void)snprintf(msg.profile.settings[0].value, sizeof(msg.profile.settings[0].value), "yes");
    ward_say(ward, &msg);
    EXPECT_INT(ward_sent(ward, MSG_sign_on)->sign_on.evidence[0].kind, evidence_kind_KIOSK);
    picture(ward, 1, 9);
    ward_exits(ward, 147);
    ward_run(ward, 10000);
    EXPECT_INT(ASKED(ward), 2);
    EXPECT_INT(ward_sent(ward, MSG_sign_on)->sign_on.evidence[0].kind, evidence_kind_KIOSK);
    ward_free(ward);
}

TEST_MAIN()
