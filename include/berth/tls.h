/* tls.h - TLS 1.3 on a libuv stream, lean while idle.
 *
 * Room shared (the one with <openssl/...>), used by both ends of the link and by the people's door. One struct tls_peer is
 * a connection: plain bytes out through tls_write, in through its callbacks. A custom BIO reads from the loop's shared
 * 64 KiB buffer and writes to uv_try_write; what the kernel does not take is queued up to a cap, beyond which the peer is
 * dropped as a slow reader. No buffers are held while idle (SSL_MODE_RELEASE_BUFFERS).
 */
#ifndef BERTH_TLS_H
#define BERTH_TLS_H

#include <openssl/ssl.h>

#include "berth/loop.h"

struct tls_peer;

enum tls_side { TLS_SERVER, TLS_CLIENT };

/* A context: one per listener or per client. Files are PEM. alpn: the only protocol offered and accepted, NULL: none. */
struct tls_setup {
    enum tls_side side;
    const char *certificate; /* own chain as PEM text, NULL = none (a joining terminal) */
    const char *key;         /* own key as PEM text; the caller wipes it */
    const char *authority;   /* CA as PEM text that peers must be issued by, NULL: not asked for (people's door, join door) */
    const char *authority_hash; /* client, join: SHA-256 of the CA certificate's DER as hex, to pin it; NULL = none */
    const char *alpn;           /* "berth/1", "berth-join/1", "http/1.1" */
};
SSL_CTX *tls_context(const struct tls_setup *setup, struct berth_error *reterr) berth_must_check;

struct tls_events {
    /* The handshake is done; false: refuse (closes). */
    bool (*open)(struct tls_peer *peer);
    /* Plain bytes; negative: close with the peer's error. Valid during the call. */
    int (*bytes)(struct tls_peer *peer, const void *bytes, size_t size);
    /* Last call, once; the peer may be freed by tls_peer_free in it or later. */
    void (*closed)(struct tls_peer *peer, const struct berth_error *why);
};

struct tls_peer {
    struct list node; /* for the owner */
    void *owner;
    uv_tcp_t tcp;
    SSL *ssl;
    const struct tls_events *events;
    struct berth_loop *loop;
    struct berth_timer handshake_limit;
    bool open, closing;
    char address[64]; /* of the other end, without port */
    size_t queued;    /* bytes the kernel has not taken */
    struct list out;
    struct berth_error error;
    const char *in; /* used inside the custom BIO only */
    size_t in_size;
    bool connecting;
    void *internal;
};

/* Accept a descriptor (owned from now on) or connect to a numeric address. limit_ms: for the handshake. The peer is
 * zeroed memory of the caller's, typically embedded in a larger struct.
 */
int tls_accept(struct berth_loop *loop, SSL_CTX *context, int descriptor, int64_t limit_ms,
               const struct tls_events *events, struct tls_peer *peer, struct berth_error *reterr) berth_must_check;
int tls_connect(struct berth_loop *loop, SSL_CTX *context, const char *address, int port, int64_t limit_ms,
                const struct tls_events *events, struct tls_peer *peer, struct berth_error *reterr) berth_must_check;

/* Send plain bytes. Fails with BUSY (and closes) when more than TLS_QUEUE_MAX would wait. */
#define TLS_QUEUE_MAX (256 * 1024)
int tls_write(struct tls_peer *peer, const void *bytes, size_t size);

/* Begin to close; `closed` follows on the loop, never from inside. */
void tls_close(struct tls_peer *peer, int code, const char *format, ...) berth_printf(3, 4);

/* Of the other end after the handshake: SHA-256 of its SubjectPublicKeyInfo as hex; the DER of its certificate's hash. false: it
 * showed none.
 */
bool tls_peer_key(struct tls_peer *peer, char key_hash[72]);
bool tls_peer_certificate(struct tls_peer *peer, char certificate_hash[72]);

/* Make a P-256 key (PEM, PKCS#8) and a request for it; both texts to be wiped and freed by berth_wipe_free / free. */
int tls_make_key(char **ret_key, struct berth_error *reterr) berth_must_check;
int tls_make_request(const char *key, const char *common_name, char **ret_request, struct berth_error *reterr) berth_must_check;
/* ECDSA-SHA256 of the request's DER by `key`, as hex: old-key evidence. */
int tls_sign_request(const char *key, const char *request, char **ret_hex, struct berth_error *reterr) berth_must_check;
/* Hash of a PEM certificate's DER / of its public key, and its end (wall clock ms). */
int tls_certificate_facts(const char *pem, char hash[72], char key_hash[72], int64_t *ret_not_after_ms,
                          struct berth_error *reterr) berth_must_check;

void tls_sha256_hex(const void *data, size_t size, char hex[72]);

#endif
