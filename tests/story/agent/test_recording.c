/* test_recording.c - the history that a terminal records of its screen and its profile. */
#include "berth/history.h"

#include "fakes/agent/fixture.h"
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

static struct fixture *recorded(uint64_t seed, struct tape *tape)
{
    struct fixture *fixture = fixture_new(seed);

    *tape = (struct tape){ .history = { .take = take } };
    fixture->agent.history = &tape->history;
    fixture_start(fixture);
    return fixture;
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
    struct fixture *fixture = recorded(1, &tape);

    expect_screen(&tape, 0, history_screen_event_OFF, 0, 0);
    fixture_submit(fixture, "anna", "secret");
    fixture_show(fixture, 5, 1, 9);
    fixture_connected(fixture);
    EXPECT_INT(tape.count, 1); /* a viewer without a picture shows nothing */
    fixture_greeter_event(fixture, greeter_event_kind_PICTURE);
    fixture_run(fixture, 50);
    EXPECT_INT(tape.count, 2);
    expect_screen(&tape, 1, history_screen_event_SHOWS, 5, 1);
    EXPECT_STR(tape.lines[1].screen.terminal, fixture->agent.terminal.name);
    EXPECT(tape.lines[1].at_us > tape.lines[0].at_us);

    fixture_hide(fixture, 5, 1, "moved", "Your session moved to ICU-07");
    EXPECT_INT(tape.count, 3); /* with the page that covers it, not with the viewer's end */
    expect_screen(&tape, 2, history_screen_event_HIDES, 5, 1);
    fixture_run(fixture, 20000);
    EXPECT_INT(tape.count, 3);
    fixture_free(fixture);
}

TEST(recording, of_another_epoch_ends_the_earlier_one_first)
{
    struct tape tape;
    struct fixture *fixture = recorded(2, &tape);

    fixture_to_picture(fixture, 5, 1, 9);
    fixture_show(fixture, 5, 2, 10);
    expect_screen(&tape, 1, history_screen_event_SHOWS, 5, 1);
    expect_screen(&tape, 2, history_screen_event_HIDES, 5, 1);
    fixture_run(fixture, 100);
    fixture_connected(fixture);
    fixture_greeter_event(fixture, greeter_event_kind_PICTURE);
    fixture_run(fixture, 50);
    expect_screen(&tape, 3, history_screen_event_SHOWS, 5, 2);
    viewer_session_lock(&fixture->agent, "its user locked it");
    expect_screen(&tape, 4, history_screen_event_HIDES, 5, 2);
    fixture_free(fixture);
}

TEST(recording, ends_with_the_agent)
{
    struct tape tape;
    struct fixture *fixture = recorded(3, &tape);

    fixture_to_picture(fixture, 5, 1, 9);
    agent_flow_stop(&fixture->agent);
    EXPECT_INT(tape.count, 3);
    expect_screen(&tape, 2, history_screen_event_HIDES, 5, 1);
    fixture_free(fixture);
}

TEST(recording, tells_how_much_of_a_profile_is_in_force)
{
    struct tape tape;
    struct fixture *fixture = recorded(4, &tape);
    struct msg msg;

    fixture_msg(&msg, MSG_profile);
    msg.profile.version = 7;
    msg.profile.settings_count = 2;
    (void)snprintf(msg.profile.settings[0].key, sizeof(msg.profile.settings[0].key), "language");
    (void)snprintf(msg.profile.settings[0].value, sizeof(msg.profile.settings[0].value), "de");
    (void)snprintf(msg.profile.settings[1].key, sizeof(msg.profile.settings[1].key), "telepathy");
    fixture_say(fixture, &msg);
    EXPECT_INT(tape.count, 2);
    EXPECT_INT(tape.lines[1].kind, HISTORY_profile);
    EXPECT_INT(tape.lines[1].profile.version, 7);
    EXPECT_INT(tape.lines[1].profile.sent, 2);
    EXPECT_INT(tape.lines[1].profile.applied, 1); /* one of a newer broker */
    fixture_free(fixture);
}

TEST_MAIN()
