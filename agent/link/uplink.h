/* uplink.h - the agent's one connection to its broker, as a port.
 *
 * Module link of the agent. berth-agent links the real one (uplink_tls.c: TLS 1.3, ALPN berth/1 or
 * berth-join/1, frames); stories and the simulator link a fake. There is never more than one
 * connection: a new dial closes the old one silently first, so no late message of an old connection
 * can follow a message of the new one.
 */
#ifndef BERTH_AGENT_LINK_UPLINK_H
#define BERTH_AGENT_LINK_UPLINK_H

#include "berth/message.h"
#include "berth/op.h"

struct uplink;

enum uplink_listener {
    UPLINK_JOIN, /* berth-join/1: we show nothing, the broker's CA is known by its hash */
    UPLINK_LINK, /* berth/1: mutual */
};

/* Texts are copied while dialling; the caller keeps them until then. */
struct uplink_target {
    enum uplink_listener listener;
    const char *host; /* name or address */
    int port;
    const char *certificate;    /* LINK: our own, PEM */
    const char *key;            /* LINK */
    const char *authority;      /* LINK: the site's CA, PEM */
    const char *authority_hash; /* JOIN: SHA-256 of the CA's DER */
    int64_t now_ms;             /* wall clock by which certificates are judged */
};

struct uplink_events {
    /* A message that is permitted downwards; wiped after the call. */
    void (*message)(void *owner, const struct msg *msg);
    /* The connection ended by itself. Not called for uplink_close and not while a dial is in
     * flight. */
    void (*lost)(void *owner, const struct berth_error *why);
};

/* Whom to tell. Once, before the first dial. */
void uplink_set_events(struct uplink *uplink, const struct uplink_events *events, void *owner);

/* Connect. Completes when the handshake is done.
 * Errors: CERTIFICATE (we do not trust it, or it us), IO, TIMEOUT, NOT_FOUND (no such name).
 */
int uplink_dial_begin(struct uplink *uplink, const struct uplink_target *target,
                      struct op *op) berth_must_check;

/* Send; the message is not kept. Errors: STATE (not connected), BUSY (the broker reads too slowly).
 */
int uplink_send(struct uplink *uplink, const struct msg *msg,
                struct berth_error *reterr) berth_must_check;

/* Close without a word. */
void uplink_close(struct uplink *uplink);

/* Can messages be sent? */
bool uplink_is_open(const struct uplink *uplink);

#endif
