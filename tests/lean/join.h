/* join.h - a terminal joins: a key, a request, an invitation, a certificate.
 *
 * Module tests.
 */
#ifndef BERTH_TESTS_LEAN_JOIN_H
#define BERTH_TESTS_LEAN_JOIN_H

#include "berth/frame.h"
#include "berth/invite.h"

#include "lean/say.h"

/* Zeroed memory of the caller's, with the callbacks set; all are called on the loop. */
struct lean_joiner {
    struct tls_peer tls;
    struct frame_reader reader;
    char *key; /* PEM; whoever wants it takes it when joined */
    char *request;
    struct secret token;
    char serial[64];
    int64_t connect_us;
    void (*joined)(struct lean_joiner *joiner, const struct msg_joined *said);
    void (*refused)(struct lean_joiner *joiner, const struct msg_refused *said);
    /* The last one; why->code is 0 after an answer. The joiner may be freed in it. */
    void (*closed)(struct lean_joiner *joiner, const struct berth_error *why);
};

/* The context for all that join with this invitation. */
SSL_CTX *lean_join_context(const struct invite *invite, struct berth_error *reterr);

/* Make a key for `name` and ask the invitation's join listener. invite->host: a numeric address.
 * serial: what an invitation without a name makes a name of. source: own address; NULL: the system
 * chooses. On failure none of the callbacks follows.
 */
int lean_join(struct lean_joiner *joiner, struct berth_loop *loop, SSL_CTX *context,
              const struct invite *invite, const char *name, const char *serial, const char *source,
              struct berth_error *reterr) berth_must_check;

#endif
