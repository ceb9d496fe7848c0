/* fake_commands.c - how a fake terminal handles profiles and commands. */
#include <stdio.h>
#include <string.h>

#include "fakes/fake_terminal_internal.h"

void commands_profile(struct fake_terminal *terminal, const struct msg_profile *profile)
{
    struct msg msg = { .type = MSG_profile_applied };

    if (profile->version < terminal->profile_version)
        environment_fault(environment_of(terminal), "%s: profile %lld after %lld (I25)",
                          terminal->name, (long long)profile->version,
                          (long long)terminal->profile_version);
    terminal->profile_version = profile->version;
    terminal->settings_count = profile->settings_count;
    memcpy(terminal->settings, profile->settings, sizeof(terminal->settings));
    msg.profile_applied.version = profile->version;
    terminal_say(terminal, &msg);
}

static void answer(struct fake_terminal *terminal, uint64_t id, enum command_state state)
{
    struct msg msg = { .type = MSG_command_state };

    msg.command_state.command_id = id;
    msg.command_state.state = state;
    (void)snprintf(msg.command_state.text, sizeof(msg.command_state.text), "%s",
                   state == command_DONE ? "done" : "");
    terminal_say(terminal, &msg);
}

void commands_command(struct fake_terminal *terminal, const struct msg_command *command)
{
    bool again = command->command_id == terminal->last_command;

    terminal->commands_heard++;
    if (terminal->lazy)
        return;
    answer(terminal, command->command_id, command_ACKED);
    if (!again) {
        terminal->commands_done++;
        terminal->last_command = command->command_id;
        if (command->kind == command_kind_MESSAGE)
            terminal_page(terminal, "message", command->text);
        if (command->kind == command_kind_LOCK)
            terminal_disconnect(terminal);
    }
    answer(terminal, command->command_id, command_DONE);
}
