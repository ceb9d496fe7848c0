/* bundle.h - the agent's logs on their way to the broker, in chunks.
 *
 * Module flow of the agent. One chunk is on its way at a time; the broker's acknowledgement of it
 * asks for the next. The command is done when the broker says that it has the whole.
 */
#ifndef BERTH_AGENT_FLOW_BUNDLE_H
#define BERTH_AGENT_FLOW_BUNDLE_H

#include "flow/station.h"

extern const struct flow_kind bundle_kind;

/* Begin; the command fails with BUSY when one is under way. */
void bundle_begin(struct station *station, uint64_t command_id);
void bundle_link_lost(struct station *station, const struct berth_error *why);
void bundle_stop(struct station *station);

/* Messages. */
void bundle_ack(struct station *station, const struct msg *msg);
void bundle_refused(struct station *station, const struct msg_refused *refused);

#endif
