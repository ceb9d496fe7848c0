/* tls.h - TLS 1.3 on a libuv stream, with little memory while idle.
 *
 * Module shared (with issuer.h and pem.h the only user of <openssl/...>), used by both ends of the
 * link and by the management API. A struct tls_peer is one connection: plain bytes are sent with tls_write
 * and received through callbacks. A custom BIO reads from the loop's shared buffer
 * (LOOP_READ_BUFFER) and writes with uv_try_write; what the kernel does not take is queued up to
 * TLS_QUEUE_MAX, beyond which the connection is closed as a slow reader. No buffers are held while
 * idle (SSL_MODE_RELEASE_BUFFERS).
 */
#ifndef BERTH_TLS_H
#define BERTH_TLS_H

#include <openssl/ssl.h>

#include "berth/loop.h"

struct tls_peer;

enum tls_side { TLS_SERVER, TLS_CLIENT };

/* Parameters of a context: one per listener or client. alpn: the only protocol offered and
 * accepted; NULL: none. */
struct tls_setup {
    enum tls_side side;
    const char *certificate; /* own chain as PEM text, NULL = none (a joining terminal) */
    const char *key;         /* own key as PEM text; the caller wipes it */
    /* CA, as PEM text, that must have issued the peer's certificate; NULL: the peer needs none
     * (API, joining) */
    const char *authority;
    /* client, join: SHA-256 of the CA certificate's DER as hex, to pin it; NULL = none */
    const char *authority_hash;
    const char *alpn; /* "berth/1", "berth-join/1", "http/1.1" */
    int64_t now_ms;   /* wall clock by which certificates are judged; 0: the system's */
    /* server: accept a peer that offers no ALPN (browsers always offer one, scripts may not) */
    bool alpn_optional;
};
SSL_CTX *tls_context(const struct tls_setup *setup, struct berth_error *reterr) berth_must_check;

struct tls_events {
    /* The handshake is done; return false to close the connection. */
    bool (*open)(struct tls_peer *peer);
    /* Plain bytes, valid during the call; return a negative value to close with peer->error. */
    int (*bytes)(struct tls_peer *peer, const void *bytes, size_t size);
    /* The queue of unsent bytes is empty. May be NULL. */
    void (*drained)(struct tls_peer *peer);
    /* Last call, once; it may free the peer. why->code is 0 when the other end closed in order. */
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
    int64_t limit_ms;
    bool received;     /* the first bytes were received */
    int late_messages; /* of TLS itself, after the handshake */
    bool open, closing;
    bool broken;      /* OpenSSL failed: no close-notify can be sent */
    bool overflow;    /* more would wait than TLS_QUEUE_MAX */
    char address[64]; /* of the other end, without port */
    size_t queued;    /* bytes that the kernel has not taken */
    struct berth_error error;
    const char *in; /* used inside the custom BIO only */
    size_t in_size;
};

/* Accept a descriptor (owned from now on, also on failure) or connect to a numeric address.
 * limit_ms: for the handshake; when accepting, the first bytes must come within 3 s. The peer is
 * zeroed memory of the caller's, typically embedded in a larger struct.
 */
int tls_accept(struct berth_loop *loop, SSL_CTX *context, int descriptor, int64_t limit_ms,
               const struct tls_events *events, struct tls_peer *peer,
               struct berth_error *reterr) berth_must_check;
struct tls_target {
    const char *address; /* numeric */
    int port;
    int64_t limit_ms;   /* for connecting and the handshake together */
    const char *source; /* numeric source address; NULL: the system chooses */
};
int tls_connect(struct berth_loop *loop, SSL_CTX *context, const struct tls_target *target,
                const struct tls_events *events, struct tls_peer *peer,
                struct berth_error *reterr) berth_must_check;

#define TLS_QUEUE_MAX ((size_t)262144)

/* Send plain bytes. Fails with BUSY (and closes) when more than TLS_QUEUE_MAX would wait. */
int tls_write(struct tls_peer *peer, const void *bytes, size_t size);

/* Stop and resume reading, for a consumer that cannot keep up. After tls_pause up to
 * LOOP_READ_BUFFER bytes that were read before are still delivered.
 */
void tls_pause(struct tls_peer *peer);
void tls_resume(struct tls_peer *peer);

/* Begin to close; `closed` is called later on the loop, never from inside. */
void tls_close(struct tls_peer *peer, int code, const char *format, ...) berth_printf(3, 4);

/* After the handshake: SHA-256, as hex, of the peer's SubjectPublicKeyInfo, or of its certificate
 * in DER. False: the peer has shown no certificate.
 */
bool tls_peer_key(struct tls_peer *peer, char key_hash[72]);
bool tls_peer_certificate(struct tls_peer *peer, char certificate_hash[72]);

/* Create a P-256 key (PEM, PKCS#8) and a certificate request for it. The caller frees the key with
 * berth_wipe_free(), the request with free(). */
int tls_make_key(char **ret_key, struct berth_error *reterr) berth_must_check;
int tls_make_request(const char *key, const char *common_name, char **ret_request,
                     struct berth_error *reterr) berth_must_check;
/* ECDSA-SHA256 of the request's DER by `key`, as hex: old-key evidence. */
int tls_sign_request(const char *key, const char *request, char **ret_hex,
                     struct berth_error *reterr) berth_must_check;
/* SHA-256, as hex, of a certificate's DER, or of a public key (SubjectPublicKeyInfo). False: OpenSSL
 * cannot encode it.
 */
bool tls_certificate_hash(X509 *certificate, char hash[72]);
bool tls_key_hash(X509_PUBKEY *key, char hash[72]);

/* Hash of a PEM certificate's DER / of its public key, and its end (wall clock ms). */
int tls_certificate_info(const char *pem, char hash[72], char key_hash[72],
                         int64_t *ret_not_after_ms, struct berth_error *reterr) berth_must_check;

/* SHA-256 of `size` bytes, as lower-case hexadecimal with NUL. */
void tls_sha256_hex(const void *data, size_t size, char hex[72]);

#endif
