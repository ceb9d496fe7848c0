/* uplink_tls.h - the real uplink: name, TCP, TLS 1.3, frames.
 *
 * Module link of the agent.
 */
#ifndef BERTH_AGENT_LINK_UPLINK_TLS_H
#define BERTH_AGENT_LINK_UPLINK_TLS_H

#include "berth/loop.h"

#include "link/uplink.h"

/* Not connected; owned by the caller. */
struct uplink *uplink_new(struct berth_loop *loop);

/* Closes silently; the memory goes when the last connection has ended. */
void uplink_free(struct uplink *uplink);

#endif
