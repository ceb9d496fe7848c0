/* log_upload.h - the agent's logs on their way to the broker, in chunks.
 *
 * Module flow of the agent. One chunk is on its way at a time; the broker's acknowledgement of it
 * asks for the next. The command is done when the broker says that it has the whole.
 */
#ifndef BERTH_AGENT_FLOW_LOG_UPLOAD_H
#define BERTH_AGENT_FLOW_LOG_UPLOAD_H

#include "flow/agent_flow.h"

extern const struct flow_kind log_upload_kind;

/* Begin; the command fails with BUSY when one is under way. */
void log_upload_begin(struct agent_flow *agent, uint64_t command_id);
void log_upload_link_lost(struct agent_flow *agent, const struct berth_error *why);
void log_upload_stop(struct agent_flow *agent);

/* Messages. */
void log_upload_ack(struct agent_flow *agent, const struct msg *msg);
void log_upload_refused(struct agent_flow *agent, const struct msg_refused *refused);

#endif
