/* command.h - things that a terminal shall do once: sent when it is there, repeated until it has
 * them, expired in time.
 *
 * Module flow. A command is durable before it is sent. Its id makes repetition harmless: the terminal
 * answers a known id again and does nothing. States: states.def.
 */
#ifndef BERTH_FLOW_COMMAND_H
#define BERTH_FLOW_COMMAND_H

#include "flow/context.h"

/* Send what waits for this terminal, and again what it never acknowledged: after an announce, and
 * when a command is new. */
void command_send_waiting(struct context *context, struct terminal *terminal);

/* Arm the timer for the next command whose time is over; at the start and after a new command. */
void command_watch(struct context *context);

#endif
