/* probe.c - an attempt: connect, X.224, TLS, hash the certificate, close.
 *
 * Desktops have self-signed certificates and perhaps weak keys: nothing is verified here, only the
 * fingerprint is taken. TLS runs over memory buffers, because it begins in the middle of a
 * connection, and with versions below 1.3.
 */
#include "rdp/probe.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "berth/tls.h"

#include "rdp/probe_setup.h"
#include "rdp/x224.h"

/* A handshake takes a few kilobytes; a server that sends more fails. */
#define TLS_BYTES_MAX ((size_t)64 * 1024)

struct probe {
    struct berth_loop *loop;
    SSL_CTX *context;
    struct list attempts;
    size_t count;
};

struct attempt {
    struct list node;
    struct probe *probe; /* NULL after its completion */
    struct op *op;
    struct probe_result *ret;
    char where[80]; /* address and port, for sentences */
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct berth_timer limit;
    int64_t began_ms;
    bool answer_only;  /* stop after the confirm */
    const char *doing; /* the present phase, for the error at the limit */
    unsigned char confirm[X224_CONFIRM_MAX];
    size_t have;
    struct x224_confirm choice;
    SSL *ssl; /* NULL until the confirm was parsed */
    size_t tls_bytes;
};

/* ---- the end of an attempt ---- */

static void closed(uv_handle_t *handle)
{
    struct attempt *attempt = handle->data;

    SSL_free(attempt->ssl);
    free(attempt);
}

/* Remove it from the list and close it; the caller completes its op. */
static void close_attempt(struct attempt *attempt)
{
    timer_stop(&attempt->probe->loop->timers, &attempt->limit);
    list_remove(&attempt->node);
    attempt->probe->count--;
    attempt->probe = NULL;
    uv_close((uv_handle_t *)&attempt->tcp, closed);
}

static void finish(struct attempt *attempt, int code, struct berth_error *error)
{
    struct op *op = attempt->op;

    if (code < 0)
        (void)berth_fail_in(error, "%s", attempt->where);
    close_attempt(attempt);
    op_complete(op, code, error);
}

static void fail(struct attempt *attempt, const char *why, const char *detail)
{
    struct berth_error error = { 0 };

    (void)berth_fail(&error, BERTH_E_DESKTOP, "%s%s", why, detail);
    finish(attempt, BERTH_E_DESKTOP, &error);
}

static void limit_passed(struct berth_timer *timer)
{
    struct attempt *attempt = container_of(timer, struct attempt, limit);

    fail(attempt, "no answer in time while ", attempt->doing);
}

static void cancel(struct op *op)
{
    close_attempt(op->handle);
}

/* ---- TLS ---- */

/* A probe sends few bytes: when the socket does not take them at once, the server is not usable. */
static bool send_bytes(struct attempt *attempt, const void *bytes, size_t size)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)size);

    return uv_try_write((uv_stream_t *)&attempt->tcp, &buffer, 1) == (int)size;
}

static bool flush_tls(struct attempt *attempt)
{
    char *bytes = NULL;
    BIO *out = SSL_get_wbio(attempt->ssl);
    long size = BIO_get_mem_data(out, &bytes);
    bool sent = size <= 0 || send_bytes(attempt, bytes, (size_t)size);

    (void)BIO_reset(out);
    return sent;
}

static void succeeded(struct attempt *attempt)
{
    struct berth_error error = { 0 };

    attempt->ret->nla = attempt->choice.nla;
    attempt->ret->took_ms = attempt->probe->loop->timers.mono_ms - attempt->began_ms;
    finish(attempt, 0, &error);
}

static bool take_fingerprint(struct attempt *attempt)
{
    X509 *certificate = SSL_get1_peer_certificate(attempt->ssl);
    unsigned char *der = NULL;
    int size = certificate ? i2d_X509(certificate, &der) : -1;

    if (size > 0)
        tls_sha256_hex(der, (size_t)size, attempt->ret->fingerprint);
    OPENSSL_free(der);
    X509_free(certificate);
    return size > 0;
}

static void fingerprint_read(struct attempt *attempt)
{
    if (!take_fingerprint(attempt)) {
        fail(attempt, "it has sent no certificate", "");
        return;
    }
    /* Send close-notify, to avoid an error in the server's log; a failure does not matter. */
    (void)SSL_shutdown(attempt->ssl);
    (void)flush_tls(attempt);
    succeeded(attempt);
}

static void handshake(struct attempt *attempt)
{
    char reason[120] = "";
    int r;

    ERR_clear_error();
    r = SSL_do_handshake(attempt->ssl);
    if (!flush_tls(attempt)) {
        fail(attempt, "it does not accept data", "");
    } else if (r == 1) {
        fingerprint_read(attempt);
    } else if (SSL_get_error(attempt->ssl, r) != SSL_ERROR_WANT_READ) {
        ERR_error_string_n(ERR_peek_error(), reason, sizeof(reason));
        ERR_clear_error();
        fail(attempt, "TLS failed: ", reason);
    }
}

static void begin_tls(struct attempt *attempt)
{
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());

    attempt->ssl = SSL_new(attempt->probe->context);
    if (!attempt->ssl || !in || !out)
        berth_out_of_memory();
    SSL_set_bio(attempt->ssl, in, out);
    SSL_set_connect_state(attempt->ssl);
    attempt->doing = "agreeing on TLS";
    handshake(attempt);
}

/* ---- bytes ---- */

static void take_confirm(struct attempt *attempt, const char *bytes, size_t size)
{
    struct berth_error error = { 0 };
    size_t some = sizeof(attempt->confirm) - attempt->have;
    int r;

    some = size < some ? size : some;
    memcpy(attempt->confirm + attempt->have, bytes, some);
    attempt->have += some;
    r = x224_read(attempt->confirm, attempt->have, &attempt->choice, &error);
    if (r < 0)
        finish(attempt, r, &error);
    else if (r > 0 && (attempt->have > attempt->choice.size || some < size))
        fail(attempt, "not an RDP server: unexpected data", "");
    else if (r > 0 && attempt->answer_only)
        succeeded(attempt);
    else if (r > 0)
        begin_tls(attempt);
}

static void take_tls(struct attempt *attempt, const char *bytes, size_t size)
{
    attempt->tls_bytes += size;
    if (attempt->tls_bytes > TLS_BYTES_MAX) {
        fail(attempt, "TLS failed: too much data", "");
        return;
    }
    if (BIO_write(SSL_get_rbio(attempt->ssl), bytes, (int)size) != (int)size)
        berth_out_of_memory();
    handshake(attempt);
}

static void give_buffer(uv_handle_t *handle, berth_unused size_t wanted, uv_buf_t *buffer)
{
    const struct attempt *attempt = handle->data;

    *buffer = uv_buf_init(attempt->probe->loop->read_buffer, LOOP_READ_BUFFER);
}

static void bytes_received(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct attempt *attempt = stream->data;

    if (!attempt->probe || size == 0)
        return;
    if (size == UV_EOF)
        fail(attempt, "it closed the connection while ", attempt->doing);
    else if (size < 0)
        fail(attempt, uv_strerror((int)size), "");
    else if (!attempt->ssl)
        take_confirm(attempt, buffer->base, (size_t)size);
    else
        take_tls(attempt, buffer->base, (size_t)size);
}

static void connected(uv_connect_t *connect, int status)
{
    struct attempt *attempt = container_of(connect, struct attempt, connect);

    if (!attempt->probe)
        return; /* cancelled meanwhile */
    if (status < 0) {
        fail(attempt, uv_strerror(status), "");
        return;
    }
    attempt->doing = "waiting for the X.224 confirm";
    if (!send_bytes(attempt, x224_request, sizeof(x224_request)))
        fail(attempt, "it does not accept data", "");
    else
        (void)uv_read_start((uv_stream_t *)&attempt->tcp, give_buffer, bytes_received);
}

/* ---- the interface ---- */

struct probe *probe_new(struct berth_loop *loop)
{
    struct probe *probe = berth_new(struct probe);

    probe->loop = loop;
    list_init(&probe->attempts);
    probe->context = SSL_CTX_new(TLS_client_method());
    if (!probe->context)
        berth_out_of_memory();
    /* Accept weak keys: the viewer decides on that; here only the fingerprint is taken. */
    SSL_CTX_set_security_level(probe->context, 0);
    SSL_CTX_set_verify(probe->context, SSL_VERIFY_NONE, NULL);
    (void)SSL_CTX_set_session_cache_mode(probe->context, SSL_SESS_CACHE_OFF);
    return probe;
}

void probe_free(struct probe *probe)
{
    while (!list_empty(&probe->attempts)) {
        struct attempt *attempt = list_entry(probe->attempts.next, struct attempt, node);

        attempt->op->in_flight = false; /* so that op_cancel has no effect any more */
        close_attempt(attempt);
    }
    SSL_CTX_free(probe->context);
    free(probe);
}

static bool read_address(const char *address, int port, struct sockaddr_storage *ret)
{
    if (port < 1 || port > 65535)
        return false;
    return uv_ip4_addr(address, port, (struct sockaddr_in *)(void *)ret) == 0 ||
           uv_ip6_addr(address, port, (struct sockaddr_in6 *)(void *)ret) == 0;
}

/* The broker has no socket left. */
static bool is_own_shortage(int r)
{
    return r == UV_EMFILE || r == UV_ENFILE || r == UV_ENOBUFS || r == UV_ENOMEM ||
           r == UV_EADDRNOTAVAIL;
}

static int refuse(const struct probe *probe, const struct probe_target *target,
                  struct sockaddr_storage *ret_place, struct berth_error *reterr)
{
    size_t most = PROBE_ATTEMPTS_MAX - (target->urgent ? 0 : PROBE_ATTEMPTS_URGENT);

    if (!read_address(target->address, target->port, ret_place))
        return berth_fail(reterr, BERTH_E_INVALID, "'%s' port %d is not a numeric address",
                          target->address, target->port);
    if (probe->count >= most)
        return berth_fail(reterr, BERTH_E_BUSY, "too many probes: %zu are running", probe->count);
    return 0;
}

static struct attempt *attempt_new(struct probe *probe, const struct probe_target *target,
                                   struct probe_result *ret, struct op *op)
{
    struct attempt *attempt = berth_new(struct attempt);

    *attempt = (struct attempt){ .probe = probe, .op = op, .ret = ret, .doing = "connecting" };
    attempt->answer_only = target->answer_only;
    *ret = (struct probe_result){ 0 };
    (void)snprintf(attempt->where, sizeof(attempt->where), "%.64s port %d", target->address,
                   target->port);
    attempt->began_ms = probe->loop->timers.mono_ms;
    (void)uv_tcp_init(&probe->loop->uv, &attempt->tcp);
    attempt->tcp.data = attempt;
    list_append(&probe->attempts, &attempt->node);
    probe->count++;
    return attempt;
}

int probe_begin(struct probe *probe, const struct probe_target *target, struct probe_result *ret,
                struct op *op)
{
    struct sockaddr_storage place = { 0 };
    struct attempt *attempt;
    int r;

    op->error = (struct berth_error){ 0 };
    r = refuse(probe, target, &place, &op->error);
    if (r < 0)
        return r;
    attempt = attempt_new(probe, target, ret, op);
    r = uv_tcp_connect(&attempt->connect, &attempt->tcp, (struct sockaddr *)&place, connected);
    if (r < 0) {
        close_attempt(attempt);
        return berth_fail(&op->error, is_own_shortage(r) ? BERTH_E_BUSY : BERTH_E_DESKTOP,
                          "%s port %d: %s", target->address, target->port, uv_strerror(r));
    }
    timer_start(&probe->loop->timers, &attempt->limit, PROBE_LIMIT_MS, limit_passed);
    return op_begun(op, cancel, attempt);
}
