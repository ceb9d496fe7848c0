/* probe.h - check by an RDP handshake, not by an open port, whether a desktop is ready.
 *
 * Module rdp. Thread: loop. X.224 connection request and confirm ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2),
 * then TLS to learn the certificate. Addresses are numeric.
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
    const char *address; /* numeric; need not outlive probe_begin */
    int port;
    /* Stop after the X.224 confirm: no TLS, so the fingerprint stays empty. A tenth of the cost,
     * for desktops whose certificate is known since they started. */
    bool answer_only;
    /* A user waits for it: it may use the attempts reserved by PROBE_ATTEMPTS_URGENT. */
    bool urgent;
};

/* One attempt. Errors: DESKTOP (refused, closed, not RDP, TLS failed), after which the caller may
 * retry; BUSY (too many attempts, or no socket), which says nothing about the desktop. Cancelling
 * closes the connection. */
int probe_begin(struct probe *probe, const struct probe_target *target, struct probe_result *ret,
                struct op *op) berth_must_check;

#endif
