/* reach.h - finding the broker, and holding the link to it.
 *
 * Module flow of the agent. The flow: wait as long as it is our turn, find an address, dial,
 * announce. When it succeeds, presence is granted and the link is simply there; when the link is
 * lost, the flow starts anew. A terminal without an identity, or one whose certificate is not
 * accepted any more, goes to the join door first (join.c) and comes back here.
 */
#ifndef BERTH_AGENT_FLOW_REACH_H
#define BERTH_AGENT_FLOW_REACH_H

#include "flow/station.h"

extern const struct flow_kind reach_kind;

/* Go on until the broker is reached. No effect while that is under way. */
void reach_start(struct station *station);
void reach_stop(struct station *station);

/* Do not wait for our turn any longer: a person is there now. */
void reach_hurry(struct station *station);

/* Let go of the link and take a new one in its turn, such as with the next key. */
void reach_anew(struct station *station, const char *why);

/* Whom to trust or where to go has changed (an invitation): let go of everything and begin at the
 * beginning. */
void reach_begin_anew(struct station *station);

/* For the uplink: the connection ended by itself. */
void reach_lost(void *owner, const struct berth_error *why);

/* We do not believe in the connection any more: close it and begin anew. */
void reach_give_up(struct station *station, const struct berth_error *why);

/* Announce anew over the link that stands (presence unknown, or slept too long). */
void reach_announce_again(struct station *station);

/* Messages. */
void reach_granted(struct station *station, const struct msg *msg);
void reach_refused(struct station *station, const struct msg_refused *refused);

#endif
