/* test_desktop.c - a person signs on, works, moves, walks away; the broker comes and goes
 * meanwhile. */
#include "fakes/agent/ward.h"
#include "flow/viewer_session.h"

#include "test.h"

#define STATE(ward) ((ward)->agent.terminal.state)

static struct ward *ready(uint64_t seed)
{
    struct ward *ward = ward_new(seed);

    ward_start(ward);
    return ward;
}

static void set_profile(struct ward *ward, int64_t version, const char *key, const char *value)
{
    struct msg msg;

    ward_msg(&msg, MSG_profile);
    msg.profile.version = version;
    msg.profile.settings_count = 1;
    (void)snprintf(msg.profile.settings[0].key, sizeof(msg.profile.settings[0].key), "%s", key);
    (void)snprintf(msg.profile.settings[0].value, sizeof(msg.profile.settings[0].value), "%s",
                   value);
    ward_say(ward, &msg);
}

TEST(desktop, from_the_form_to_the_picture)
{
    struct ward *ward = ready(1);
    const struct msg *sign_on;
    struct msg msg;

    ward_submit(ward, "anna", "secret");
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    sign_on = ward_sent(ward, MSG_sign_on);
    EXPECT(sign_on != NULL);
    EXPECT_INT(sign_on->sign_on.evidence_count, 1);
    EXPECT_INT(sign_on->sign_on.evidence[0].kind, evidence_kind_PASSWORD);
    EXPECT_STR(sign_on->sign_on.evidence[0].name, "anna");
    EXPECT_STR(sign_on->sign_on.evidence[0].value.text, "secret");

    ward_msg(&msg, MSG_progress);
    (void)snprintf(msg.progress.text, sizeof(msg.progress.text), "All desktops are taken");
    msg.progress.queue_place = 3;
    msg.progress.estimate_ms = 40000;
    ward_say(ward, &msg);
    EXPECT_INT(ward->screen.page.kind, page_kind_PROGRESS);
    EXPECT_INT(ward->screen.page.queue_place, 3);
    EXPECT_INT(ward->screen.page.estimate_ms, 40000);

    ward_run(ward, 600000); /* a queue has no time limit */
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    ward_show(ward, 5, 1, 9);
    EXPECT_INT(STATE(ward), agent_CONNECTING);
    EXPECT(ward->viewer.running);
    EXPECT_STR(ward->viewer.request.host, "10.0.0.5");
    EXPECT_STR(ward->viewer.request.password.text, "one-time");
    EXPECT(ward->viewer.request.clipboard);
    EXPECT(!ward->viewer.request.drives);
    EXPECT(secret_empty(&ward->agent.viewer_session.request.password));
    EXPECT(secret_empty(&ward->agent.sign_on.evidence[0].value));
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.state, viewer_state_CONNECTING);

    ward_run(ward, 500);
    ward_connected(ward);
    EXPECT_INT(ward->screen.page.kind, page_kind_DESKTOP);
    EXPECT(ward->screen.page.watch);
    EXPECT_INT(STATE(ward), agent_CONNECTING);
    ward_run(ward, 300);
    ward_greeter_event(ward, greeter_event_kind_PICTURE);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.state, viewer_state_ACTIVE);
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.picture_ms, 800);
    EXPECT_INT(ward->news[AGENT_EVENT_SHOWN], 1);
    ward_run(ward, 11000);
    EXPECT_INT(ward_sent(ward, MSG_renew)->renew.screen, screen_state_DESKTOP);
    ward_free(ward);
}

TEST(desktop, a_wrong_password_leads_back_to_the_form)
{
    struct ward *ward = ready(2);

    ward_submit(ward, "anna", "wrong");
    ward_refuse(ward, "sign_on", "CREDENTIALS", "the user name or the password is wrong");
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT_INT(ward->screen.page.kind, page_kind_SIGN_ON);
    EXPECT_SAYS(ward->screen.page.text, "password is wrong");
    EXPECT(ward->screen.page.alert);
    EXPECT_STR(ward->screen.page.user, "anna");
    EXPECT_INT(ward->news[AGENT_EVENT_SIGN_ON_FAILED], 1);
    EXPECT_INT(ward->last_news.code, BERTH_E_CREDENTIALS);
    ward_submit(ward, "anna", "secret"); /* and again */
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    EXPECT_STR(ward->screen.page.text, "");
    ward_free(ward);
}

TEST(desktop, a_german_terminal_speaks_german)
{
    struct ward *ward = ready(3);

    set_profile(ward, 1, "language", "de");
    EXPECT_STR(ward->screen.page.language, "de");
    EXPECT_STR(ward->screen.page.title, "Anmelden");
    ward_submit(ward, "anna", "wrong");
    ward_refuse(ward, "sign_on", "CREDENTIALS", "the user name or the password is wrong");
    EXPECT_SAYS(ward->screen.page.text, "Passwort ist falsch");
    ward_free(ward);
}

TEST(desktop, one_of_several_pools_is_picked_with_the_same_evidence)
{
    struct ward *ward = ready(4);
    struct greeter_event event = { .kind = greeter_event_kind_PICK };
    struct msg msg;

    ward_submit(ward, "anna", "secret");
    ward_msg(&msg, MSG_choose);
    msg.choose.choices_count = 2;
    (void)snprintf(msg.choose.choices[0].pool, sizeof(msg.choose.choices[0].pool), "ward-3");
    (void)snprintf(msg.choose.choices[1].pool, sizeof(msg.choose.choices[1].pool), "office");
    ward_say(ward, &msg);
    EXPECT_INT(STATE(ward), agent_CHOOSING);
    EXPECT_INT(ward->screen.page.choices_count, 2);
    EXPECT_STR(ward->screen.page.choices[1].title, "office");
    (void)snprintf(event.pool, sizeof(event.pool), "office");
    ward->screen.event(ward->screen.owner, &event);
    ward_run(ward, 0);
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    EXPECT_INT(ward_sent_count(ward, MSG_sign_on), 2);
    EXPECT_STR(ward_sent(ward, MSG_sign_on)->sign_on.pool, "office");
    EXPECT_STR(ward_sent(ward, MSG_sign_on)->sign_on.evidence[0].value.text, "secret");
    ward_show(ward, 5, 1, 9);
    EXPECT_INT(STATE(ward), agent_CONNECTING);
    ward_free(ward);
}

TEST(desktop, calling_off_tells_the_broker)
{
    struct ward *ward = ready(5);

    ward_submit(ward, "anna", "secret");
    ward_greeter_event(ward, greeter_event_kind_CANCEL);
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT_INT(ward_sent_count(ward, MSG_sign_on_cancel), 1);
    EXPECT_STR(ward->screen.page.text, "");
    ward_free(ward);
}

/* Ada calls her sign-on off, and Bob begins his before the broker's answers to hers arrive. */
static struct ward *answers_cross(uint64_t seed, uint64_t *ret_earlier)
{
    struct ward *ward = ready(seed);

    ward_submit(ward, "ada", "secret");
    *ret_earlier = ward_sent(ward, MSG_sign_on)->ref;
    ward_greeter_event(ward, greeter_event_kind_CANCEL);
    ward_submit(ward, "bob", "secret");
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    EXPECT(ward_sent(ward, MSG_sign_on)->ref != *ret_earlier);
    return ward;
}

TEST(desktop, a_no_to_an_earlier_question_is_not_the_answer_to_this_one)
{
    uint64_t earlier;
    struct ward *ward = answers_cross(40, &earlier);
    struct msg msg;

    ward_msg(&msg, MSG_refused);
    msg.ref = earlier;
    (void)snprintf(msg.refused.about, sizeof(msg.refused.about), "sign_on");
    (void)snprintf(msg.refused.code, sizeof(msg.refused.code), "CREDENTIALS");
    (void)snprintf(msg.refused.text, sizeof(msg.refused.text), "the password is wrong");
    ward_say(ward, &msg);
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    EXPECT_INT(ward->news[AGENT_EVENT_SIGN_ON_FAILED], 1); /* the one that was called off */
    ward_refuse(ward, "sign_on", "NO_DESKTOP", "all desktops are taken");
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT_SAYS(ward->screen.page.text, "all desktops are taken");
    ward_free(ward);
}

TEST(desktop, what_the_broker_says_of_an_earlier_question_is_not_shown)
{
    uint64_t earlier;
    struct ward *ward = answers_cross(41, &earlier);
    struct msg msg;

    ward_msg(&msg, MSG_progress);
    msg.ref = earlier;
    (void)snprintf(msg.progress.text, sizeof(msg.progress.text), "You are number 3");
    msg.progress.queue_place = 3;
    ward_say(ward, &msg);
    EXPECT_INT(ward->screen.page.queue_place, 0);
    EXPECT_STR(ward->screen.page.text, "");
    ward_msg(&msg, MSG_choose);
    msg.ref = earlier;
    msg.choose.choices_count = 1;
    (void)snprintf(msg.choose.choices[0].pool, sizeof(msg.choose.choices[0].pool), "hers");
    ward_say(ward, &msg);
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    ward_free(ward);
}

TEST(desktop, the_desktop_of_an_earlier_question_is_given_back)
{
    uint64_t earlier;
    struct ward *ward = answers_cross(42, &earlier);
    struct msg msg;

    ward_show_msg(ward, &msg, 5, 1, 9);
    msg.ref = earlier;
    ward_say(ward, &msg);
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    EXPECT_INT(ward->viewer.starts, 0);
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.connection_id, 9);
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.state, viewer_state_ENDED);
    ward_show(ward, 6, 1, 10);
    EXPECT_INT(STATE(ward), agent_CONNECTING);
    EXPECT_STR(ward->viewer.request.host, "10.0.0.6");
    ward_free(ward);
}

TEST(desktop, a_desktop_that_comes_after_its_question_was_called_off_is_given_back)
{
    struct ward *ward = ready(43);
    struct msg msg;

    ward_submit(ward, "ada", "secret");
    ward_greeter_event(ward, greeter_event_kind_CANCEL);
    ward_show_msg(ward, &msg, 5, 1, 9);
    msg.ref = ward_sent(ward, MSG_sign_on)->ref;
    ward_say(ward, &msg);
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT_INT(ward->viewer.starts, 0);
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.state, viewer_state_ENDED);
    ward_free(ward);
}

/* What the broker shows by itself answers nothing. */
TEST(desktop, a_desktop_that_nobody_asked_for_is_shown)
{
    struct ward *ward = ready(44);
    struct msg msg;

    ward_show_msg(ward, &msg, 5, 1, 9);
    EXPECT_INT(msg.ref, 0);
    ward_say(ward, &msg);
    EXPECT_INT(STATE(ward), agent_CONNECTING);
    ward_free(ward);
}

TEST(desktop, the_session_moves_the_screen_blanks_first_and_says_where)
{
    struct ward *ward = ready(6);
    size_t pages;

    ward_to_picture(ward, 5, 1, 9);
    pages = ward->screen.count;
    ward_hide(ward, 5, 1, "moved", "Your session moved to ICU-08");
    EXPECT_INT(STATE(ward), agent_NOTICE);
    EXPECT_INT(ward->screen.kinds[pages], page_kind_NOTICE);
    EXPECT(ward->screen.viewer_ran[pages]); /* covered before the viewer was told to end */
    EXPECT(ward->viewer.told_to_end);
    EXPECT_STR(ward->screen.page.title, "Your session moved");
    EXPECT_SAYS(ward->screen.page.text, "ICU-08");
    ward_run(ward, 100);
    EXPECT(!ward->viewer.running);
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.state, viewer_state_ENDED);
    EXPECT_STR(ward_sent(ward, MSG_viewer)->viewer.reason, "moved");
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.connection_id, 9);
    ward_greeter_event(ward, greeter_event_kind_DISMISS);
    EXPECT_INT(STATE(ward), agent_IDLE);
    ward_free(ward);
}

TEST(desktop, a_notice_goes_by_itself)
{
    struct ward *ward = ready(7);

    ward_to_picture(ward, 5, 1, 9);
    ward_hide(ward, 5, 1, "limit", "");
    EXPECT_INT(STATE(ward), agent_NOTICE);
    ward_run(ward, 121000);
    EXPECT_INT(STATE(ward), agent_IDLE);
    ward_free(ward);
}

TEST(desktop, a_hide_of_something_else_changes_nothing)
{
    struct ward *ward = ready(8);

    ward_to_picture(ward, 5, 3, 9);
    ward_hide(ward, 6, 99, "moved", "");
    ward_hide(ward, 5, 2, "moved", ""); /* of an older epoch: it speaks of an earlier show */
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    EXPECT(!ward->viewer.told_to_end);
    ward_free(ward);
}

TEST(desktop, an_older_epoch_never_takes_the_picture_back)
{
    struct ward *ward = ready(9);
    int starts;

    ward_to_picture(ward, 5, 7, 9);
    starts = ward->viewer.starts;
    ward_show(ward, 5, 6, 10);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    EXPECT_INT(ward->viewer.starts, starts);
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.state, viewer_state_ENDED);
    EXPECT_STR(ward_sent(ward, MSG_viewer)->viewer.reason, "overtaken");
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.connection_id, 10);
    EXPECT_INT(ward->agent.terminal.shown.epoch, 7);
    ward_free(ward);
}

TEST(desktop, a_show_that_was_hidden_meanwhile_is_refused)
{
    struct ward *ward = ready(10);

    ward_hide(ward, 5, 3, "moved", "");
    EXPECT_INT(STATE(ward), agent_IDLE);
    ward_show(ward, 5, 3, 9);
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT_INT(ward->viewer.starts, 0);
    ward_show(ward, 5, 4, 10);
    EXPECT_INT(STATE(ward), agent_CONNECTING);
    ward_free(ward);
}

TEST(desktop, two_shows_in_a_row_end_with_one_picture)
{
    struct ward *ward = ready(11);

    ward_submit(ward, "anna", "secret");
    ward_show(ward, 5, 1, 9);
    ward_show(ward, 6, 1, 10); /* before the first viewer is connected */
    EXPECT(ward->viewer.told_to_end);
    EXPECT_INT(ward->screen.page.kind, page_kind_PROGRESS);
    ward_run(ward, 100);
    EXPECT_INT(ward->viewer.starts, 2);
    EXPECT_STR(ward->viewer.request.host, "10.0.0.6");
    ward_connected(ward);
    ward_greeter_event(ward, greeter_event_kind_PICTURE);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    EXPECT_INT(ward->agent.terminal.shown.session_id, 6);
    ward_free(ward);
}

TEST(desktop, anothers_session_never_shows_through)
{
    struct ward *ward = ready(12);
    size_t pages;

    ward_to_picture(ward, 5, 1, 9);
    ward->viewer.stubborn = true; /* the first viewer takes its time to go */
    pages = ward->screen.count;
    ward_show(ward, 6, 1, 10);
    EXPECT_INT(ward->screen.kinds[pages], page_kind_PROGRESS);
    EXPECT(ward->viewer.told_to_end);
    ward_run(ward, 1500);
    EXPECT_INT(ward->viewer.starts, 1);
    EXPECT_INT(ward->screen.page.kind, page_kind_PROGRESS);
    ward_run(ward, 600);
    EXPECT_INT(ward->viewer.starts, 2);
    EXPECT_STR(ward_sent(ward, MSG_viewer)->viewer.reason, "");
    for (size_t i = pages; i < ward->screen.count; i++)
        EXPECT(ward->screen.kinds[i] != page_kind_DESKTOP);
    ward_free(ward);
}

TEST(desktop, the_broker_goes_and_the_picture_stays_and_is_claimed)
{
    struct ward *ward = ready(13);
    size_t pages;
    const struct msg *announce;

    ward_to_picture(ward, 5, 7, 9);
    pages = ward->screen.count;
    ward->broker_up = false;
    ward_cut(ward);
    ward_run(ward, 30000);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    EXPECT(ward->viewer.running && !ward->viewer.told_to_end);
    ward->broker_up = true;
    ward->incarnation = 2;
    ward_run(ward, 31000);
    EXPECT(ward->agent.terminal.online);
    announce = ward_sent(ward, MSG_announce);
    EXPECT_INT(announce->announce.session_id, 5);
    EXPECT_INT(announce->announce.session_epoch, 7);
    EXPECT_INT(announce->announce.connection_id, 9);
    for (size_t i = pages; i < ward->screen.count; i++)
        EXPECT_INT(ward->screen.kinds[i], page_kind_DESKTOP);
    ward_show(ward, 5, 7, 9); /* it may say again what it wants: the picture does not flicker */
    EXPECT_INT(ward->viewer.starts, 1);
    EXPECT(!ward->viewer.told_to_end);
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.state, viewer_state_ACTIVE);
    ward_free(ward);
}

TEST(desktop, with_a_picture_the_first_try_comes_in_the_first_half_of_the_spread)
{
    for (uint64_t seed = 200; seed < 220; seed++) {
        struct ward *ward = ready(seed);
        int64_t half_ms = ward->spread_ms / 2;
        int64_t cut_ms;

        ward_to_picture(ward, 5, 1, 9);
        cut_ms = ward->timers.mono_ms;
        ward_cut(ward);
        ward_run(ward, half_ms + 100);
        EXPECT(ward->agent.terminal.online);
        EXPECT(ward->uplink.dialled_at_ms[1] - cut_ms <= half_ms);
        ward_free(ward);
    }
}

TEST(desktop, a_sign_on_survives_a_broker_restart)
{
    struct ward *ward = ready(14);
    const struct msg *announce;

    ward_submit(ward, "anna", "secret");
    EXPECT_INT(ward_sent_count(ward, MSG_sign_on), 1);
    ward->broker_up = false;
    ward_cut(ward);
    ward_run(ward, 5000);
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    ward->broker_up = true;
    ward_run(ward, 2100);
    announce = ward_sent(ward, MSG_announce);
    EXPECT(announce->announce.user_waiting);
    EXPECT_INT(ward_sent_count(ward, MSG_sign_on), 2);
    EXPECT_STR(ward_sent(ward, MSG_sign_on)->sign_on.evidence[0].value.text, "secret");
    ward_free(ward);
}

TEST(desktop, waiting_for_an_absent_broker_ends)
{
    struct ward *ward = ready(15);

    ward_submit(ward, "anna", "secret");
    ward->broker_up = false;
    ward_cut(ward);
    ward_run(ward, 61000);
    EXPECT_INT(STATE(ward), agent_OFFLINE);
    EXPECT_SAYS(ward->screen.page.text, "lost while signing on");
    EXPECT(secret_empty(&ward->agent.sign_on.evidence[0].value));
    ward_free(ward);
}

TEST(desktop, the_end_of_the_viewer_ends_the_connection_and_says_why)
{
    static const struct {
        int exit_code;
        const char *word;
        const char *says;
    } cases[] = {
        { 12, "logoff", "ended the connection" },   { 132, "authentication", "not accept" },
        { 143, "certificate", "right one" },        { 133, "negotiation", "right one" },
        { 141, "negotiation", "Do not try again" }, { 147, "network", "lost" },
        { 131, "connect-failed", "lost" },          { 5, "replaced", "somewhere else" },
        { 3, "idle-timeout", "time limit" },        { 20, "licence", "could not be shown" },
        { 99, "unknown", "could not be shown" },
    };

    for (size_t i = 0; i < BERTH_COUNT(cases); i++) {
        struct ward *ward = ready(16 + i);

        ward_to_picture(ward, 5, 1, 9);
        ward_exits(ward, cases[i].exit_code);
        EXPECT_INT(STATE(ward), agent_IDLE);
        EXPECT_STR(ward_sent(ward, MSG_viewer)->viewer.reason, cases[i].word);
        EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.exit_code, cases[i].exit_code);
        EXPECT_SAYS(ward->screen.page.text, cases[i].says);
        EXPECT_INT(ward_sent_count(ward, MSG_sign_off), 0);
        EXPECT_INT(ward->news[AGENT_EVENT_ENDED], 1);
        ward_free(ward);
    }
}

TEST(desktop, a_viewer_that_ends_while_connecting_is_told_as_such)
{
    struct ward *ward = ready(30);

    ward_submit(ward, "anna", "secret");
    ward_show(ward, 5, 1, 9);
    ward_exits(ward, 143);
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT_STR(ward_sent(ward, MSG_viewer)->viewer.reason, "certificate");
    EXPECT(!ward->agent.viewer_session.running);
    ward_free(ward);
}

TEST(desktop, a_viewer_that_cannot_start_is_reported)
{
    struct ward *ward = ready(31);

    ward->viewer.refuse = BERTH_E_UNSUPPORTED;
    ward_submit(ward, "anna", "secret");
    ward_show(ward, 5, 1, 9);
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.state, viewer_state_ENDED);
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.connection_id, 9);
    ward_free(ward);
}

TEST(desktop, a_viewer_that_never_connects_is_ended)
{
    struct ward *ward = ready(32);

    ward_submit(ward, "anna", "secret");
    ward_show(ward, 5, 1, 9);
    ward_run(ward, 61000);
    EXPECT_INT(STATE(ward), agent_IDLE);
    EXPECT(!ward->viewer.running);
    EXPECT_STR(ward_sent(ward, MSG_viewer)->viewer.reason, "failed");
    ward_free(ward);
}

TEST(desktop, a_black_desktop_counts_as_shown_after_a_while)
{
    struct ward *ward = ready(33);

    ward_submit(ward, "anna", "secret");
    ward_show(ward, 5, 1, 9);
    ward_connected(ward);
    ward_run(ward, 44000);
    EXPECT_INT(STATE(ward), agent_CONNECTING);
    ward_run(ward, 1100);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    EXPECT_INT(ward_sent(ward, MSG_viewer)->viewer.picture_ms, 0);
    ward_free(ward);
}

TEST(desktop, sign_off_and_disconnect_blank_first)
{
    static const enum session_leave cases[] = { LEAVE_SIGN_OFF, LEAVE_DISCONNECT };

    for (size_t i = 0; i < BERTH_COUNT(cases); i++) {
        enum session_leave how = cases[i];
        struct ward *ward = ready(34);
        size_t pages;

        ward_to_picture(ward, 5, 2, 9);
        pages = ward->screen.count;
        EXPECT_OK(viewer_session_leave(&ward->agent, how, NULL));
        EXPECT_INT(ward->screen.kinds[pages], page_kind_NOTICE);
        EXPECT(ward->screen.viewer_ran[pages]);
        EXPECT_INT(STATE(ward), agent_NOTICE);
        EXPECT_INT(ward_sent_count(ward, MSG_sign_off), how == LEAVE_SIGN_OFF);
        EXPECT_INT(ward_sent_count(ward, MSG_disconnect), how == LEAVE_DISCONNECT);
        EXPECT_ERR(viewer_session_leave(&ward->agent, how, NULL), BERTH_E_STATE);
        ward_run(ward, 100);
        ward_free(ward);
    }
}

TEST(desktop, nobody_touching_anything_locks_here_and_now)
{
    struct ward *ward = ready(35);

    set_profile(ward, 1, "idle_lock_s", "180");
    ward_to_picture(ward, 5, 1, 9);
    ward_run(ward, 200000);
    ward_idle(ward, 179000);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    ward_idle(ward, 180000);
    EXPECT_INT(STATE(ward), agent_LOCKED);
    EXPECT_INT(ward->screen.page.kind, page_kind_BLANK);
    EXPECT_INT(ward_sent_count(ward, MSG_disconnect), 1);
    ward_run(ward, 100);
    EXPECT_STR(ward_sent(ward, MSG_viewer)->viewer.reason, "locked");
    ward_greeter_event(ward, greeter_event_kind_DISMISS);
    EXPECT_INT(ward->screen.page.kind, page_kind_SIGN_ON);
    ward_free(ward);
}

TEST(desktop, the_idle_lock_needs_no_broker)
{
    struct ward *ward = ready(36);

    set_profile(ward, 1, "idle_lock_s", "180");
    ward_to_picture(ward, 5, 1, 9);
    ward->broker_up = false;
    ward_cut(ward);
    ward_run(ward, 200000);
    ward_idle(ward, 181000);
    EXPECT_INT(STATE(ward), agent_LOCKED);
    EXPECT(ward->viewer.told_to_end);
    ward->broker_up = true;
    ward_run(ward, 31000);
    EXPECT_INT(ward_sent(ward, MSG_announce)->announce.session_id, 0); /* given back */
    ward_free(ward);
}

TEST(desktop, a_desktop_that_just_came_up_is_not_locked_for_earlier_idleness)
{
    struct ward *ward = ready(37);

    set_profile(ward, 1, "idle_lock_s", "180");
    ward_to_picture(ward, 5, 1, 9); /* brought up by the control socket, hours after the last key */
    ward_idle(ward, 7200000);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    ward_free(ward);
}

TEST(desktop, a_kiosk_signs_on_by_itself_and_slows_down_when_refused)
{
    struct ward *ward = ready(38);
    size_t after_a_minute;

    set_profile(ward, 1, "kiosk", "yes");
    ward_run(ward, 10);
    EXPECT_INT(ward_sent_count(ward, MSG_sign_on), 1);
    EXPECT_INT(ward_sent(ward, MSG_sign_on)->sign_on.evidence[0].kind, evidence_kind_KIOSK);
    for (int i = 0; i < 60; i++) {
        if (STATE(ward) == agent_SIGN_ON)
            ward_refuse(ward, "sign_on", "NO_DESKTOP", "no desktop is free");
        ward_run(ward, 1000);
    }
    after_a_minute = ward_sent_count(ward, MSG_sign_on);
    EXPECT(after_a_minute >= 4 && after_a_minute <= 8);
    ward_run(ward, 60000);
    EXPECT_INT(STATE(ward), agent_SIGN_ON);
    ward_show(ward, 5, 1, 9);
    ward_connected(ward);
    ward_greeter_event(ward, greeter_event_kind_PICTURE);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    ward_run(ward, 60000);
    after_a_minute = ward_sent_count(ward, MSG_sign_on);
    ward_exits(ward, 147); /* it was up for long: again, at once */
    ward_run(ward, 10);
    EXPECT_INT(ward_sent_count(ward, MSG_sign_on), after_a_minute + 1);
    ward_free(ward);
}

TEST(desktop, a_kiosk_with_a_broken_desktop_does_not_spin)
{
    struct ward *ward = ready(39);

    set_profile(ward, 1, "kiosk", "yes");
    for (uint64_t i = 0; i < 300; i++) {
        ward_run(ward, 200);
        if (STATE(ward) == agent_SIGN_ON)
            ward_show(ward, 5, (int64_t)i + 1, i + 1);
        if (ward->viewer.running)
            ward_exits(ward, 143);
    }
    EXPECT(ward->viewer.starts >= 3 && ward->viewer.starts <= 9);
    ward_free(ward);
}

TEST(desktop, the_terminal_may_forbid_what_the_policy_allows)
{
    struct ward *ward = ready(40);

    set_profile(ward, 1, "clipboard", "no");
    ward_submit(ward, "anna", "secret");
    ward_show(ward, 5, 1, 9);
    EXPECT(!ward->viewer.request.clipboard);
    ward_free(ward);
}

TEST_MAIN()
