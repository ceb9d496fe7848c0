/* rdp_responder.c - a thread that answers X.224 and TLS on the ports of all desktops. */
#include "lean/rdp_responder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "berth/issuer.h"
#include "berth/tls.h"

#define LIMIT_MS 20000
#define BACKLOG 4096
#define CERTIFICATE_DAYS 30
#define TPKT_HEADER 4 /* version, reserved, length of the packet in two bytes */

struct listener {
    struct rdp_responder *responder;
    int descriptor;
    uv_poll_t poll;
};

struct rdp_responder {
    struct berth_loop loop;
    uv_thread_t thread;
    SSL_CTX *context;
    struct listener *listeners;
    size_t count;
    struct list calls; /* struct call */
    bool closing;
    struct loop_mail stop;
};

/* One client: first a poll handle for X.224, then a TLS peer. */
struct call {
    struct list node;
    struct rdp_responder *responder;
    int descriptor; /* -1: owned by the TLS peer */
    uv_poll_t poll;
    unsigned char request[64];
    size_t have;
    bool confirmed;
    struct tls_peer tls;
};

/* [MS-RDPBCGR] 2.2.1.2: confirm, TLS chosen. */
static const unsigned char confirm[] = { 3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34,
                                         0, 2, 0, 8,  0,  1,    0, 0, 0 };

static void call_free(struct call *call)
{
    if (call->descriptor >= 0)
        (void)close(call->descriptor);
    list_remove(&call->node);
    free(call);
}

/* ---- TLS ---- */

static bool on_open(struct tls_peer *tls)
{
    (void)tls;
    return true;
}

static int on_bytes(struct tls_peer *tls, const void *bytes, size_t size)
{
    (void)tls;
    (void)bytes;
    (void)size;
    return 0; /* further data of the client is not answered */
}

static void on_closed(struct tls_peer *tls, const struct berth_error *why)
{
    (void)why;
    call_free(container_of(tls, struct call, tls));
}

static const struct tls_events events = { .open = on_open, .bytes = on_bytes, .closed = on_closed };

/* ---- X.224 ---- */

static void poll_closed(uv_handle_t *handle)
{
    struct call *call = container_of((uv_poll_t *)(void *)handle, struct call, poll);
    int descriptor = call->descriptor;
    struct berth_error error = { 0 };

    if (!call->confirmed || call->responder->closing) {
        call_free(call);
        return;
    }
    call->descriptor = -1;
    if (tls_accept(&call->responder->loop, call->responder->context, descriptor, LIMIT_MS, &events,
                   &call->tls, &error) < 0)
        call_free(call);
}

/* Is the packet complete? It may come in pieces. */
static bool is_whole(const struct call *call)
{
    size_t length = call->have < TPKT_HEADER
                        ? TPKT_HEADER
                        : (size_t)call->request[2] << 8 | (size_t)call->request[3];

    return call->have >= length && call->have > TPKT_HEADER;
}

static bool is_request(const struct call *call)
{
    return call->have >= 11 && call->request[0] == 3 && call->request[5] == 0xe0;
}

static void first_words(uv_poll_t *poll, int status, int events_)
{
    struct call *call = container_of(poll, struct call, poll);
    ssize_t got = recv(call->descriptor, call->request + call->have,
                       sizeof(call->request) - call->have, MSG_DONTWAIT);

    (void)events_;
    if (status == 0 && got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (status == 0 && got > 0) {
        call->have += (size_t)got;
        if (!is_whole(call) && call->have < sizeof(call->request))
            return;
        call->confirmed = is_request(call) && send(call->descriptor, confirm, sizeof(confirm),
                                                   MSG_NOSIGNAL) == (ssize_t)sizeof(confirm);
    }
    (void)uv_poll_stop(poll);
    uv_close((uv_handle_t *)poll, poll_closed);
}

static void accept_clients(uv_poll_t *poll, int status, int events_)
{
    struct listener *listener = container_of(poll, struct listener, poll);
    struct rdp_responder *responder = listener->responder;

    (void)status;
    (void)events_;
    for (;;) {
        int descriptor = accept4(listener->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct call *call;

        if (descriptor < 0)
            return;
        call = berth_new(struct call);
        call->responder = responder;
        call->descriptor = descriptor;
        list_append(&responder->calls, &call->node);
        (void)uv_poll_init(&responder->loop.uv, &call->poll, descriptor);
        (void)uv_poll_start(&call->poll, UV_READABLE, first_words);
    }
}

/* ---- start and stop ---- */

static int make_context(struct rdp_responder *responder, struct berth_error *reterr)
{
    const unsigned char serial[ISSUER_SERIAL] = { 1 };
    char *certificate = NULL;
    char *key = NULL;
    int r;

    r = issuer_make("desktop", clock_wall_ms(), CERTIFICATE_DAYS, serial, &key, &certificate,
                    reterr);
    if (r < 0)
        return r;
    responder->context = tls_context(
        &(struct tls_setup){ .side = TLS_SERVER, .certificate = certificate, .key = key }, reterr);
    berth_wipe_free(key, strlen(key));
    free(certificate);
    return responder->context ? 0 : BERTH_E_CERTIFICATE;
}

static int listen_at(struct rdp_responder *responder, const char *address, int port,
                     struct berth_error *reterr)
{
    struct listener *listener = &responder->listeners[responder->count];
    struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int yes = 1;

    if (descriptor < 0 || inet_pton(AF_INET, address, &place.sin_addr) != 1 ||
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        bind(descriptor, (struct sockaddr *)&place, sizeof(place)) < 0 ||
        listen(descriptor, BACKLOG) < 0) {
        int r =
            berth_fail(reterr, BERTH_E_IO, "port %d for the desktops: %s", port, strerror(errno));

        if (descriptor >= 0)
            (void)close(descriptor);
        return r;
    }
    listener->responder = responder;
    listener->descriptor = descriptor;
    responder->count++;
    (void)uv_poll_init(&responder->loop.uv, &listener->poll, descriptor);
    (void)uv_poll_start(&listener->poll, UV_READABLE, accept_clients);
    return 0;
}

static void run(void *context)
{
    struct rdp_responder *responder = context;

    loop_run(&responder->loop);
}

static void close_all(struct rdp_responder *responder)
{
    responder->closing = true;
    for (size_t i = 0; i < responder->count; i++)
        uv_close((uv_handle_t *)&responder->listeners[i].poll, NULL);
    list_each (&responder->calls, node) {
        struct call *call = list_entry(node, struct call, node);

        if (call->descriptor >= 0 && !uv_is_closing((uv_handle_t *)&call->poll))
            uv_close((uv_handle_t *)&call->poll, poll_closed);
        else if (call->descriptor < 0)
            tls_close(&call->tls, BERTH_E_CLOSING, "the desktops end");
    }
}

static void free_all(struct rdp_responder *responder)
{
    loop_close(&responder->loop);
    SSL_CTX_free(responder->context);
    for (size_t i = 0; i < responder->count; i++)
        (void)close(responder->listeners[i].descriptor);
    free(responder->listeners);
    free(responder);
}

int rdp_responder_start(const char *address, int port, int count, struct rdp_responder **ret,
                        struct berth_error *reterr)
{
    struct rdp_responder *responder = berth_new(struct rdp_responder);
    int r = loop_init(&responder->loop, reterr);

    if (r < 0) {
        free(responder);
        return r;
    }
    list_init(&responder->calls);
    responder->loop.slow_limit_ms = 0;
    responder->listeners = berth_new_array(struct listener, (size_t)count);
    r = make_context(responder, reterr);
    for (int i = 0; r == 0 && i < count; i++)
        r = listen_at(responder, address, port + i, reterr);
    if (r == 0 && uv_thread_create(&responder->thread, run, responder) < 0)
        r = berth_fail(reterr, BERTH_E_IO, "no thread for the desktops");
    if (r < 0) {
        close_all(responder);
        free_all(responder);
        return r;
    }
    *ret = responder;
    return 0;
}

static void run_stop(struct loop_mail *mail)
{
    struct rdp_responder *responder = container_of(mail, struct rdp_responder, stop);

    close_all(responder);
    loop_stop(&responder->loop);
}

void rdp_responder_stop(struct rdp_responder *responder)
{
    responder->stop.run = run_stop;
    loop_post(&responder->loop, &responder->stop);
    (void)uv_thread_join(&responder->thread);
    free_all(responder);
}
