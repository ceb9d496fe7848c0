/* commands.h - execute commands of administrators: message, lock, reboot, logs.
 *
 * Module flow of the agent. The set of commands is closed, and no part of a command is passed to a
 * shell. Each command is acknowledged and executed once; when it is repeated, its last state is
 * sent again.
 */
#ifndef BERTH_AGENT_FLOW_COMMANDS_H
#define BERTH_AGENT_FLOW_COMMANDS_H

#include "flow/agent_flow.h"

/* Called by agent_flow_start and agent_flow_stop. Stop cancels a running command. */
void commands_init(struct agent_flow *agent);
void commands_stop(struct agent_flow *agent);

/* Handler of command. */
void commands_received(struct agent_flow *agent, const struct msg *msg);

#endif
