/* log_upload.h - send the agent's logs to the broker, in chunks.
 *
 * Module flow of the agent. One chunk is in flight at a time: its acknowledgement triggers the
 * next; the last one ends the upload.
 */
#ifndef BERTH_AGENT_FLOW_LOG_UPLOAD_H
#define BERTH_AGENT_FLOW_LOG_UPLOAD_H

#include "flow/agent_flow.h"

extern const struct flow_kind log_upload_kind;

/* Send them for this command. Completes with the number of bytes when the broker has all of them.
 * The caller sees to it that only one upload runs. Errors: CANCELLED (the link was lost), IO, and
 * those of device_logs_begin and of the broker's refusal.
 */
int log_upload_begin(struct agent_flow *agent, uint64_t command_id, struct op *op) berth_must_check;

/* The link was lost: an upload fails. */
void log_upload_link_lost(struct agent_flow *agent, const struct berth_error *why);

/* Handler of upload_ack. */
void log_upload_ack(struct agent_flow *agent, const struct msg *msg);

#endif
