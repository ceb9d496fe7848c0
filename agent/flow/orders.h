/* orders.h - commands of administrators: a message, a lock, a reboot, the logs.
 *
 * Module flow of the agent. The set is closed and nothing of a command ever reaches a shell. Each
 * command is acknowledged, done once, and answered again when it comes again.
 */
#ifndef BERTH_AGENT_FLOW_ORDERS_H
#define BERTH_AGENT_FLOW_ORDERS_H

#include "flow/station.h"

/* Once, before the first command; and when the agent stops. */
void orders_init(struct station *station);
void orders_stop(struct station *station);

/* Message. */
void orders_take(struct station *station, const struct msg *msg);

/* How a command ended; for what takes a while (bundle.c). */
void orders_ended(struct station *station, uint64_t command_id, const struct berth_error *error,
                  const char *text);

#endif
