/* commands.c - administrators' commands: remember each by its id, execute, report its state. */
#include "flow/commands.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/texts.h"
#include "flow/log_upload.h"
#include "flow/viewer_session.h"

static struct msg_command_state *find_known(struct commands *commands, uint64_t command_id)
{
    for (size_t i = 0; i < COMMANDS_REMEMBERED; i++)
        if (commands->known[i].command_id == command_id)
            return &commands->known[i];
    return NULL;
}

/* Remember the state of a command and send it to the broker. */
static void send_command_state(struct agent_flow *agent, uint64_t command_id,
                               enum command_state state, const char *text)
{
    struct commands *commands = &agent->commands;
    struct msg_command_state *row = find_known(commands, command_id);
    struct msg msg;

    if (!row)
        row = &commands->known[commands->next++ % COMMANDS_REMEMBERED];
    *row = (struct msg_command_state){ .command_id = command_id, .state = state };
    (void)snprintf(row->text, sizeof(row->text), "%.199s", text);
    log_event(EV_COMMAND_STATE, "command", command_id, "state", command_state_names[state], "text",
              text);
    agent_flow_init_message(agent, &msg, MSG_command_state);
    msg.command_state = *row;
    (void)agent_flow_send(agent, &msg);
}

/* Failed when `error` is given, else done with `text`. */
static void finish(struct agent_flow *agent, uint64_t command_id, const struct berth_error *error,
                   const char *text)
{
    if (error)
        send_command_state(agent, command_id, command_FAILED, error->text);
    else
        send_command_state(agent, command_id, command_DONE, text);
}

static void reboot_done(struct op *op, int result)
{
    struct commands *commands = container_of(op, struct commands, reboot);
    struct agent_flow *agent = container_of(commands, struct agent_flow, commands);

    finish(agent, commands->reboot_id, result < 0 ? &op->error : NULL,
           "the reboot command was run");
}

static void logs_done(struct op *op, int result)
{
    struct commands *commands = container_of(op, struct commands, logs);
    struct agent_flow *agent = container_of(commands, struct agent_flow, commands);
    char text[80];

    (void)snprintf(text, sizeof(text), "%d bytes sent", result);
    finish(agent, commands->logs_id, result < 0 ? &op->error : NULL, text);
}

void commands_init(struct agent_flow *agent)
{
    op_init(&agent->commands.reboot, agent->timers, reboot_done);
    op_init(&agent->commands.logs, agent->timers, logs_done);
}

void commands_stop(struct agent_flow *agent)
{
    op_cancel(&agent->commands.reboot);
    op_cancel(&agent->commands.logs);
}

static void reboot(struct agent_flow *agent, uint64_t command_id)
{
    struct commands *commands = &agent->commands;

    if (commands->reboot.in_flight) {
        send_command_state(agent, command_id, command_FAILED, "a reboot is already in progress");
        return;
    }
    commands->reboot_id = command_id;
    if (device_reboot_begin(agent->device, &commands->reboot) < 0)
        finish(agent, command_id, &commands->reboot.error, "");
}

static void upload_logs(struct agent_flow *agent, uint64_t command_id)
{
    struct commands *commands = &agent->commands;

    if (commands->logs.in_flight) {
        send_command_state(agent, command_id, command_FAILED,
                           "a log upload is already running; try again later");
        return;
    }
    commands->logs_id = command_id;
    if (log_upload_begin(agent, command_id, &commands->logs) < 0)
        finish(agent, command_id, &commands->logs.error, "");
}

static void show_message(struct agent_flow *agent, const struct msg_command *command)
{
    struct page page;

    terminal_status_page(&agent->terminal, &agent->settings, &page);
    page.kind = page_kind_BANNER;
    copy_text(page.title, text_in(agent->settings.language, TEXT_MESSAGE));
    copy_text(page.text, command->text);
    if (!screen_is_up(agent->screen)) {
        send_command_state(agent, command->command_id, command_FAILED,
                           "the terminal has no screen");
        return;
    }
    (void)screen_show(agent->screen, &page);
    send_command_state(agent, command->command_id, command_DONE, "the message is on the screen");
}

void commands_received(struct agent_flow *agent, const struct msg *msg)
{
    const struct msg_command *command = &msg->command;
    const struct msg_command_state *before = find_known(&agent->commands, command->command_id);

    if (command->command_id == 0)
        return;
    if (before) {
        send_command_state(agent, command->command_id, before->state, before->text);
        return;
    }
    send_command_state(agent, command->command_id, command_ACKED, "");
    switch (command->kind) {
    case command_kind_MESSAGE:
        show_message(agent, command);
        return;
    case command_kind_LOCK:
        viewer_session_lock(agent, "an administrator locked it");
        send_command_state(agent, command->command_id, command_DONE, "the screen is blank");
        return;
    case command_kind_REBOOT:
        reboot(agent, command->command_id);
        return;
    case command_kind_LOGS:
        upload_logs(agent, command->command_id);
        return;
    case command_kind_NONE:
    case command_kind_END:
        send_command_state(agent, command->command_id, command_FAILED,
                           "this agent does not support the command; update it");
        return;
    }
}
