/* test_commands.c - central management: profiles, commands, logs. */
#include "fakes/agent/fixture.h"

#include "test.h"

#define STATE(fixture) ((fixture)->agent.terminal.state)

static struct fixture *ready(uint64_t seed)
{
    struct fixture *fixture = fixture_new(seed);

    fixture_start(fixture);
    return fixture;
}

static void command(struct fixture *fixture, uint64_t id, enum command_kind kind, const char *text)
{
    struct msg msg;

    fixture_msg(&msg, MSG_command);
    msg.command.command_id = id;
    msg.command.kind = kind;
    (void)snprintf(msg.command.text, sizeof(msg.command.text), "%s", text);
    fixture_say(fixture, &msg);
}

static enum command_state last_state(struct fixture *fixture)
{
    return fixture_sent(fixture, MSG_command_state)->command_state.state;
}

static void two_settings(struct fixture *fixture, int64_t version, const char *idle,
                         const char *greeting)
{
    struct msg msg;

    fixture_msg(&msg, MSG_profile);
    msg.profile.version = version;
    msg.profile.settings_count = 3;
    (void)snprintf(msg.profile.settings[0].key, 48, "greeting");
    (void)snprintf(msg.profile.settings[0].value, 128, "%s", greeting);
    (void)snprintf(msg.profile.settings[1].key, 48, "idle_lock_s");
    (void)snprintf(msg.profile.settings[1].value, 128, "%s", idle);
    (void)snprintf(msg.profile.settings[2].key, 48, "of_a_newer_broker");
    (void)snprintf(msg.profile.settings[2].value, 128, "whatever");
    fixture_say(fixture, &msg);
}

TEST(commands, a_profile_applies_wholly_or_not_at_all)
{
    struct fixture *fixture = ready(1);

    two_settings(fixture, 3, "120", "Ward 3");
    EXPECT_INT(fixture_sent(fixture, MSG_profile_applied)->profile_applied.version, 3);
    EXPECT_INT(fixture->agent.settings.idle_lock_s, 120);
    EXPECT_STR(fixture->screen.page.greeting, "Ward 3");

    two_settings(fixture, 4, "a lot", "Ward 4"); /* one bad value: nothing of it */
    EXPECT_INT(fixture_sent_count(fixture, MSG_profile_applied), 1);
    EXPECT_STR(fixture->agent.settings.greeting, "Ward 3");
    EXPECT_INT(fixture->agent.settings.idle_lock_s, 120);

    two_settings(fixture, 2, "60", "Ward 2"); /* versions never go back */
    EXPECT_STR(fixture->agent.settings.greeting, "Ward 3");

    fixture->device.refuse_save = BERTH_E_NO_SPACE; /* not durable, not applied */
    two_settings(fixture, 5, "60", "Ward 5");
    EXPECT_STR(fixture->agent.settings.greeting, "Ward 3");
    EXPECT_INT(fixture->agent.profile_version, 3);
    fixture_free(fixture);
}

TEST(commands, a_kept_profile_counts_before_the_broker_is_there)
{
    struct fixture *fixture = ready(2);
    struct fixture *again = fixture_new(3);

    two_settings(fixture, 3, "120", "Ward 3");
    again->device.profile = berth_strdup(fixture->device.profile);
    again->broker_up = false;
    fixture_start(again);
    EXPECT_INT(again->agent.settings.idle_lock_s, 120);
    EXPECT_STR(again->screen.page.greeting, "Ward 3");
    again->broker_up = true;
    fixture_run(again, 60000);
    EXPECT_INT(fixture_sent(again, MSG_announce)->announce.profile_version, 3);
    fixture_free(again);
    fixture_free(fixture);
}

TEST(commands, a_spoilt_profile_is_as_none)
{
    struct fixture *fixture = fixture_new(4);

    fixture->device.profile =
        berth_strdup("{\"version\":9,\"settings\":[{\"key\":\"idle_lock_s\",");
    fixture_start(fixture);
    EXPECT_INT(fixture->agent.profile_version, 0);
    EXPECT_INT(fixture->agent.settings.idle_lock_s, 900);
    fixture_free(fixture);
}

TEST(commands, a_message_lies_above_whatever_is_shown)
{
    struct fixture *fixture = ready(5);

    fixture_to_picture(fixture, 5, 1, 9);
    command(fixture, 1, command_kind_MESSAGE, "Fire drill at noon");
    EXPECT_INT(last_state(fixture), command_DONE);
    EXPECT_STR(fixture->screen.banner.text, "Fire drill at noon");
    EXPECT_INT(fixture->screen.page.kind, page_kind_DESKTOP);
    EXPECT_INT(STATE(fixture), agent_ACTIVE);
    fixture_free(fixture);
}

TEST(commands, a_repeated_command_is_answered_and_not_done_again)
{
    struct fixture *fixture = ready(6);

    command(fixture, 7, command_kind_REBOOT, "");
    EXPECT_INT(fixture->device.reboots, 1);
    EXPECT_INT(last_state(fixture), command_DONE);
    command(fixture, 7, command_kind_REBOOT, "");
    EXPECT_INT(fixture->device.reboots, 1);
    EXPECT_INT(last_state(fixture), command_DONE);
    fixture_free(fixture);
}

TEST(commands, a_reboot_needs_a_configured_command)
{
    struct fixture *fixture = ready(7);

    fixture->device.refuse_reboot = BERTH_E_UNSUPPORTED;
    command(fixture, 7, command_kind_REBOOT, "");
    EXPECT_INT(last_state(fixture), command_FAILED);
    EXPECT_SAYS(fixture_sent(fixture, MSG_command_state)->command_state.text, "no command");
    fixture_free(fixture);
}

TEST(commands, a_lock_blanks_and_gives_the_session_back)
{
    struct fixture *fixture = ready(8);

    fixture_to_picture(fixture, 5, 1, 9);
    command(fixture, 1, command_kind_LOCK, "");
    EXPECT_INT(STATE(fixture), agent_LOCKED);
    EXPECT_INT(fixture_sent(fixture, MSG_disconnect)->disconnect.session_id, 5);
    EXPECT_INT(last_state(fixture), command_DONE);
    fixture_free(fixture);
}

TEST(commands, a_lock_during_a_sign_on_calls_it_off)
{
    struct fixture *fixture = ready(9);

    fixture_submit(fixture, "anna", "secret");
    command(fixture, 1, command_kind_LOCK, "");
    EXPECT_INT(STATE(fixture), agent_LOCKED);
    EXPECT_INT(fixture_sent_count(fixture, MSG_sign_on_cancel), 1);
    EXPECT(secret_empty(&fixture->agent.sign_on.evidence[0].value));
    fixture_free(fixture);
}

static void acknowledge(struct fixture *fixture, uint64_t id, int64_t offset)
{
    struct msg msg;

    fixture_msg(&msg, MSG_upload_ack);
    msg.upload_ack.command_id = id;
    msg.upload_ack.offset = offset;
    fixture_say(fixture, &msg);
}

TEST(commands, logs_travel_in_acknowledged_chunks)
{
    struct fixture *fixture = ready(10);

    command(fixture, 3, command_kind_LOGS, "");
    EXPECT_INT(fixture_sent(fixture, MSG_upload_begin)->upload_begin.size, 30000);
    EXPECT_INT(fixture_sent_count(fixture, MSG_upload_chunk), 1);
    acknowledge(fixture, 3, 0); /* of the beginning */
    EXPECT_INT(fixture_sent_count(fixture, MSG_upload_chunk), 1);
    acknowledge(fixture, 3, 12288);
    EXPECT_INT(fixture_sent(fixture, MSG_upload_chunk)->upload_chunk.offset, 12288);
    acknowledge(fixture, 3, 24576);
    EXPECT_INT(fixture_sent_count(fixture, MSG_upload_chunk), 3);
    EXPECT_INT(strlen(fixture_sent(fixture, MSG_upload_chunk)->upload_chunk.data),
               (30000 - 24576) / 3 * 4);
    EXPECT_INT(last_state(fixture), command_ACKED);
    command(fixture, 4, command_kind_LOGS, ""); /* one at a time */
    EXPECT_INT(last_state(fixture), command_FAILED);
    acknowledge(fixture, 3, 30000);
    EXPECT_INT(last_state(fixture), command_DONE);
    fixture_free(fixture);
}

TEST(commands, logs_that_the_broker_stops_taking_fail)
{
    struct fixture *fixture = ready(11);

    command(fixture, 3, command_kind_LOGS, "");
    fixture_run(fixture, 31000);
    EXPECT_INT(last_state(fixture), command_FAILED);
    fixture_free(fixture);
}

TEST(commands, what_is_not_permitted_now_is_not_obeyed)
{
    struct fixture *fixture = fixture_new(12);

    fixture->grants = false;
    fixture_start(fixture); /* the link stands, presence is not granted */
    command(fixture, 1, command_kind_REBOOT, "");
    EXPECT_INT(fixture->device.reboots, 0);
    fixture_show(fixture, 5, 1, 9);
    EXPECT_INT(fixture->viewer.starts, 0);
    fixture_free(fixture);
}

TEST_MAIN()
