/* command.h - commands for terminals: sent when the terminal is connected, repeated until it
 * acknowledges, expired in time.
 *
 * Module flow. A command is durable before it is sent. Its id makes repetition harmless: a terminal
 * that knows the id acknowledges again and does nothing. States: states.def. handle_command_state,
 * in terminal_handlers.h, takes the answers.
 */
#ifndef BERTH_FLOW_COMMAND_H
#define BERTH_FLOW_COMMAND_H

#include "flow/context.h"

/* Send all commands that wait for this terminal, and again those it has not acknowledged. Called
 * after an announcement, and when a command is new. */
void command_send_waiting(struct context *context, struct terminal *terminal);

/* Arm the timer for the next command to expire. Called at the start and after a new command. */
void command_watch(struct context *context);

#endif
