/* commands.h - commands of administrators: a message, a lock, a reboot, the logs.
 *
 * Module flow of the agent. The set is closed and nothing of a command ever reaches a shell. Each
 * command is acknowledged, done once, and answered again when it comes again.
 */
#ifndef BERTH_AGENT_FLOW_COMMANDS_H
#define BERTH_AGENT_FLOW_COMMANDS_H

#include "flow/agent_flow.h"

/* Once, before the first command; and when the agent stops. */
void commands_init(struct agent_flow *agent);
void commands_stop(struct agent_flow *agent);

/* Message. */
void commands_received(struct agent_flow *agent, const struct msg *msg);

/* How a command ended; for what takes a while (log_upload.c). */
void commands_finished(struct agent_flow *agent, uint64_t command_id,
                       const struct berth_error *error, const char *text);

#endif
