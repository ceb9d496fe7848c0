/* certificate_renewal.h - renew the terminal's certificate before it expires.
 *
 * Module flow of the agent. At about half of the certificate's life the flow makes a new key and
 * requests a certificate for it over the link; jitter keeps terminals that joined together from
 * renewing together. A new connection then uses the new identity at once: the broker accepts the
 * old key until the new one was used. A terminal whose certificate expired while it was off renews
 * at the join listener with its old key (join_request.c).
 */
#ifndef BERTH_AGENT_FLOW_CERTIFICATE_RENEWAL_H
#define BERTH_AGENT_FLOW_CERTIFICATE_RENEWAL_H

#include "flow/agent_flow.h"

extern const struct flow_kind certificate_renewal_kind;

/* Presence was granted: start the timer of the next renewal. */
void certificate_renewal_schedule(struct agent_flow *agent);

/* The link was lost: stop the timer and fail a renewal that waits for its answer. */
void certificate_renewal_link_lost(struct agent_flow *agent, const struct berth_error *why);

/* The agent stops: cancel. */
void certificate_renewal_stop(struct agent_flow *agent);

/* Handler of certificate. */
void certificate_renewal_received(struct agent_flow *agent, const struct msg *msg);

#endif
