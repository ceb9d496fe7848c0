/* command.c - sending, acknowledging and expiring commands. */
#include "flow/command.h"

#include <stdio.h>

#include "berth/log.h"

#include "core/index.h"
#include "core/presence.h"
#include "flow/decide.h"
#include "flow/terminal_handlers.h"

/* A terminal that has acknowledged gets this much longer to finish before the command expires. */
#define FINISH_MS 3600000
/* Commands that expire in one turn at most; the timer comes back for the rest. */
#define EXPIRE_AT_ONCE 16

/* Time until a refused write is tried again. */
#define RETRY_MS 1000

/* A state of a command being written. */
struct command_write {
    struct context *context;
    uint64_t command_id;
    struct op op;
};

static void written(struct op *op, int result);
static void check_all(struct berth_timer *timer);

static void write_begin(struct context *context, struct command *command, struct changes *changes)
{
    struct command_write *write = berth_new(struct command_write);

    write->context = context;
    write->command_id = command->row.id;
    op_init(&write->op, context->timers, written);
    command->writing = decide_begin(context, changes, NULL, &write->op) >= 0;
    if (command->writing)
        return;
    if (write->op.error.code != BERTH_E_CLOSING)
        log_failure(EV_STORE_REFUSED, &write->op.error, "terminal.command");
    free(write);
}

/* One write at a time: what the terminal reports meanwhile waits in `reported`. */
static void transition(struct context *context, struct command *command, enum command_state next,
                       const char *result, const char *actor)
{
    struct changes *changes = changes_new(actor, "terminal", "terminal.command");
    struct terminal *terminal = terminal_find(context->core, command->row.terminal_id);
    struct berth_error error = { 0 };

    changes_object(changes, "terminal %s", terminal ? terminal->row.name : "(gone)");
    changes_detail(changes, "%s %s %s", command_kind_names[command->row.kind],
                   command_state_names[next], result);
    changes->audit.terminal_id = command->row.terminal_id;
    if (command_transition(command, next, result, changes, &error) < 0) {
        log_failure(EV_MESSAGE_REFUSED, &error, "command");
        changes_free(changes);
        return;
    }
    write_begin(context, command, changes);
}

static int64_t left_ms(const struct context *context, const struct command *command)
{
    int64_t grace_ms = command->row.state == command_ACKED ? FINISH_MS : 0;

    return command->row.expires_ms + grace_ms - context->timers->wall_ms;
}

static void send(struct context *context, struct terminal *terminal, const struct command *command)
{
    struct msg msg = { .type = MSG_command };

    msg.command.command_id = command->row.id;
    msg.command.kind = command->row.kind;
    msg.command.expires_in_ms = left_ms(context, command);
    copy_text(msg.command.text, command->row.text);
    context_tell(context, terminal->peer, &msg);
}

/* A command is sent only after SENT is durable: no answer can come before that. */
static void advance(struct context *context, struct terminal *terminal, struct command *command)
{
    bool there = terminal->peer && terminal->presence->state == presence_PRESENT;

    if (command->writing || command->row.state >= command_DONE)
        return;
    if (command->reported && command->reported != command->row.state)
        transition(context, command, command->reported, command->reported_result,
                   terminal->row.name);
    else if (!there || left_ms(context, command) <= 0)
        return; /* the timer expires it */
    else if (command->row.state == command_QUEUED)
        transition(context, command, command_SENT, "", "broker");
    else if (command->row.state == command_SENT)
        send(context, terminal, command);
}

static void written(struct op *op, int result)
{
    struct command_write *write = container_of(op, struct command_write, op);
    struct context *context = write->context;
    struct command *command = command_find(context->core, write->command_id);
    struct terminal *terminal =
        command ? terminal_find(context->core, command->row.terminal_id) : NULL;

    if (result < 0 && result != BERTH_E_CLOSING)
        log_failure(EV_STORE_REFUSED, &op->error, "terminal.command");
    free(write);
    if (!terminal || result == BERTH_E_CLOSING)
        return;
    command->writing = false;
    if (result >= 0)
        advance(context, terminal, command);
    else
        timer_start(context->timers, &context->command_expiry, RETRY_MS, check_all);
}

void command_send_waiting(struct context *context, struct terminal *terminal)
{
    list_each (index_list(context->core, COMMANDS_OF_TERMINAL, terminal->row.id), node) {
        advance(context, terminal, index_at(COMMANDS_OF_TERMINAL, node, command));
    }
}

void handle_command_state(struct context *context, struct terminal *terminal, const struct msg *msg)
{
    struct command *command = command_find(context->core, msg->command_state.command_id);
    enum command_state next = msg->command_state.state;

    if (!command || command->row.terminal_id != terminal->row.id) {
        log_event(EV_MESSAGE_REFUSED, "terminal", terminal->row.name, "reason",
                  "command of another terminal", "command", msg->command_state.command_id);
        return;
    }
    if (next != command_ACKED && next != command_DONE && next != command_FAILED)
        return;
    if (next <= command->reported || command->reported == command_DONE)
        return; /* repeated; the first answer stands */
    context_note_peer(context, history_peer_event_ACTED, terminal->row.id, command->row.terminal_id,
                      NULL);
    command->reported = next;
    berth_text(command->reported_result, sizeof(command->reported_result), "%s",
               msg->command_state.text);
    advance(context, terminal, command);
}

/* Is there something to be sent or written for it? */
static bool has_news(const struct command *command)
{
    return command->row.state == command_QUEUED ||
           (command->reported && command->reported != command->row.state);
}

/* Expire what is due, and continue what could not be written. */
static void check_all(struct berth_timer *timer)
{
    struct context *context = container_of(timer, struct context, command_expiry);
    int expired = 0;

    list_each (core_all(context->core, ENTITY_command), node) {
        struct command *command = entity_at(node, command);
        struct terminal *terminal = terminal_find(context->core, command->row.terminal_id);

        if (command->row.state >= command_DONE || command->writing)
            continue;
        if (left_ms(context, command) <= 0 && expired++ < EXPIRE_AT_ONCE)
            transition(context, command, command_EXPIRED, "not finished in time", "broker");
        else if (terminal && has_news(command))
            advance(context, terminal, command);
    }
    command_watch(context);
}

void command_watch(struct context *context)
{
    int64_t soonest_ms = INT64_MAX;

    list_each (core_all(context->core, ENTITY_command), node) {
        const struct command *command = entity_at(node, command);

        if (command->row.state < command_DONE && left_ms(context, command) < soonest_ms)
            soonest_ms = left_ms(context, command);
    }
    timer_stop(context->timers, &context->command_expiry);
    if (soonest_ms != INT64_MAX)
        timer_start(context->timers, &context->command_expiry,
                    soonest_ms > RETRY_MS ? soonest_ms : RETRY_MS, check_all);
}
