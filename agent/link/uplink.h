/* uplink.h - the agent's connection to the broker, as a port.
 *
 * Module link of the agent. Thread: loop. berth-agent links the real one (uplink_tls.c: TLS 1.3,
 * ALPN berth/1 or berth-join/1, frames); stories and the simulator link a fake. There is at most
 * one connection: a dial first closes the old one without an event, so that no message of an old
 * connection can arrive after one of the new connection.
 */
#ifndef BERTH_AGENT_LINK_UPLINK_H
#define BERTH_AGENT_LINK_UPLINK_H

#include "berth/message.h"
#include "berth/op.h"

struct uplink;

enum uplink_listener {
    UPLINK_JOIN, /* berth-join/1: no client certificate; the broker's CA is verified by its hash */
    UPLINK_LINK, /* berth/1: mutual TLS */
};

/* Used during uplink_dial_begin only, which copies what it needs. */
struct uplink_target {
    enum uplink_listener listener;
    const char *host; /* name or address */
    int port;
    const char *certificate;    /* LINK: the terminal's, PEM */
    const char *key;            /* LINK */
    const char *authority;      /* LINK: the site's CA, PEM */
    const char *authority_hash; /* JOIN: SHA-256 of the CA's DER */
    int64_t now_ms;             /* wall clock for the verification of certificates */
};

struct uplink_events {
    /* A message that a broker may send, decoded; wiped after the call. */
    void (*message)(void *owner, const struct msg *msg);
    /* The connection was lost. Not called after uplink_close, and not while a dial is in flight. */
    void (*lost)(void *owner, const struct berth_error *why);
};

/* Set the receiver of events. Once, before the first dial. */
void uplink_set_events(struct uplink *uplink, const struct uplink_events *events, void *owner);

/* Connect. Completes when the handshake is done; cancelling closes the connection.
 * Errors: CERTIFICATE (either side rejected the other's), IO, TIMEOUT, NOT_FOUND (unknown name).
 */
int uplink_dial_begin(struct uplink *uplink, const struct uplink_target *target,
                      struct op *op) berth_must_check;

/* Send; the message stays the caller's. Errors: STATE (not connected), BUSY (too much is queued
 * because the broker reads too slowly).
 */
int uplink_send(struct uplink *uplink, const struct msg *msg,
                struct berth_error *reterr) berth_must_check;

/* Close, without an event. */
void uplink_close(struct uplink *uplink);

/* Is the handshake done and the connection not closing? */
bool uplink_is_open(const struct uplink *uplink);

#endif
