/* x224.h - the first words of an RDP connection.
 *
 * Module rdp. Pure. [MS-RDPBCGR] 2.2.1.1 and 2.2.1.2: TPKT header (RFC 1006), X.224 connection
 * request or confirm, and the negotiation of what protects the connection.
 */
#ifndef BERTH_RDP_X224_H
#define BERTH_RDP_X224_H

#include "berth/error.h"

/* The connection request: we can TLS and NLA. It carries no cookie and no name. */
#define X224_REQUEST_SIZE 19
extern const unsigned char x224_request[X224_REQUEST_SIZE];

/* A confirm has 11 or 19 bytes; room for what a later version might add. */
#define X224_CONFIRM_MAX 64

struct x224_confirm {
    size_t size; /* bytes it took; nothing may follow before TLS begins */
    bool nla;    /* the server chose network level authentication (inside TLS) */
};

/* Read a confirm from the bytes that came so far: 1 when it is whole and TLS follows, 0 when more
 * bytes are needed. Errors: DESKTOP (not RDP, refused with a reason, or no TLS offered).
 */
int x224_read(const unsigned char *bytes, size_t size, struct x224_confirm *ret,
              struct berth_error *reterr) berth_must_check;

#endif
