/* presence.h - the promise to be there, renewed as the broker dictates it.
 *
 * Module flow of the agent. Every grant says how long it holds and when to renew; the newest grant
 * alone counts. We count from sending, the broker from receipt, so we always think first that it is
 * over. Deadlines are monotonic; a suspend, which that clock does not see, is found by the device's
 * own count, and then the presence is treated as dead if it slept past it.
 */
#ifndef BERTH_AGENT_FLOW_PRESENCE_H
#define BERTH_AGENT_FLOW_PRESENCE_H

#include "flow/station.h"

/* A grant arrived for what was sent at sent_ms. */
void presence_granted(struct station *station, const struct msg_granted *granted, int64_t sent_ms);

/* The broker does not know this presence (any more). */
void presence_unknown(struct station *station, const struct msg *msg);

/* The link is gone: no renewals until it is back. The id stays good for resuming until its
 * deadline. */
void presence_lost(struct station *station);

/* The id to resume, or "" when there is none or its time is over. */
const char *presence_resumable(const struct station *station);

/* Renew now, because what the screen shows has changed or a person came back. */
void presence_renew_now(struct station *station);

/* What the greeter said about keys and pointer. */
void presence_input(struct station *station, int64_t idle_ms);

/* On purpose: a presence of 0 ms. */
void presence_goodbye(struct station *station);

#endif
