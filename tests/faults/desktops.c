/* desktops.c - berth-desktops: answers RDP on the ports of the test driver's machines.
 *
 * usage: berth-desktops FIRST-PORT COUNT
 *
 * The machines of libvirt's test driver have no guest; the broker probes each before it assigns it.
 * This program answers: X.224 confirm ([MS-RDPBCGR] 2.2.1.2), then TLS with a certificate of its
 * own, then it closes. One process for all machines, on 127.0.0.1; it ends when its standard input
 * ends.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "berth/issuer.h"
#include "berth/tls.h"

#define PORTS_MAX 4096
#define REQUEST_BYTES 19
#define HANDSHAKE_MS 10000

static struct {
    struct berth_loop loop;
    SSL_CTX *context;
    uv_pipe_t input;
    char scrap[256];
} us;

/* A client: first X.224 on the bare socket, then TLS on it. */
struct visitor {
    struct tls_peer tls;
    uv_poll_t poll;
    int descriptor;
    char request[REQUEST_BYTES];
    size_t have;
    bool confirmed;
};

static bool welcome(struct tls_peer *tls)
{
    (void)tls;
    return true;
}

static int ignore(struct tls_peer *tls, const void *bytes, size_t size)
{
    (void)tls;
    (void)bytes;
    (void)size;
    return 0;
}

static void gone(struct tls_peer *tls, const struct berth_error *why)
{
    (void)why;
    free(container_of(tls, struct visitor, tls));
}

static const struct tls_events events = { .open = welcome, .bytes = ignore, .closed = gone };

/* Its poll handle is closed: from here on TLS owns the socket, or it is closed. */
static void released(uv_handle_t *handle)
{
    struct visitor *visitor = container_of((uv_poll_t *)(void *)handle, struct visitor, poll);

    if (!visitor->confirmed) {
        (void)close(visitor->descriptor);
        free(visitor);
        return;
    }
    if (tls_accept(&us.loop, us.context, visitor->descriptor, HANDSHAKE_MS, &events, &visitor->tls,
                   NULL) < 0)
        free(visitor);
}

static void asked(uv_poll_t *poll, int status, int ready)
{
    static const unsigned char confirm[] = { 3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34,
                                             0, 2, 0, 8,  0,  1,    0, 0, 0 };
    struct visitor *visitor = container_of(poll, struct visitor, poll);
    ssize_t got = recv(visitor->descriptor, visitor->request + visitor->have,
                       REQUEST_BYTES - visitor->have, 0);

    (void)ready;
    if (status == 0 && got > 0) {
        visitor->have += (size_t)got;
        if (visitor->have < REQUEST_BYTES)
            return;
        visitor->confirmed = send(visitor->descriptor, confirm, sizeof(confirm), MSG_NOSIGNAL) ==
                             (ssize_t)sizeof(confirm);
    }
    uv_close((uv_handle_t *)poll, released);
}

static void came(uv_stream_t *listener, int status)
{
    struct visitor *visitor;
    uv_os_fd_t at;
    int descriptor;

    if (status < 0 || uv_fileno((uv_handle_t *)listener, &at) < 0)
        return;
    /* libuv has accepted it already, for a stream; we want the bare descriptor. */
    uv_tcp_t *stream = berth_new(uv_tcp_t);
    if (uv_tcp_init(&us.loop.uv, stream) < 0 || uv_accept(listener, (uv_stream_t *)stream) < 0 ||
        uv_fileno((uv_handle_t *)stream, &at) < 0) {
        free(stream);
        return;
    }
    descriptor = dup(at);
    uv_close((uv_handle_t *)stream, (uv_close_cb)free);
    visitor = berth_new(struct visitor);
    visitor->descriptor = descriptor;
    if (descriptor < 0 || uv_poll_init(&us.loop.uv, &visitor->poll, descriptor) < 0) {
        free(visitor);
        return;
    }
    (void)uv_poll_start(&visitor->poll, UV_READABLE, asked);
}

static int listen_on(int port)
{
    uv_tcp_t *listener = berth_new(uv_tcp_t);
    struct sockaddr_in at;
    int r = uv_ip4_addr("127.0.0.1", port, &at);

    if (r == 0)
        r = uv_tcp_init(&us.loop.uv, listener);
    if (r == 0)
        r = uv_tcp_bind(listener, (struct sockaddr *)&at, 0);
    if (r == 0)
        r = uv_listen((uv_stream_t *)listener, 64, came);
    if (r < 0)
        (void)fprintf(stderr, "berth-desktops: port %d: %s\n", port, uv_strerror(r));
    return r;
}

static void make_context(void)
{
    static const unsigned char serial[ISSUER_SERIAL] = { 7 };
    struct tls_setup setup = { .side = TLS_SERVER };
    struct berth_error error = { 0 };
    char *key = NULL;
    char *certificate = NULL;

    if (issuer_make("desktop", clock_wall_ms(), 1, serial, &key, &certificate, &error) == 0) {
        setup.certificate = certificate;
        setup.key = key;
        us.context = tls_context(&setup, &error);
    }
    if (!us.context) {
        (void)fprintf(stderr, "berth-desktops: no certificate: %s\n", error.text);
        exit(1);
    }
    berth_wipe_free(key, strlen(key));
    free(certificate);
}

static void give_scrap(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    (void)handle;
    (void)wanted;
    *ret = uv_buf_init(us.scrap, sizeof(us.scrap));
}

static void heard(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    (void)stream;
    (void)buffer;
    if (size < 0)
        loop_stop(&us.loop);
}

int main(int argc, char **argv)
{
    long first = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

    if (first < 1 || count < 1 || count > PORTS_MAX || first + count > 65536) {
        (void)fprintf(stderr, "usage: berth-desktops FIRST-PORT COUNT\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (loop_init(&us.loop, NULL) < 0)
        return 1;
    us.loop.slow_limit_ms = 0;
    make_context();
    for (long i = 0; i < count; i++)
        if (listen_on((int)(first + i)) < 0)
            return 1;
    if (uv_pipe_init(&us.loop.uv, &us.input, 0) < 0 || uv_pipe_open(&us.input, 0) < 0 ||
        uv_read_start((uv_stream_t *)&us.input, give_scrap, heard) < 0) {
        (void)fprintf(stderr, "berth-desktops: standard input is no pipe\n");
        return 2;
    }
    (void)puts("ready");
    (void)fflush(stdout);
    loop_run(&us.loop);
    return 0;
}
