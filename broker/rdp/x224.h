/* x224.h - connection request and confirm of RDP.
 *
 * Module rdp; no I/O. [MS-RDPBCGR] 2.2.1.1 and 2.2.1.2: TPKT header (RFC 1006), X.224 connection
 * request or confirm, and the negotiation of the security protocol.
 */
#ifndef BERTH_RDP_X224_H
#define BERTH_RDP_X224_H

#include "berth/error.h"

/* The connection request: offers TLS and NLA, without cookie or user name. */
#define X224_REQUEST_SIZE 19
extern const unsigned char x224_request[X224_REQUEST_SIZE];

/* A confirm has 11 or 19 bytes; larger, for extensions of later versions. */
#define X224_CONFIRM_MAX 64

struct x224_confirm {
    size_t size; /* bytes of the confirm; the server sends no more before TLS begins */
    bool nla;    /* the server chose network level authentication (inside TLS) */
};

/* Parse a confirm from the bytes received so far: 1 when it is complete and TLS follows, 0 when
 * more bytes are needed. Errors: DESKTOP (not RDP, refused with a reason, or no TLS offered).
 */
int x224_read(const unsigned char *bytes, size_t size, struct x224_confirm *ret,
              struct berth_error *reterr) berth_must_check;

#endif
