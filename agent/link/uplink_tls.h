/* uplink_tls.h - the uplink of berth-agent: name resolution, TCP, TLS 1.3, frames.
 *
 * Module link of the agent.
 */
#ifndef BERTH_AGENT_LINK_UPLINK_TLS_H
#define BERTH_AGENT_LINK_UPLINK_TLS_H

#include "berth/loop.h"

#include "link/uplink.h"

/* Create it, not connected; owned by the caller. */
struct uplink *uplink_new(struct berth_loop *loop);

/* Close without an event and free. A closing connection frees its own memory later, on the loop. */
void uplink_free(struct uplink *uplink);

#endif
