/* dial.h - one load for all servers: many TLS clients with certificates.
 *
 * dial.c schedules the calls and counts; client.c is one connection; protocol.c is the protocol
 * after the handshake. One thread, one libuv loop.
 */
#ifndef BERTH_STORM_PEERS_DIAL_H
#define BERTH_STORM_PEERS_DIAL_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "berth/frame.h"

struct client;
struct dial;

/* The protocol after the handshake. */
struct protocol {
    const char *name;
    const char *alpn; /* NULL: none is offered */
    /* Send the first message; false: it could not be sent. */
    bool (*greet)(struct client *client);
    /* Plain bytes came; calls client_welcomed or client_answered; false: unexpected data. */
    bool (*hear)(struct client *client, const char *bytes, size_t size);
    /* Send a ping; NULL: the protocol has none. */
    bool (*ping)(struct client *client);
};
const struct protocol *protocol_find(const char *name);

enum client_state { CLIENT_IDLE, CLIENT_CONNECTING, CLIENT_HANDSHAKE, CLIENT_ASKING, CLIENT_READY };

struct client {
    struct dial *dial;
    int number;
    enum client_state state;
    uv_poll_t poll;
    bool polled; /* the handle must be closed */
    int descriptor;
    SSL *ssl;
    int64_t began_us, asked_us;
    struct frame_reader reader;
    char presence[40];
    int64_t seq;
    bool waits; /* a ping has not been answered yet */
};

/* A terminal's key and certificate, parsed beforehand: only the handshake shall cost the client. */
struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

struct dial {
    uv_loop_t loop;
    SSL_CTX *context;
    const struct protocol *protocol;
    struct sockaddr_in to;
    struct identity *identities;
    int identities_count;
    struct client *clients; /* one for each identity in use */
    /* Called by the clients. */
    void (*welcomed)(struct client *client);
    void (*failed)(struct client *client, const char *why);
    int64_t *answers_us; /* how long each ping took */
    size_t answers, answers_max, pings;
};

/* Connect; `welcomed` or `failed` follows on the loop, or `failed` at once. */
void client_call(struct client *client);

/* Close with no more than TLS requires; may be called in any state. */
void client_hang_up(struct client *client);

/* For protocols: send plain bytes; the server accepted us; it answered a ping. */
bool client_send(struct client *client, const void *bytes, size_t size);
void client_welcomed(struct client *client);
void client_answered(struct client *client);

#endif
