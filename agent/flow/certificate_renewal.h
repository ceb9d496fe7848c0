/* certificate_renewal.h - the terminal's next certificate, long before this one ends.
 *
 * Module flow of the agent. At about half of the certificate's life (with jitter, so that a fleet
 * that joined together does not renew together) a new key is made and its certificate asked for
 * over the link. The new identity is used at once, by a new connection: until then the old key is
 * good too. A terminal that was off for
 * too long renews at the join listener with its old key (join_request.c).
 */
#ifndef BERTH_AGENT_FLOW_CERTIFICATE_RENEWAL_H
#define BERTH_AGENT_FLOW_CERTIFICATE_RENEWAL_H

#include "flow/agent_flow.h"

extern const struct flow_kind certificate_renewal_kind;

/* The link stands: see when the certificate is due. */
void certificate_renewal_schedule(struct agent_flow *agent);
void certificate_renewal_link_lost(struct agent_flow *agent, const struct berth_error *why);
void certificate_renewal_stop(struct agent_flow *agent);

/* Messages. */
void certificate_renewal_received(struct agent_flow *agent, const struct msg *msg);
void certificate_renewal_refused(struct agent_flow *agent, const struct msg_refused *refused);

#endif
