/* log_upload.h - send the agent's logs to the broker, in chunks.
 *
 * Module flow of the agent. One chunk is in flight at a time: its acknowledgement triggers the
 * next. The command is done when the last one is acknowledged.
 */
#ifndef BERTH_AGENT_FLOW_LOG_UPLOAD_H
#define BERTH_AGENT_FLOW_LOG_UPLOAD_H

#include "flow/agent_flow.h"

extern const struct flow_kind log_upload_kind;

/* Begin; the command fails with BUSY when an upload is already running. */
void log_upload_begin(struct agent_flow *agent, uint64_t command_id);

/* The link was lost, or the agent stops: cancel the upload. */
void log_upload_link_lost(struct agent_flow *agent, const struct berth_error *why);
void log_upload_stop(struct agent_flow *agent);

/* Handlers of upload_ack, and of refused about upload_begin or upload_chunk. */
void log_upload_ack(struct agent_flow *agent, const struct msg *msg);
void log_upload_refused(struct agent_flow *agent, const struct msg_refused *refused);

#endif
