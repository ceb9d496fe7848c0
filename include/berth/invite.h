/* invite.h - the text of an invitation: where the broker is, whom to trust, and permission to join.
 *
 * Module shared; pure. One line that a person can carry on paper, in a file or on a kernel command
 * line:
 *
 *     berth-invite:HOST:LINKPORT:JOINPORT:CAHASH:TOKEN
 *
 *   HOST      name or address of the broker; an IPv6 address stands in [brackets]
 *   LINKPORT  where terminals that have an identity connect (ALPN berth/1)
 *   JOINPORT  where terminals join (ALPN berth-join/1)
 *   CAHASH    SHA-256 of the CA certificate's DER, 64 lower-case hexadecimal digits: the pin
 *   TOKEN     128 random bits, 32 lower-case hexadecimal digits: the secret; limited in uses and
 *             time
 *
 * `berthctl terminal invite` prints it, berth-agent reads it. HOST and ports are the address only;
 * CAHASH alone decides whom the agent trusts.
 */
#ifndef BERTH_INVITE_H
#define BERTH_INVITE_H

#include "berth/error.h"
#include "berth/secret.h"

#define INVITE_HASH_DIGITS 64
#define INVITE_TOKEN_DIGITS 32
/* A whole invitation with its NUL: prefix, host, two ports, hash, token, separators. */
#define INVITE_TEXT 384

struct invite {
    char host[128];
    int link_port;
    int join_port;
    char authority_hash[INVITE_HASH_DIGITS + 1];
    struct secret token; /* as hexadecimal text */
};

/* Parse the text; white space, quotes and a byte order mark around it are accepted. The error never
 * contains the token; *ret is wiped on failure. Errors: INVALID. */
int invite_parse(const char *text, struct invite *ret, struct berth_error *reterr) berth_must_check;

/* Format the text; it contains the token, so the caller wipes it. Errors: INVALID (a member is
 * malformed). */
int invite_format(const struct invite *invite, char text[INVITE_TEXT],
                  struct berth_error *reterr) berth_must_check;

/* Is it `digits` lower-case hexadecimal digits and nothing else? */
bool invite_is_hex(const char *text, size_t digits);

#endif
