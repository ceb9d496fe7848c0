/* responder.h - stands for the RDP servers of all desktops: one port on every address.
 *
 * It answers an X.224 connection request, does a TLS handshake with its own certificate and closes:
 * all that the broker's probe needs. It has its own thread and loop, so that terminals and desktops
 * do not wait for each other.
 */
#ifndef BERTH_STORM_RESPONDER_H
#define BERTH_STORM_RESPONDER_H

#include "berth/error.h"

struct responder;

int responder_start(int port, struct responder **ret, struct berth_error *reterr) berth_must_check;
void responder_stop(struct responder *responder);

/* Number of completed handshakes. Thread: any. */
int64_t responder_answered(const struct responder *responder);

#endif
