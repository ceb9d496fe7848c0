/* rdp_responder.h - stands for the RDP servers of desktops without a guest.
 *
 * Module tests. It answers an X.224 connection request and does a TLS handshake with its own
 * certificate: all that the broker's probe needs. It has its own thread and loop, so that terminals
 * and desktops do not wait for each other.
 */
#ifndef BERTH_TESTS_LEAN_RDP_RESPONDER_H
#define BERTH_TESTS_LEAN_RDP_RESPONDER_H

#include "berth/error.h"

struct rdp_responder;

/* Listen at `count` ports from `port` on; address: numeric, 0.0.0.0 for every one. What was made is
 * freed on failure. */
int rdp_responder_start(const char *address, int port, int count, struct rdp_responder **ret,
                        struct berth_error *reterr) berth_must_check;
void rdp_responder_stop(struct rdp_responder *responder);

#endif
