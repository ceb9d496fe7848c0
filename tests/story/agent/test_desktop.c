/* test_desktop.c - a person signs on, works, moves, walks away; the broker comes and goes
 * meanwhile. */
#include "fakes/agent/fixture.h"
#include "flow/viewer_session.h"

#include "test.h"

#define STATE(fixture) ((fixture)->agent.terminal.state)

static struct fixture *ready(uint64_t seed)
{
    struct fixture *fixture = fixture_new(seed);

    fixture_start(fixture);
    return fixture;
}

static void set_profile(struct fixture *fixture, int64_t version, const char *key,
                        const char *value)
{
    struct msg msg;

    fixture_msg(&msg, MSG_profile);
    msg.profile.version = version;
    msg.profile.settings_count = 1;
    (void)snprintf(msg.profile.settings[0].key, sizeof(msg.profile.settings[0].key), "%s", key);
    (void)snprintf(msg.profile.settings[0].value, sizeof(msg.profile.settings[0].value), "%s",
                   value);
    fixture_say(fixture, &msg);
}

TEST(desktop, from_the_form_to_the_picture)
{
    struct fixture *fixture = ready(1);
    const struct msg *sign_on;
    struct msg msg;

    fixture_submit(fixture, "anna", "secret");
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    sign_on = fixture_sent(fixture, MSG_sign_on);
    EXPECT(sign_on != NULL);
    EXPECT_INT(sign_on->sign_on.evidence_count, 1);
    EXPECT_INT(sign_on->sign_on.evidence[0].kind, evidence_kind_PASSWORD);
    EXPECT_STR(sign_on->sign_on.evidence[0].name, "anna");
    EXPECT_STR(sign_on->sign_on.evidence[0].value.text, "secret");

    fixture_msg(&msg, MSG_progress);
    (void)snprintf(msg.progress.text, sizeof(msg.progress.text), "All desktops are taken");
    msg.progress.queue_place = 3;
    msg.progress.estimate_ms = 40000;
    fixture_say(fixture, &msg);
    EXPECT_INT(fixture->screen.page.kind, page_kind_PROGRESS);
    EXPECT_INT(fixture->screen.page.queue_place, 3);
    EXPECT_INT(fixture->screen.page.estimate_ms, 40000);

    fixture_run(fixture, 600000); /* a queue has no time limit */
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    fixture_show(fixture, 5, 1, 9);
    EXPECT_INT(STATE(fixture), agent_CONNECTING);
    EXPECT(fixture->viewer.running);
    EXPECT_STR(fixture->viewer.request.host, "10.0.0.5");
    EXPECT_STR(fixture->viewer.request.password.text, "one-time");
    EXPECT(fixture->viewer.request.clipboard);
    EXPECT(!fixture->viewer.request.drives);
    EXPECT(secret_empty(&fixture->agent.viewer_session.request.password));
    EXPECT(secret_empty(&fixture->agent.sign_on.evidence[0].value));
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.state, viewer_state_CONNECTING);

    fixture_run(fixture, 500);
    fixture_connected(fixture);
    EXPECT_INT(fixture->screen.page.kind, page_kind_DESKTOP);
    EXPECT(fixture->screen.page.watch);
    EXPECT_INT(STATE(fixture), agent_CONNECTING);
    fixture_run(fixture, 300);
    fixture_greeter_event(fixture, greeter_event_kind_PICTURE);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.state, viewer_state_ACTIVE);
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.picture_ms, 800);
    EXPECT_INT(fixture->news[AGENT_EVENT_SHOWN], 1);
    fixture_run(fixture, 11000);
    EXPECT_INT(fixture_sent(fixture, MSG_renew)->renew.screen, screen_state_DESKTOP);
    fixture_free(fixture);
}

TEST(desktop, a_wrong_password_leads_back_to_the_form)
{
    struct fixture *fixture = ready(2);

    fixture_submit(fixture, "anna", "wrong");
    fixture_refuse(fixture, "sign_on", "CREDENTIALS", "the user name or the password is wrong");
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT_INT(fixture->screen.page.kind, page_kind_SIGN_ON);
    EXPECT_SAYS(fixture->screen.page.text, "password is wrong");
    EXPECT(fixture->screen.page.alert);
    EXPECT_STR(fixture->screen.page.user, "anna");
    EXPECT_INT(fixture->news[AGENT_EVENT_SIGN_ON_FAILED], 1);
    EXPECT_INT(fixture->last_news.code, BERTH_E_CREDENTIALS);
    fixture_submit(fixture, "anna", "secret"); /* and again */
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    EXPECT_STR(fixture->screen.page.text, "");
    fixture_free(fixture);
}

TEST(desktop, a_german_terminal_speaks_german)
{
    struct fixture *fixture = ready(3);

    set_profile(fixture, 1, "language", "de");
    EXPECT_STR(fixture->screen.page.language, "de");
    EXPECT_STR(fixture->screen.page.title, "Anmelden");
    fixture_submit(fixture, "anna", "wrong");
    fixture_refuse(fixture, "sign_on", "CREDENTIALS", "the user name or the password is wrong");
    EXPECT_SAYS(fixture->screen.page.text, "Passwort ist falsch");
    fixture_free(fixture);
}

TEST(desktop, one_of_several_pools_is_picked_with_the_same_evidence)
{
    struct fixture *fixture = ready(4);
    struct greeter_event event = { .kind = greeter_event_kind_PICK };
    struct msg msg;

    fixture_submit(fixture, "anna", "secret");
    fixture_msg(&msg, MSG_choose);
    msg.choose.choices_count = 2;
    (void)snprintf(msg.choose.choices[0].pool, sizeof(msg.choose.choices[0].pool), "ward-3");
    (void)snprintf(msg.choose.choices[1].pool, sizeof(msg.choose.choices[1].pool), "office");
    fixture_say(fixture, &msg);
    EXPECT_INT(STATE(fixture), agent_CHOOSING);
    EXPECT_INT(fixture->screen.page.choices_count, 2);
    EXPECT_STR(fixture->screen.page.choices[1].title, "office");
    (void)snprintf(event.pool, sizeof(event.pool), "office");
    fixture->screen.event(fixture->screen.owner, &event);
    fixture_run(fixture, 0);
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    EXPECT_INT(fixture_sent_count(fixture, MSG_sign_on), 2);
    EXPECT_STR(fixture_sent(fixture, MSG_sign_on)->sign_on.pool, "office");
    EXPECT_STR(fixture_sent(fixture, MSG_sign_on)->sign_on.evidence[0].value.text, "secret");
    fixture_show(fixture, 5, 1, 9);
    EXPECT_INT(STATE(fixture), agent_CONNECTING);
    fixture_free(fixture);
}

TEST(desktop, calling_off_tells_the_broker)
{
    struct fixture *fixture = ready(5);

    fixture_submit(fixture, "anna", "secret");
    fixture_greeter_event(fixture, greeter_event_kind_CANCEL);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT_INT(fixture_sent_count(fixture, MSG_sign_on_cancel), 1);
    EXPECT_STR(fixture->screen.page.text, "");
    fixture_free(fixture);
}

/* Ada calls her sign-on off, and Bob begins his before the broker's answers to hers arrive. */
static struct fixture *answers_cross(uint64_t seed, uint64_t *ret_earlier)
{
    struct fixture *fixture = ready(seed);

    fixture_submit(fixture, "ada", "secret");
    *ret_earlier = fixture_sent(fixture, MSG_sign_on)->ref;
    fixture_greeter_event(fixture, greeter_event_kind_CANCEL);
    fixture_submit(fixture, "bob", "secret");
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    EXPECT(fixture_sent(fixture, MSG_sign_on)->ref != *ret_earlier);
    return fixture;
}

TEST(desktop, a_no_to_an_earlier_question_is_not_the_answer_to_this_one)
{
    uint64_t earlier;
    struct fixture *fixture = answers_cross(40, &earlier);
    struct msg msg;

    fixture_msg(&msg, MSG_refused);
    msg.ref = earlier;
    (void)snprintf(msg.refused.about, sizeof(msg.refused.about), "sign_on");
    (void)snprintf(msg.refused.code, sizeof(msg.refused.code), "CREDENTIALS");
    (void)snprintf(msg.refused.text, sizeof(msg.refused.text), "the password is wrong");
    fixture_say(fixture, &msg);
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    EXPECT_INT(fixture->news[AGENT_EVENT_SIGN_ON_FAILED], 1); /* the one that was called off */
    fixture_refuse(fixture, "sign_on", "NO_DESKTOP", "all desktops are taken");
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT_SAYS(fixture->screen.page.text, "all desktops are taken");
    fixture_free(fixture);
}

TEST(desktop, what_the_broker_says_of_an_earlier_question_is_not_shown)
{
    uint64_t earlier;
    struct fixture *fixture = answers_cross(41, &earlier);
    struct msg msg;

    fixture_msg(&msg, MSG_progress);
    msg.ref = earlier;
    (void)snprintf(msg.progress.text, sizeof(msg.progress.text), "You are number 3");
    msg.progress.queue_place = 3;
    fixture_say(fixture, &msg);
    EXPECT_INT(fixture->screen.page.queue_place, 0);
    EXPECT_STR(fixture->screen.page.text, "");
    fixture_msg(&msg, MSG_choose);
    msg.ref = earlier;
    msg.choose.choices_count = 1;
    (void)snprintf(msg.choose.choices[0].pool, sizeof(msg.choose.choices[0].pool), "hers");
    fixture_say(fixture, &msg);
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    fixture_free(fixture);
}

TEST(desktop, the_desktop_of_an_earlier_question_is_given_back)
{
    uint64_t earlier;
    struct fixture *fixture = answers_cross(42, &earlier);
    struct msg msg;

    fixture_show_msg(fixture, &msg, 5, 1, 9);
    msg.ref = earlier;
    fixture_say(fixture, &msg);
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    EXPECT_INT(fixture->viewer.starts, 0);
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.connection_id, 9);
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.state, viewer_state_ENDED);
    fixture_show(fixture, 6, 1, 10);
    EXPECT_INT(STATE(fixture), agent_CONNECTING);
    EXPECT_STR(fixture->viewer.request.host, "10.0.0.6");
    fixture_free(fixture);
}

TEST(desktop, a_desktop_that_comes_after_its_question_was_called_off_is_given_back)
{
    struct fixture *fixture = ready(43);
    struct msg msg;

    fixture_submit(fixture, "ada", "secret");
    fixture_greeter_event(fixture, greeter_event_kind_CANCEL);
    fixture_show_msg(fixture, &msg, 5, 1, 9);
    msg.ref = fixture_sent(fixture, MSG_sign_on)->ref;
    fixture_say(fixture, &msg);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT_INT(fixture->viewer.starts, 0);
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.state, viewer_state_ENDED);
    fixture_free(fixture);
}

/* What the broker shows by itself answers nothing. */
TEST(desktop, a_desktop_that_nobody_asked_for_is_shown)
{
    struct fixture *fixture = ready(44);
    struct msg msg;

    fixture_show_msg(fixture, &msg, 5, 1, 9);
    EXPECT_INT(msg.ref, 0);
    fixture_say(fixture, &msg);
    EXPECT_INT(STATE(fixture), agent_CONNECTING);
    fixture_free(fixture);
}

TEST(desktop, the_session_moves_the_screen_blanks_first_and_says_where)
{
    struct fixture *fixture = ready(6);
    size_t pages;

    fixture_to_picture(fixture, 5, 1, 9);
    pages = fixture->screen.count;
    fixture_hide(fixture, 5, 1, "moved", "Your session moved to ICU-08");
    EXPECT_INT(STATE(fixture), agent_NOTICE);
    EXPECT_INT(fixture->screen.kinds[pages], page_kind_NOTICE);
    EXPECT(fixture->screen.viewer_ran[pages]); /* covered before the viewer was told to end */
    EXPECT(fixture->viewer.told_to_end);
    EXPECT_STR(fixture->screen.page.title, "Your session moved");
    EXPECT_SAYS(fixture->screen.page.text, "ICU-08");
    fixture_run(fixture, 100);
    EXPECT(!fixture->viewer.running);
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.state, viewer_state_ENDED);
    EXPECT_STR(fixture_sent(fixture, MSG_viewer)->viewer.reason, "moved");
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.connection_id, 9);
    fixture_greeter_event(fixture, greeter_event_kind_DISMISS);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    fixture_free(fixture);
}

TEST(desktop, a_notice_goes_by_itself)
{
    struct fixture *fixture = ready(7);

    fixture_to_picture(fixture, 5, 1, 9);
    fixture_hide(fixture, 5, 1, "limit", "");
    EXPECT_INT(STATE(fixture), agent_NOTICE);
    fixture_run(fixture, 121000);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    fixture_free(fixture);
}

TEST(desktop, a_hide_of_something_else_changes_nothing)
{
    struct fixture *fixture = ready(8);

    fixture_to_picture(fixture, 5, 3, 9);
    fixture_hide(fixture, 6, 99, "moved", "");
    fixture_hide(fixture, 5, 2, "moved", ""); /* of an older epoch: it speaks of an earlier show */
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    EXPECT(!fixture->viewer.told_to_end);
    fixture_free(fixture);
}

TEST(desktop, an_older_epoch_never_takes_the_picture_back)
{
    struct fixture *fixture = ready(9);
    int starts;

    fixture_to_picture(fixture, 5, 7, 9);
    starts = fixture->viewer.starts;
    fixture_show(fixture, 5, 6, 10);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    EXPECT_INT(fixture->viewer.starts, starts);
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.state, viewer_state_ENDED);
    EXPECT_STR(fixture_sent(fixture, MSG_viewer)->viewer.reason, "overtaken");
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.connection_id, 10);
    EXPECT_INT(fixture->agent.terminal.shown.epoch, 7);
    fixture_free(fixture);
}

TEST(desktop, a_show_that_was_hidden_meanwhile_is_refused)
{
    struct fixture *fixture = ready(10);

    fixture_hide(fixture, 5, 3, "moved", "");
    EXPECT_INT(STATE(fixture), agent_IDLE);
    fixture_show(fixture, 5, 3, 9);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT_INT(fixture->viewer.starts, 0);
    fixture_show(fixture, 5, 4, 10);
    EXPECT_INT(STATE(fixture), agent_CONNECTING);
    fixture_free(fixture);
}

TEST(desktop, two_shows_in_a_row_end_with_one_picture)
{
    struct fixture *fixture = ready(11);

    fixture_submit(fixture, "anna", "secret");
    fixture_show(fixture, 5, 1, 9);
    fixture_show(fixture, 6, 1, 10); /* before the first viewer is connected */
    EXPECT(fixture->viewer.told_to_end);
    EXPECT_INT(fixture->screen.page.kind, page_kind_PROGRESS);
    fixture_run(fixture, 100);
    EXPECT_INT(fixture->viewer.starts, 2);
    EXPECT_STR(fixture->viewer.request.host, "10.0.0.6");
    fixture_connected(fixture);
    fixture_greeter_event(fixture, greeter_event_kind_PICTURE);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    EXPECT_INT(fixture->agent.terminal.shown.session_id, 6);
    fixture_free(fixture);
}

TEST(desktop, anothers_session_never_shows_through)
{
    struct fixture *fixture = ready(12);
    size_t pages;

    fixture_to_picture(fixture, 5, 1, 9);
    fixture->viewer.stubborn = true; /* the first viewer takes its time to go */
    pages = fixture->screen.count;
    fixture_show(fixture, 6, 1, 10);
    EXPECT_INT(fixture->screen.kinds[pages], page_kind_PROGRESS);
    EXPECT(fixture->viewer.told_to_end);
    fixture_run(fixture, 1500);
    EXPECT_INT(fixture->viewer.starts, 1);
    EXPECT_INT(fixture->screen.page.kind, page_kind_PROGRESS);
    fixture_run(fixture, 600);
    EXPECT_INT(fixture->viewer.starts, 2);
    EXPECT_STR(fixture_sent(fixture, MSG_viewer)->viewer.reason, "");
    for (size_t i = pages; i < fixture->screen.count; i++)
        EXPECT(fixture->screen.kinds[i] != page_kind_DESKTOP);
    fixture_free(fixture);
}

TEST(desktop, the_broker_goes_and_the_picture_stays_and_is_claimed)
{
    struct fixture *fixture = ready(13);
    size_t pages;
    const struct msg *announce;

    fixture_to_picture(fixture, 5, 7, 9);
    pages = fixture->screen.count;
    fixture->broker_up = false;
    fixture_cut(fixture);
    fixture_run(fixture, 30000);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    EXPECT(fixture->viewer.running && !fixture->viewer.told_to_end);
    fixture->broker_up = true;
    fixture->incarnation = 2;
    fixture_run(fixture, 31000);
    EXPECT(fixture->agent.terminal.online);
    announce = fixture_sent(fixture, MSG_announce);
    EXPECT_INT(announce->announce.session_id, 5);
    EXPECT_INT(announce->announce.session_epoch, 7);
    EXPECT_INT(announce->announce.connection_id, 9);
    for (size_t i = pages; i < fixture->screen.count; i++)
        EXPECT_INT(fixture->screen.kinds[i], page_kind_DESKTOP);
    fixture_show(fixture, 5, 7,
                 9); /* it may say again what it wants: the picture does not flicker */
    EXPECT_INT(fixture->viewer.starts, 1);
    EXPECT(!fixture->viewer.told_to_end);
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.state, viewer_state_ACTIVE);
    fixture_free(fixture);
}

TEST(desktop, with_a_picture_the_first_try_comes_in_the_first_half_of_the_spread)
{
    for (uint64_t seed = 200; seed < 220; seed++) {
        struct fixture *fixture = ready(seed);
        int64_t half_ms = fixture->spread_ms / 2;
        int64_t cut_ms;

        fixture_to_picture(fixture, 5, 1, 9);
        cut_ms = fixture->timers.mono_ms;
        fixture_cut(fixture);
        fixture_run(fixture, half_ms + 100);
        EXPECT(fixture->agent.terminal.online);
        EXPECT(fixture->uplink.dialled_at_ms[1] - cut_ms <= half_ms);
        fixture_free(fixture);
    }
}

TEST(desktop, a_sign_on_survives_a_broker_restart)
{
    struct fixture *fixture = ready(14);
    const struct msg *announce;

    fixture_submit(fixture, "anna", "secret");
    EXPECT_INT(fixture_sent_count(fixture, MSG_sign_on), 1);
    fixture->broker_up = false;
    fixture_cut(fixture);
    fixture_run(fixture, 5000);
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    fixture->broker_up = true;
    fixture_run(fixture, 2100);
    announce = fixture_sent(fixture, MSG_announce);
    EXPECT(announce->announce.user_waiting);
    EXPECT_INT(fixture_sent_count(fixture, MSG_sign_on), 2);
    EXPECT_STR(fixture_sent(fixture, MSG_sign_on)->sign_on.evidence[0].value.text, "secret");
    fixture_free(fixture);
}

TEST(desktop, waiting_for_an_absent_broker_ends)
{
    struct fixture *fixture = ready(15);

    fixture_submit(fixture, "anna", "secret");
    fixture->broker_up = false;
    fixture_cut(fixture);
    fixture_run(fixture, 61000);
    EXPECT_INT(STATE(fixture), agent_OFFLINE);
    EXPECT_SAYS(fixture->screen.page.text, "lost while signing on");
    EXPECT(secret_empty(&fixture->agent.sign_on.evidence[0].value));
    fixture_free(fixture);
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
        struct fixture *fixture = ready(16 + i);

        fixture_to_picture(fixture, 5, 1, 9);
        fixture_exits(fixture, cases[i].exit_code);
        EXPECT_INT(STATE(fixture), agent_IDLE);
        EXPECT_STR(fixture_sent(fixture, MSG_viewer)->viewer.reason, cases[i].word);
        EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.exit_code, cases[i].exit_code);
        EXPECT_SAYS(fixture->screen.page.text, cases[i].says);
        EXPECT_INT(fixture_sent_count(fixture, MSG_sign_off), 0);
        EXPECT_INT(fixture->news[AGENT_EVENT_ENDED], 1);
        fixture_free(fixture);
    }
}

TEST(desktop, a_viewer_that_ends_while_connecting_is_told_as_such)
{
    struct fixture *fixture = ready(30);

    fixture_submit(fixture, "anna", "secret");
    fixture_show(fixture, 5, 1, 9);
    fixture_exits(fixture, 143);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT_STR(fixture_sent(fixture, MSG_viewer)->viewer.reason, "certificate");
    EXPECT(!fixture->agent.viewer_session.running);
    fixture_free(fixture);
}

TEST(desktop, a_viewer_that_cannot_start_is_reported)
{
    struct fixture *fixture = ready(31);

    fixture->viewer.refuse = BERTH_E_UNSUPPORTED;
    fixture_submit(fixture, "anna", "secret");
    fixture_show(fixture, 5, 1, 9);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.state, viewer_state_ENDED);
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.connection_id, 9);
    fixture_free(fixture);
}

TEST(desktop, a_viewer_that_never_connects_is_ended)
{
    struct fixture *fixture = ready(32);

    fixture_submit(fixture, "anna", "secret");
    fixture_show(fixture, 5, 1, 9);
    fixture_run(fixture, 61000);
    EXPECT_INT(STATE(fixture), agent_IDLE);
    EXPECT(!fixture->viewer.running);
    EXPECT_STR(fixture_sent(fixture, MSG_viewer)->viewer.reason, "failed");
    fixture_free(fixture);
}

TEST(desktop, a_black_desktop_counts_as_shown_after_a_while)
{
    struct fixture *fixture = ready(33);

    fixture_submit(fixture, "anna", "secret");
    fixture_show(fixture, 5, 1, 9);
    fixture_connected(fixture);
    fixture_run(fixture, 44000);
    EXPECT_INT(STATE(fixture), agent_CONNECTING);
    fixture_run(fixture, 1100);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    EXPECT_INT(fixture_sent(fixture, MSG_viewer)->viewer.picture_ms, 0);
    fixture_free(fixture);
}

TEST(desktop, sign_off_and_disconnect_blank_first)
{
    static const enum session_leave cases[] = { LEAVE_SIGN_OFF, LEAVE_DISCONNECT };

    for (size_t i = 0; i < BERTH_COUNT(cases); i++) {
        enum session_leave how = cases[i];
        struct fixture *fixture = ready(34);
        size_t pages;

        fixture_to_picture(fixture, 5, 2, 9);
        pages = fixture->screen.count;
        EXPECT_OK(viewer_session_leave(&fixture->agent, how, NULL));
        EXPECT_INT(fixture->screen.kinds[pages], page_kind_NOTICE);
        EXPECT(fixture->screen.viewer_ran[pages]);
        EXPECT_INT(STATE(fixture), agent_NOTICE);
        EXPECT_INT(fixture_sent_count(fixture, MSG_sign_off), how == LEAVE_SIGN_OFF);
        EXPECT_INT(fixture_sent_count(fixture, MSG_disconnect), how == LEAVE_DISCONNECT);
        EXPECT_ERR(viewer_session_leave(&fixture->agent, how, NULL), BERTH_E_STATE);
        fixture_run(fixture, 100);
        fixture_free(fixture);
    }
}

TEST(desktop, nobody_touching_anything_locks_here_and_now)
{
    struct fixture *fixture = ready(35);

    set_profile(fixture, 1, "idle_lock_s", "180");
    fixture_to_picture(fixture, 5, 1, 9);
    fixture_run(fixture, 200000);
    fixture_idle(fixture, 179000);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    fixture_idle(fixture, 180000);
    EXPECT_INT(STATE(fixture), agent_LOCKED);
    EXPECT_INT(fixture->screen.page.kind, page_kind_BLANK);
    EXPECT_INT(fixture_sent_count(fixture, MSG_disconnect), 1);
    fixture_run(fixture, 100);
    EXPECT_STR(fixture_sent(fixture, MSG_viewer)->viewer.reason, "locked");
    fixture_greeter_event(fixture, greeter_event_kind_DISMISS);
    EXPECT_INT(fixture->screen.page.kind, page_kind_SIGN_ON);
    fixture_free(fixture);
}

TEST(desktop, the_idle_lock_needs_no_broker)
{
    struct fixture *fixture = ready(36);

    set_profile(fixture, 1, "idle_lock_s", "180");
    fixture_to_picture(fixture, 5, 1, 9);
    fixture->broker_up = false;
    fixture_cut(fixture);
    fixture_run(fixture, 200000);
    fixture_idle(fixture, 181000);
    EXPECT_INT(STATE(fixture), agent_LOCKED);
    EXPECT(fixture->viewer.told_to_end);
    fixture->broker_up = true;
    fixture_run(fixture, 31000);
    EXPECT_INT(fixture_sent(fixture, MSG_announce)->announce.session_id, 0); /* given back */
    fixture_free(fixture);
}

TEST(desktop, a_desktop_that_just_came_up_is_not_locked_for_earlier_idleness)
{
    struct fixture *fixture = ready(37);

    set_profile(fixture, 1, "idle_lock_s", "180");
    fixture_to_picture(fixture, 5, 1,
                       9); /* brought up by the control socket, hours after the last key */
    fixture_idle(fixture, 7200000);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    fixture_free(fixture);
}

TEST(desktop, a_kiosk_signs_on_by_itself_and_slows_down_when_refused)
{
    struct fixture *fixture = ready(38);
    size_t after_a_minute;

    set_profile(fixture, 1, "kiosk", "yes");
    fixture_run(fixture, 10);
    EXPECT_INT(fixture_sent_count(fixture, MSG_sign_on), 1);
    EXPECT_INT(fixture_sent(fixture, MSG_sign_on)->sign_on.evidence[0].kind, evidence_kind_KIOSK);
    for (int i = 0; i < 60; i++) {
        if (STATE(fixture) == agent_SIGN_ON)
            fixture_refuse(fixture, "sign_on", "NO_DESKTOP", "no desktop is free");
        fixture_run(fixture, 1000);
    }
    after_a_minute = fixture_sent_count(fixture, MSG_sign_on);
    EXPECT(after_a_minute >= 4 && after_a_minute <= 8);
    fixture_run(fixture, 60000);
    EXPECT_INT(STATE(fixture), agent_SIGN_ON);
    fixture_show(fixture, 5, 1, 9);
    fixture_connected(fixture);
    fixture_greeter_event(fixture, greeter_event_kind_PICTURE);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    fixture_run(fixture, 60000);
    after_a_minute = fixture_sent_count(fixture, MSG_sign_on);
    fixture_exits(fixture, 147); /* it was up for long: again, at once */
    fixture_run(fixture, 10);
    EXPECT_INT(fixture_sent_count(fixture, MSG_sign_on), after_a_minute + 1);
    fixture_free(fixture);
}

TEST(desktop, a_kiosk_with_a_broken_desktop_does_not_spin)
{
    struct fixture *fixture = ready(39);

    set_profile(fixture, 1, "kiosk", "yes");
    for (uint64_t i = 0; i < 300; i++) {
        fixture_run(fixture, 200);
        if (STATE(fixture) == agent_SIGN_ON)
            fixture_show(fixture, 5, (int64_t)i + 1, i + 1);
        if (fixture->viewer.running)
            fixture_exits(fixture, 143);
    }
    EXPECT(fixture->viewer.starts >= 3 && fixture->viewer.starts <= 9);
    fixture_free(fixture);
}

TEST(desktop, the_terminal_may_forbid_what_the_policy_allows)
{
    struct fixture *fixture = ready(40);

    set_profile(fixture, 1, "clipboard", "no");
    fixture_submit(fixture, "anna", "secret");
    fixture_show(fixture, 5, 1, 9);
    EXPECT(!fixture->viewer.request.clipboard);
    fixture_free(fixture);
}

TEST_MAIN()
