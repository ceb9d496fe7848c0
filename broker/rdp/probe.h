/* probe.h - is a desktop ready? An RDP answer, never an open port.
 *
 * Module rdp. Thread: loop. X.224 connection request and confirm ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2),
 * then TLS to learn the certificate. Sockets are the module's; the address is host and port,
 * numeric only.
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

struct probe_target {
    const char *address; /* numeric; may go when probe_begin has returned */
    int port;
    /* Content with RDP's first answer: no TLS, so the fingerprint stays empty. A tenth of the cost,
     * for desktops whose certificate is known since they started. */
    bool answer_only;
    /* A person waits for it. Some places are kept for these. */
    bool urgent;
};

/* One attempt. Fails with DESKTOP (refused, closed, not RDP, TLS failed) and a sentence; the caller
 * repeats. Fails with BUSY when it cannot be made now, because too many are under way or there is
 * no socket for it: that tells nothing of the desktop. Cancel closes. */
int probe_begin(struct probe *probe, const struct probe_target *target, struct probe_result *ret,
                struct op *op) berth_must_check;

#endif
