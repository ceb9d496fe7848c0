/* test_commands.c - central management: profiles, commands, logs. */
#include "fakes/agent/ward.h"

#include "test.h"

#define STATE(ward) ((ward)->agent.terminal.state)

static struct ward *ready(uint64_t seed)
{
    struct ward *ward = ward_new(seed);

    ward_start(ward);
    return ward;
}

static void command(struct ward *ward, uint64_t id, enum command_kind kind, const char *text)
{
    struct msg msg;

    ward_msg(&msg, MSG_command);
    msg.command.command_id = id;
    msg.command.kind = kind;
    (void)snprintf(msg.command.text, sizeof(msg.command.text), "%s", text);
    ward_say(ward, &msg);
}

static enum command_state last_state(struct ward *ward)
{
    return ward_sent(ward, MSG_command_state)->command_state.state;
}

static void two_settings(struct ward *ward, int64_t version, const char *idle, const char *greeting)
{
    struct msg msg;

    ward_msg(&msg, MSG_profile);
    msg.profile.version = version;
    msg.profile.settings_count = 3;
    (void)snprintf(msg.profile.settings[0].key, 48, "greeting");
    (void)snprintf(msg.profile.settings[0].value, 128, "%s", greeting);
    (void)snprintf(msg.profile.settings[1].key, 48, "idle_lock_s");
    (void)snprintf(msg.profile.settings[1].value, 128, "%s", idle);
    (void)snprintf(msg.profile.settings[2].key, 48, "of_a_newer_broker");
    (void)snprintf(msg.profile.settings[2].value, 128, "whatever");
    ward_say(ward, &msg);
}

TEST(commands, a_profile_applies_wholly_or_not_at_all)
{
    struct ward *ward = ready(1);

    two_settings(ward, 3, "120", "Ward 3");
    EXPECT_INT(ward_sent(ward, MSG_profile_applied)->profile_applied.version, 3);
    EXPECT_INT(ward->agent.settings.idle_lock_s, 120);
    EXPECT_STR(ward->screen.page.greeting, "Ward 3");

    two_settings(ward, 4, "a lot", "Ward 4"); /* one bad value: nothing of it */
    EXPECT_INT(ward_sent_count(ward, MSG_profile_applied), 1);
    EXPECT_STR(ward->agent.settings.greeting, "Ward 3");
    EXPECT_INT(ward->agent.settings.idle_lock_s, 120);

    two_settings(ward, 2, "60", "Ward 2"); /* versions never go back */
    EXPECT_STR(ward->agent.settings.greeting, "Ward 3");

    ward->device.refuse_save = BERTH_E_NO_SPACE; /* not durable, not applied */
    two_settings(ward, 5, "60", "Ward 5");
    EXPECT_STR(ward->agent.settings.greeting, "Ward 3");
    EXPECT_INT(ward->agent.profile_version, 3);
    ward_free(ward);
}

TEST(commands, a_kept_profile_counts_before_the_broker_is_there)
{
    struct ward *ward = ready(2);
    struct ward *again = ward_new(3);

    two_settings(ward, 3, "120", "Ward 3");
    again->device.profile = berth_strdup(ward->device.profile);
    again->broker_up = false;
    ward_start(again);
    EXPECT_INT(again->agent.settings.idle_lock_s, 120);
    EXPECT_STR(again->screen.page.greeting, "Ward 3");
    again->broker_up = true;
    ward_run(again, 60000);
    EXPECT_INT(ward_sent(again, MSG_announce)->announce.profile_version, 3);
    ward_free(again);
    ward_free(ward);
}

TEST(commands, a_spoilt_profile_is_as_none)
{
    struct ward *ward = ward_new(4);

    ward->device.profile = berth_strdup("{\"version\":9,\"settings\":[{\"key\":\"idle_lock_s\",");
    ward_start(ward);
    EXPECT_INT(ward->agent.profile_version, 0);
    EXPECT_INT(ward->agent.settings.idle_lock_s, 900);
    ward_free(ward);
}

TEST(commands, a_message_lies_above_whatever_is_shown)
{
    struct ward *ward = ready(5);

    ward_to_picture(ward, 5, 1, 9);
    command(ward, 1, command_kind_MESSAGE, "Fire drill at noon");
    EXPECT_INT(last_state(ward), command_DONE);
    EXPECT_STR(ward->screen.banner.text, "Fire drill at noon");
    EXPECT_INT(ward->screen.page.kind, page_kind_DESKTOP);
    EXPECT_INT(STATE(ward), agent_ACTIVE);
    ward_free(ward);
}

TEST(commands, a_repeated_command_is_answered_and_not_done_again)
{
    struct ward *ward = ready(6);

    command(ward, 7, command_kind_REBOOT, "");
    EXPECT_INT(ward->device.reboots, 1);
    EXPECT_INT(last_state(ward), command_DONE);
    command(ward, 7, command_kind_REBOOT, "");
    EXPECT_INT(ward->device.reboots, 1);
    EXPECT_INT(last_state(ward), command_DONE);
    ward_free(ward);
}

TEST(commands, a_reboot_needs_a_configured_command)
{
    struct ward *ward = ready(7);

    ward->device.refuse_reboot = BERTH_E_UNSUPPORTED;
    command(ward, 7, command_kind_REBOOT, "");
    EXPECT_INT(last_state(ward), command_FAILED);
    EXPECT_SAYS(ward_sent(ward, MSG_command_state)->command_state.text, "no command");
    ward_free(ward);
}

TEST(commands, a_lock_blanks_and_gives_the_session_back)
{
    struct ward *ward = ready(8);

    ward_to_picture(ward, 5, 1, 9);
    command(ward, 1, command_kind_LOCK, "");
    EXPECT_INT(STATE(ward), agent_LOCKED);
    EXPECT_INT(ward_sent(ward, MSG_disconnect)->disconnect.session_id, 5);
    EXPECT_INT(last_state(ward), command_DONE);
    ward_free(ward);
}

TEST(commands, a_lock_during_a_sign_on_calls_it_off)
{
    struct ward *ward = ready(9);

    ward_submit(ward, "anna", "secret");
    command(ward, 1, command_kind_LOCK, "");
    EXPECT_INT(STATE(ward), agent_LOCKED);
    EXPECT_INT(ward_sent_count(ward, MSG_sign_on_cancel), 1);
    EXPECT(secret_empty(&ward->agent.sign_on.evidence[0].value));
    ward_free(ward);
}

static void acknowledge(struct ward *ward, uint64_t id, int64_t offset)
{
    struct msg msg;

    ward_msg(&msg, MSG_upload_ack);
    msg.upload_ack.command_id = id;
    msg.upload_ack.offset = offset;
    ward_say(ward, &msg);
}

TEST(commands, logs_travel_in_acknowledged_chunks)
{
    struct ward *ward = ready(10);

    command(ward, 3, command_kind_LOGS, "");
    EXPECT_INT(ward_sent(ward, MSG_upload_begin)->upload_begin.size, 30000);
    EXPECT_INT(ward_sent_count(ward, MSG_upload_chunk), 1);
    acknowledge(ward, 3, 0); /* of the beginning */
    EXPECT_INT(ward_sent_count(ward, MSG_upload_chunk), 1);
    acknowledge(ward, 3, 12288);
    EXPECT_INT(ward_sent(ward, MSG_upload_chunk)->upload_chunk.offset, 12288);
    acknowledge(ward, 3, 24576);
    EXPECT_INT(ward_sent_count(ward, MSG_upload_chunk), 3);
    EXPECT_INT(strlen(ward_sent(ward, MSG_upload_chunk)->upload_chunk.data), (30000 - 24576) / 3 * 4);
    EXPECT_INT(last_state(ward), command_ACKED);
    command(ward, 4, command_kind_LOGS, ""); /* one at a time */
    EXPECT_INT(last_state(ward), command_FAILED);
    acknowledge(ward, 3, 30000);
    EXPECT_INT(last_state(ward), command_DONE);
    ward_free(ward);
}

TEST(commands, logs_that_the_broker_stops_taking_fail)
{
    struct ward *ward = ready(11);

    command(ward, 3, command_kind_LOGS, "");
    ward_run(ward, 31000);
    EXPECT_INT(last_state(ward), command_FAILED);
    ward_free(ward);
}

TEST(commands, what_is_not_permitted_now_is_not_obeyed)
{
    struct ward *ward = ward_new(12);

    ward->grants = false;
    ward_start(ward); /* the link stands, presence is not granted */
    command(ward, 1, command_kind_REBOOT, "");
    EXPECT_INT(ward->device.reboots, 0);
    ward_show(ward, 5, 1, 9);
    EXPECT_INT(ward->viewer.starts, 0);
    ward_free(ward);
}

TEST_MAIN()
