/* responder.h - what stands for the RDP servers of all desktops: one port, every address.
 *
 * It answers RDP's first question (an X.224 connection request) with TLS, shakes hands with a
 * certificate of its own and lets go: exactly what the broker's probe asks for. A thread of its own
 * with a loop of its own, so that terminals and desktops do not wait for each other.
 */
#ifndef BERTH_STORM_RESPONDER_H
#define BERTH_STORM_RESPONDER_H

#include "berth/error.h"

struct responder;

int responder_start(int port, struct responder **ret, struct berth_error *reterr) berth_must_check;
void responder_stop(struct responder *responder);

/* Handshakes that were brought to their end so far. Any thread. */
int64_t responder_answered(const struct responder *responder);

#endif
