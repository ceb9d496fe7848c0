/* x224.c - connection request and confirm of RDP. */
#include "rdp/x224.h"

#include <string.h>

#define TPKT_VERSION 3
#define TPKT_SIZE 4
#define BARE_SIZE 11 /* TPKT and X.224 headers, no negotiation */
#define FULL_SIZE 19

#define CODE_CONFIRM 0xd0
#define CODE_DISCONNECT 0x80

enum { NEGOTIATION_RESPONSE = 2, NEGOTIATION_FAILURE = 3 };
enum { PROTOCOL_RDP = 0, PROTOCOL_TLS = 1, PROTOCOL_NLA = 2, PROTOCOL_NLA_EX = 8 };

/* clang-format off */
const unsigned char x224_request[X224_REQUEST_SIZE] = {
    TPKT_VERSION, 0, 0, X224_REQUEST_SIZE,     /* TPKT */
    14, 0xe0, 0, 0, 0, 0, 0,                   /* X.224: length that follows, connection request, references, class */
    1, 0, 8, 0, PROTOCOL_TLS | PROTOCOL_NLA, 0, 0, 0, /* negotiation request, little-endian */
};
/* clang-format on */

/* [MS-RDPBCGR] 2.2.1.2.2 */
static const char *failure_text(uint32_t code)
{
    static const char *const texts[] = { "no reason",
                                         "it requires TLS",
                                         "it does not allow TLS",
                                         "it has no certificate",
                                         "inconsistent flags",
                                         "it requires NLA",
                                         "it requires TLS with a client certificate" };

    return code < BERTH_COUNT(texts) ? texts[code] : "an unknown reason";
}

static int check_start(const unsigned char *bytes, size_t size, struct berth_error *reterr)
{
    if (size > 0 && bytes[0] != TPKT_VERSION)
        return berth_fail(reterr, BERTH_E_DESKTOP,
                          "not an RDP server: its answer begins with byte %#x", bytes[0]);
    return 0;
}

static int check_headers(const unsigned char *bytes, size_t total, struct berth_error *reterr)
{
    if (total < BARE_SIZE || total > X224_CONFIRM_MAX)
        return berth_fail(reterr, BERTH_E_DESKTOP, "not an RDP server: an answer of %zu bytes",
                          total);
    if ((bytes[5] & 0xf0) == CODE_DISCONNECT)
        return berth_fail(reterr, BERTH_E_DESKTOP, "it refuses the connection");
    if ((bytes[5] & 0xf0) != CODE_CONFIRM || bytes[4] != total - TPKT_SIZE - 1)
        return berth_fail(reterr, BERTH_E_DESKTOP, "not an RDP server: no connection confirm");
    return 0;
}

static uint32_t little_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static int read_choice(const unsigned char *negotiation, struct x224_confirm *ret,
                       struct berth_error *reterr)
{
    uint32_t value = little_endian(negotiation + 4);

    if (negotiation[2] != 8 || negotiation[3] != 0)
        return berth_fail(reterr, BERTH_E_DESKTOP, "not an RDP server: a malformed negotiation");
    if (negotiation[0] == NEGOTIATION_FAILURE)
        return berth_fail(reterr, BERTH_E_DESKTOP, "it refuses: %s", failure_text(value));
    if (negotiation[0] != NEGOTIATION_RESPONSE)
        return berth_fail(reterr, BERTH_E_DESKTOP, "not an RDP server: a malformed negotiation");
    if (value == PROTOCOL_RDP)
        return berth_fail(reterr, BERTH_E_DESKTOP, "it offers no TLS");
    if (value != PROTOCOL_TLS && value != PROTOCOL_NLA && value != PROTOCOL_NLA_EX)
        return berth_fail(reterr, BERTH_E_DESKTOP,
                          "it chose a security protocol that was not offered");
    ret->nla = value != PROTOCOL_TLS;
    return 1;
}

int x224_read(const unsigned char *bytes, size_t size, struct x224_confirm *ret,
              struct berth_error *reterr)
{
    size_t total;
    int r;

    r = check_start(bytes, size, reterr);
    if (r < 0)
        return r;
    if (size < TPKT_SIZE)
        return 0;
    total = (size_t)bytes[2] << 8 | bytes[3];
    if (size < BARE_SIZE && total >= BARE_SIZE && total <= X224_CONFIRM_MAX)
        return 0;
    r = check_headers(bytes, total, reterr);
    if (r < 0)
        return r;
    if (size < total)
        return 0;
    *ret = (struct x224_confirm){ .size = total };
    if (total < FULL_SIZE)
        return berth_fail(reterr, BERTH_E_DESKTOP, "it offers no TLS");
    return read_choice(bytes + BARE_SIZE, ret, reterr);
}
