/* renewal.h - the terminal's next certificate, long before this one ends.
 *
 * Module flow of the agent. At about half of the certificate's life (with jitter, so that a fleet
 * that joined together does not renew together) a new key is made and its certificate asked for
 * over the link. The new identity is used at once, by a new connection: until then the old key is
 * good too. A terminal that was off for
 * too long renews at the join door with its old key (join.c).
 */
#ifndef BERTH_AGENT_FLOW_RENEWAL_H
#define BERTH_AGENT_FLOW_RENEWAL_H

#include "flow/station.h"

extern const struct flow_kind renewal_kind;

/* The link stands: see when the certificate is due. */
void renewal_plan(struct station *station);
void renewal_link_lost(struct station *station, const struct berth_error *why);
void renewal_stop(struct station *station);

/* Messages. */
void renewal_certificate(struct station *station, const struct msg *msg);
void renewal_refused(struct station *station, const struct msg_refused *refused);

#endif
