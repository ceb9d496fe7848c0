/* test_recording.c - what a terminal writes down of its screen and its profile. */
#include "berth/history.h"

#include "fakes/agent/ward.h"
#include "flow/viewer_session.h"

#include "test.h"

struct tape {
    struct history history;
    struct history_line lines[64];
    size_t count;
};

static void take(struct history *history, const struct history_line *line)
{
    struct tape *tape = container_of(history, struct tape, history);

    EXPECT(tape->count < BERTH_COUNT(tape->lines));
    tape->lines[tape->count++] = *line;
}

static struct ward *recorded(uint64_t seed, struct tape *tape)
{
    struct ward *ward = ward_new(seed);

    *tape = (struct tape){ .history = { .take = take } };
    ward->agent.history = &tape->history;
    ward_start(ward);
    return ward;
}

static void expect_screen(const struct tape *tape, size_t at, enum history_screen_event event,
                          uint64_t session, int64_t epoch)
{
    const struct history_line *line = &tape->lines[at];

    EXPECT(at < tape->count);
    EXPECT_INT(line->kind, HISTORY_screen);
    EXPECT_STR(history_screen_event_names[line->screen.event], history_screen_event_names[event]);
    EXPECT_INT(line->screen.session_id, session);
    EXPECT_INT(line->screen.epoch, epoch);
}

TEST(recording, of_a_picture_begins_when_it_is_there_and_ends_when_it_is_covered)
{
    struct tape tape;
    struct ward *ward = recorded(1, &tape);

    expect_screen(&tape, 0, history_screen_event_DARK, 0, 0);
    ward_submit(ward, "anna", "secret");
    ward_show(ward, 5, 1, 9);
    ward_connected(ward);
    EXPECT_INT(tape.count, 1); /* a viewer without a picture shows nothing of anybody */
    ward_greeter_event(ward, greeter_event_kind_PICTURE);
    ward_run(ward, 50);
    EXPECT_INT(tape.count, 2);
    expect_screen(&tape, 1, history_screen_event_SHOWS, 5, 1);
    EXPECT_STR(tape.lines[1].screen.terminal, ward->agent.terminal.name);
    EXPECT(tape.lines[1].at_us > tape.lines[0].at_us);

    ward_hide(ward, 5, 1, "moved", "Your session moved to ICU-07");
    EXPECT_INT(tape.count, 3); /* with the page that covers it, not with the viewer's end */
    expect_screen(&tape, 2, history_screen_event_HIDES, 5, 1);
    ward_run(ward, 20000);
    EXPECT_INT(tape.count, 3);
    ward_free(ward);
}

TEST(recording, of_another_epoch_ends_the_earlier_one_first)
{
    struct tape tape;
    struct ward *ward = recorded(2, &tape);

    ward_to_picture(ward, 5, 1, 9);
    ward_show(ward, 5, 2, 10);
    expect_screen(&tape, 1, history_screen_event_SHOWS, 5, 1);
    expect_screen(&tape, 2, history_screen_event_HIDES, 5, 1);
    ward_run(ward, 100);
    ward_connected(ward);
    ward_greeter_event(ward, greeter_event_kind_PICTURE);
    ward_run(ward, 50);
    expect_screen(&tape, 3, history_screen_event_SHOWS, 5, 2);
    viewer_session_lock(&ward->agent, "its user locked it");
    expect_screen(&tape, 4, history_screen_event_HIDES, 5, 2);
    ward_free(ward);
}

TEST(recording, ends_with_the_agent)
{
    struct tape tape;
    struct ward *ward = recorded(3, &tape);

    ward_to_picture(ward, 5, 1, 9);
    agent_flow_stop(&ward->agent);
    EXPECT_INT(tape.count, 3);
    expect_screen(&tape, 2, history_screen_event_HIDES, 5, 1);
    ward_free(ward);
}

TEST(recording, tells_how_much_of_a_profile_is_in_force)
{
    struct tape tape;
    struct ward *ward = recorded(4, &tape);
    struct msg msg;

    ward_msg(&msg, MSG_profile);
    msg.profile.version = 7;
    msg.profile.settings_count = 2;
    (void)snprintf(msg.profile.settings[0].key, sizeof(msg.profile.settings[0].key), "language");
    (void)snprintf(msg.profile.settings[0].value, sizeof(msg.profile.settings[0].value), "de");
    (void)snprintf(msg.profile.settings[1].key, sizeof(msg.profile.settings[1].key), "telepathy");
    ward_say(ward, &msg);
    EXPECT_INT(tape.count, 2);
    EXPECT_INT(tape.lines[1].kind, HISTORY_profile);
    EXPECT_INT(tape.lines[1].profile.version, 7);
    EXPECT_INT(tape.lines[1].profile.sent, 2);
    EXPECT_INT(tape.lines[1].profile.applied, 1); /* one of a newer broker */
    ward_free(ward);
}

TEST_MAIN()
