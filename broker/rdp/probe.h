/* probe.h - is a desktop ready? An RDP answer, never an open port.
 *
 * Room rdp. Thread: loop. X.224 connection request and confirm ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2),
 * then TLS to learn the certificate. Sockets are the room's; the address is host and port, numeric
 * only.
 */
#ifndef BERTH_RDP_PROBE_H
#define BERTH_RDP_PROBE_H

#include "berth/op.h"

struct probe;

struct probe_result {
    char fingerprint[72]; /* SHA-256 of the certificate, lower-case hexadecimal */
    bool nla;             /* the server chose NLA */
    int64_t took_ms;
};

/* One attempt. Fails with DESKTOP (refused, closed, not RDP, TLS failed) and a sentence; the caller
 * repeats. Cancel closes. */
int probe_begin(struct probe *probe, const char *address, int port, struct probe_result *ret,
                struct op *op) berth_must_check;

/* As probe_begin, but content with RDP's first answer: no TLS, so ret->fingerprint stays empty. A
 * tenth of the cost, for desktops whose certificate is known since they started.
 */
int probe_answer_begin(struct probe *probe, const char *address, int port, struct probe_result *ret,
                       struct op *op) berth_must_check;

#endif
