/* tls.c - one connection: TLS 1.3 on a libuv stream. */
#include "berth/tls.h"

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls_internal.h"

/* A peer that connects and sends nothing is dropped sooner than one that is slow. */
#define FIRST_BYTE_MS 3000

/* Idle seconds before TCP keepalive probes the other end. */
#define KEEPALIVE_S 60

/* Messages of TLS itself (key updates) that a peer may send after the handshake: each costs this
 * end more than the sender, and unauthenticated peers may send them as well.
 */
#define LATE_MESSAGES_MAX 100

/* The largest plain text of one TLS record. */
#define RECORD_MAX 16384

struct waiting_write {
    uv_write_t request;
    struct tls_peer *peer;
    size_t size;
    char bytes[];
};

static uv_once_t once = UV_ONCE_INIT;
static BIO_METHOD *bio_method;

/* ---- the custom BIO: reads the bytes that libuv just delivered, writes to the socket ---- */

static int bio_read(BIO *bio, char *out, int size)
{
    struct tls_peer *peer = BIO_get_data(bio);
    size_t take = size > 0 ? (size_t)size : 0;

    BIO_clear_retry_flags(bio);
    if (peer->in_size == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (take > peer->in_size)
        take = peer->in_size;
    memcpy(out, peer->in, take);
    peer->in += take;
    peer->in_size -= take;
    return (int)take;
}

static void write_done(uv_write_t *request, int status)
{
    struct waiting_write *waiting = container_of(request, struct waiting_write, request);
    struct tls_peer *peer = waiting->peer;

    peer->queued -= waiting->size;
    free(waiting);
    if (peer->closing)
        return;
    if (status < 0)
        tls_close(peer, BERTH_E_IO, "%s: %s", peer->address, uv_strerror(status));
    else if (peer->queued == 0 && peer->events->drained)
        peer->events->drained(peer);
}

static bool queue_rest(struct tls_peer *peer, const char *bytes, size_t size)
{
    struct waiting_write *waiting;
    uv_buf_t buffer;

    if (peer->queued + size > TLS_QUEUE_MAX) {
        peer->overflow = true;
        return false;
    }
    waiting = berth_alloc(sizeof(*waiting) + size);
    waiting->peer = peer;
    waiting->size = size;
    memcpy(waiting->bytes, bytes, size);
    buffer = uv_buf_init(waiting->bytes, (unsigned)size);
    if (uv_write(&waiting->request, (uv_stream_t *)&peer->tcp, &buffer, 1, write_done) < 0) {
        free(waiting);
        return false;
    }
    peer->queued += size;
    return true;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
    struct tls_peer *peer = BIO_get_data(bio);
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)size);
    int sent;

    BIO_clear_retry_flags(bio);
    if (size <= 0 || peer->overflow || uv_is_closing((uv_handle_t *)&peer->tcp))
        return -1;
    sent = uv_try_write((uv_stream_t *)&peer->tcp, &buffer, 1);
    if (sent < 0 && sent != UV_EAGAIN)
        return -1;
    if (sent < 0)
        sent = 0;
    if (sent < size && !queue_rest(peer, bytes + sent, (size_t)(size - sent)))
        return -1;
    return size;
}

static long bio_ctrl(berth_unused BIO *bio, int command, berth_unused long number,
                     berth_unused void *pointer)
{
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static void prepare(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "berth stream");
    if (!bio_method)
        berth_out_of_memory();
    (void)BIO_meth_set_read(bio_method, bio_read);
    (void)BIO_meth_set_write(bio_method, bio_write);
    (void)BIO_meth_set_ctrl(bio_method, bio_ctrl);
    (void)BIO_meth_set_create(bio_method, bio_create);
}

/* ---- failures ---- */

static bool is_certificate_alert(int alert)
{
    return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
           alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_CERTIFICATE_REQUIRED;
}

/* Convert the error of OpenSSL to a BERTH_E code and close. */
static void close_failed(struct tls_peer *peer)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    long verdict = SSL_get_verify_result(peer->ssl);
    const char *text = code ? ERR_reason_error_string(code) : NULL;

    peer->broken = true;
    if (peer->overflow)
        tls_close(peer, BERTH_E_BUSY, "%s reads too slowly: more than %zu bytes would wait",
                  peer->address, TLS_QUEUE_MAX);
    else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        tls_close(peer, BERTH_E_CERTIFICATE, "%s: %s", peer->address,
                  X509_verify_cert_error_string(verdict));
    else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        tls_close(peer, BERTH_E_CERTIFICATE, "%s has sent no certificate", peer->address);
    else if (reason > SSL_AD_REASON_OFFSET && is_certificate_alert(reason - SSL_AD_REASON_OFFSET))
        tls_close(peer, BERTH_E_CERTIFICATE, "%s does not accept our certificate: %s",
                  peer->address, text ? text : "alert");
    else if (code == 0)
        tls_close(peer, BERTH_E_IO, "%s: the connection broke", peer->address);
    else
        tls_close(peer, BERTH_E_PROTOCOL, "%s: TLS: %s", peer->address, text ? text : "failure");
    ERR_clear_error();
}

/* ---- a connection ---- */

static void handshake(struct tls_peer *peer)
{
    int r;

    ERR_clear_error();
    r = SSL_do_handshake(peer->ssl);
    if (r != 1) {
        if (SSL_get_error(peer->ssl, r) != SSL_ERROR_WANT_READ)
            close_failed(peer);
        return;
    }
    if (!tls_alpn_agreed(peer->ssl)) {
        tls_close(peer, BERTH_E_PROTOCOL, "%s does not offer the required protocol (ALPN)",
                  peer->address);
        return;
    }
    timer_stop(&peer->loop->timers, &peer->handshake_limit);
    peer->open = true;
    if (!peer->events->open(peer))
        tls_close(peer, BERTH_E_DENIED, "%s was refused", peer->address);
}

static void read_plain(struct tls_peer *peer)
{
    char plain[RECORD_MAX];

    while (peer->open && !peer->closing) {
        int got;
        int fault;

        ERR_clear_error();
        got = SSL_read(peer->ssl, plain, sizeof(plain));
        if (got > 0) {
            if (peer->events->bytes(peer, plain, (size_t)got) < 0)
                tls_close(peer, peer->error.code ? peer->error.code : BERTH_E_PROTOCOL,
                          "%s was hung up on", peer->address);
            continue;
        }
        fault = SSL_get_error(peer->ssl, got);
        if (peer->late_messages > LATE_MESSAGES_MAX)
            tls_close(peer, BERTH_E_PROTOCOL, "%s sends too many TLS key updates", peer->address);
        if (fault == SSL_ERROR_WANT_READ)
            break;
        if (fault == SSL_ERROR_ZERO_RETURN)
            tls_close(peer, BERTH_OK, "%s closed", peer->address);
        else
            close_failed(peer);
    }
    explicit_bzero(plain, sizeof(plain));
}

static void give_buffer(uv_handle_t *handle, berth_unused size_t suggested, uv_buf_t *ret)
{
    struct tls_peer *peer = container_of((uv_tcp_t *)(void *)handle, struct tls_peer, tcp);

    *ret = uv_buf_init(peer->loop->read_buffer, LOOP_READ_BUFFER);
}

static void too_slow(struct berth_timer *timer)
{
    struct tls_peer *peer = container_of(timer, struct tls_peer, handshake_limit);

    tls_close(peer, BERTH_E_TIMEOUT, "%s did not finish the handshake in time", peer->address);
}

static void stream_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct tls_peer *peer = container_of((uv_tcp_t *)(void *)stream, struct tls_peer, tcp);

    if (got == 0 || peer->closing)
        return;
    if (got < 0) {
        peer->broken = true;
        if (got != UV_EOF)
            tls_close(peer, BERTH_E_IO, "%s: %s", peer->address, uv_strerror((int)got));
        else if (peer->open)
            tls_close(peer, BERTH_OK, "%s left", peer->address);
        else
            tls_close(peer, BERTH_E_IO, "%s left during the handshake", peer->address);
        return;
    }

    peer->in = buffer->base;
    peer->in_size = (size_t)got;
    if (!peer->open && !peer->received)
        timer_start(&peer->loop->timers, &peer->handshake_limit, peer->limit_ms, too_slow);
    peer->received = true;
    if (!peer->open)
        handshake(peer);
    read_plain(peer);
    peer->in = NULL;
    peer->in_size = 0;
}

static int make_ssl(struct tls_peer *peer, SSL_CTX *context, bool server)
{
    BIO *bio;

    uv_once(&once, prepare);
    bio = BIO_new(bio_method);
    peer->ssl = SSL_new(context);
    if (!peer->ssl || !bio) {
        SSL_free(berth_take(peer->ssl));
        BIO_free(bio);
        return UV_ENOMEM;
    }
    BIO_set_data(bio, peer);
    SSL_set_bio(peer->ssl, bio, bio);
    (void)SSL_set_app_data(peer->ssl, peer);
    if (server)
        SSL_set_accept_state(peer->ssl);
    else
        SSL_set_connect_state(peer->ssl);
    return 0;
}

/* A socket for both families reports IPv4 peers as IPv4-mapped IPv6 addresses; entitlements by
 * network use the plain IPv4 address. */
static void note_address(struct tls_peer *peer)
{
    static const char dressed[] = "::ffff:";
    struct sockaddr_storage storage = { 0 };
    int size = sizeof(storage);
    char name[64] = "unknown";
    const char *plain = name;

    if (uv_tcp_getpeername(&peer->tcp, (struct sockaddr *)&storage, &size) == 0)
        (void)uv_ip_name((struct sockaddr *)&storage, name, sizeof(name));
    if (strncmp(name, dressed, sizeof(dressed) - 1) == 0 && strchr(name, '.'))
        plain = name + sizeof(dressed) - 1;
    copy_text(peer->address, plain);
}

static int fail_before_stream(struct tls_peer *peer, int descriptor, int fault,
                              struct berth_error *reterr)
{
    SSL_free(berth_take(peer->ssl));
    if (descriptor >= 0)
        (void)close(descriptor);
    return berth_fail(reterr, BERTH_E_IO, "cannot create a TLS connection: %s", uv_strerror(fault));
}

int tls_accept(struct berth_loop *loop, SSL_CTX *context, int descriptor, int64_t limit_ms,
               const struct tls_events *events, struct tls_peer *peer, struct berth_error *reterr)
{
    int r;

    peer->loop = loop;
    peer->events = events;
    r = make_ssl(peer, context, true);
    if (r == 0)
        r = uv_tcp_init(&loop->uv, &peer->tcp);
    if (r < 0)
        return fail_before_stream(peer, descriptor, r, reterr);

    r = uv_tcp_open(&peer->tcp, descriptor);
    if (r < 0) {
        (void)close(descriptor);
        tls_close(peer, BERTH_E_IO, "cannot take over a connection: %s", uv_strerror(r));
        return 0;
    }
    note_address(peer);
    (void)uv_tcp_nodelay(&peer->tcp, 1);
    (void)uv_tcp_keepalive(&peer->tcp, 1, KEEPALIVE_S);
    peer->limit_ms = limit_ms;
    timer_start(&loop->timers, &peer->handshake_limit,
                limit_ms < FIRST_BYTE_MS ? limit_ms : FIRST_BYTE_MS, too_slow);
    r = uv_read_start((uv_stream_t *)&peer->tcp, give_buffer, stream_read);
    if (r < 0)
        tls_close(peer, BERTH_E_IO, "%s: %s", peer->address, uv_strerror(r));
    return 0;
}

struct connecting {
    uv_connect_t request;
    struct tls_peer *peer;
};

static void connected(uv_connect_t *request, int status)
{
    struct connecting *connecting = container_of(request, struct connecting, request);
    struct tls_peer *peer = connecting->peer;

    free(connecting);
    if (peer->closing)
        return;
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&peer->tcp, give_buffer, stream_read);
    if (status < 0) {
        tls_close(peer, BERTH_E_IO, "%s: %s", peer->address, uv_strerror(status));
        return;
    }
    (void)uv_tcp_nodelay(&peer->tcp, 1);
    (void)uv_tcp_keepalive(&peer->tcp, 1, KEEPALIVE_S);
    handshake(peer);
}

static int numeric_address(const char *address, int port, struct sockaddr_storage *ret)
{
    if (uv_ip4_addr(address, port, (struct sockaddr_in *)ret) == 0)
        return 0;
    return uv_ip6_addr(address, port, (struct sockaddr_in6 *)ret);
}

/* Bind first: a terminal with several networks may be permitted to connect from one of them only.
 */
static int bind_source(struct tls_peer *peer, const char *source)
{
    struct sockaddr_storage from = { 0 };

    if (!source)
        return 0;
    if (numeric_address(source, 0, &from) < 0)
        return UV_EINVAL;
    return uv_tcp_bind(&peer->tcp, (struct sockaddr *)&from, 0);
}

int tls_connect(struct berth_loop *loop, SSL_CTX *context, const struct tls_target *target,
                const struct tls_events *events, struct tls_peer *peer, struct berth_error *reterr)
{
    struct sockaddr_storage to = { 0 };
    struct connecting *connecting;
    int r;

    peer->loop = loop;
    peer->events = events;
    copy_text(peer->address, target->address);
    if (numeric_address(target->address, target->port, &to) < 0)
        return berth_fail(reterr, BERTH_E_INVALID, "'%s' is not a numeric address",
                          target->address);

    r = make_ssl(peer, context, false);
    if (r == 0)
        r = uv_tcp_init(&loop->uv, &peer->tcp);
    if (r < 0)
        return fail_before_stream(peer, -1, r, reterr);

    peer->received = true; /* one limit for connecting and the handshake */
    timer_start(&loop->timers, &peer->handshake_limit, target->limit_ms, too_slow);
    connecting = berth_new(struct connecting);
    connecting->peer = peer;
    r = bind_source(peer, target->source);
    if (r == 0)
        r = uv_tcp_connect(&connecting->request, &peer->tcp, (struct sockaddr *)&to, connected);
    if (r < 0) {
        free(connecting);
        tls_close(peer, BERTH_E_IO, "%s: %s", target->address, uv_strerror(r));
    }
    return 0;
}

int tls_write(struct tls_peer *peer, const void *bytes, size_t size)
{
    if (!peer->open || peer->closing)
        return BERTH_E_STATE;
    if (size == 0)
        return 0;
    ERR_clear_error();
    if (size > INT32_MAX || SSL_write(peer->ssl, bytes, (int)size) <= 0) {
        close_failed(peer);
        return peer->error.code ? peer->error.code : BERTH_E_IO;
    }
    return 0;
}

void tls_pause(struct tls_peer *peer)
{
    if (!peer->closing)
        (void)uv_read_stop((uv_stream_t *)&peer->tcp);
}

void tls_resume(struct tls_peer *peer)
{
    int r;

    if (peer->closing)
        return;
    r = uv_read_start((uv_stream_t *)&peer->tcp, give_buffer, stream_read);
    if (r < 0 && r != UV_EALREADY)
        tls_close(peer, BERTH_E_IO, "%s: %s", peer->address, uv_strerror(r));
}

static void stream_closed(uv_handle_t *handle)
{
    struct tls_peer *peer = container_of((uv_tcp_t *)(void *)handle, struct tls_peer, tcp);

    SSL_free(berth_take(peer->ssl));
    peer->open = false;
    peer->events->closed(peer, &peer->error);
}

void tls_close(struct tls_peer *peer, int code, const char *format, ...)
{
    va_list arguments;
    char text[BERTH_ERROR_TEXT];

    if (peer->closing)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    /* Keep the error that the owner has set (its `bytes` callback failed). */
    if (peer->error.code == 0)
        (void)berth_fail(&peer->error, code, "%s", text);
    timer_stop(&peer->loop->timers, &peer->handshake_limit);
    if (peer->open && !peer->broken) {
        ERR_clear_error();
        (void)SSL_shutdown(peer->ssl);
        ERR_clear_error();
    }
    peer->closing = true;
    uv_close((uv_handle_t *)&peer->tcp, stream_closed);
}
