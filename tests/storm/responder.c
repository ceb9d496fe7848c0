/* responder.c - a thread that answers X.224 and TLS on the addresses of all desktops. */
#include "responder.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "berth/issuer.h"
#include "berth/tls.h"

#define LIMIT_MS 20000
#define BACKLOG 4096

struct responder {
    struct berth_loop loop;
    uv_thread_t thread;
    SSL_CTX *context;
    int descriptor;
    uv_poll_t listener;
    struct list calls; /* struct call */
    bool closing;
    atomic_int_fast64_t answered;
    struct loop_mail stop;
};

/* One client: first a poll handle for X.224, then a TLS peer. */
struct call {
    struct list node;
    struct responder *responder;
    int descriptor; /* -1: owned by the TLS peer */
    uv_poll_t poll;
    bool welcome; /* X.224 was valid */
    struct tls_peer tls;
};

/* [MS-RDPBCGR] 2.2.1.2: confirm, TLS chosen. */
static const unsigned char confirm[] = { 3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0,
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
    struct call *call = container_of(tls, struct call, tls);

    atomic_fetch_add(&call->responder->answered, 1);
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

    if (!call->welcome || call->responder->closing) {
        call_free(call);
        return;
    }
    call->descriptor = -1;
    if (tls_accept(&call->responder->loop, call->responder->context, descriptor, LIMIT_MS, &events,
                   &call->tls, &error) < 0)
        call_free(call);
}

static void first_words(uv_poll_t *poll, int status, int events_)
{
    struct call *call = container_of(poll, struct call, poll);
    unsigned char words[64];
    ssize_t got = recv(call->descriptor, words, sizeof(words), MSG_DONTWAIT);

    (void)events_;
    if (status == 0 && got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    call->welcome =
        status == 0 && got >= 11 && words[0] == 3 && words[5] == 0xe0 &&
        send(call->descriptor, confirm, sizeof(confirm), MSG_NOSIGNAL) == (ssize_t)sizeof(confirm);
    (void)uv_poll_stop(poll);
    uv_close((uv_handle_t *)poll, poll_closed);
}

static void accept_clients(uv_poll_t *poll, int status, int events_)
{
    struct responder *responder = container_of(poll, struct responder, listener);

    (void)status;
    (void)events_;
    for (;;) {
        int descriptor = accept4(responder->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
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

static int make_context(struct responder *responder, struct berth_error *reterr)
{
    const unsigned char serial[ISSUER_SERIAL] = { 1 };
    char *certificate = NULL;
    char *key = NULL;
    int r;

    r = issuer_make("storm desktop", clock_wall_ms(), 30, serial, &key, &certificate, reterr);
    if (r < 0)
        return r;
    responder->context = tls_context(
        &(struct tls_setup){ .side = TLS_SERVER, .certificate = certificate, .key = key }, reterr);
    berth_wipe_free(key, strlen(key));
    free(certificate);
    return responder->context ? 0 : BERTH_E_CERTIFICATE;
}

static int open_listener(struct responder *responder, int port, struct berth_error *reterr)
{
    struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int yes = 1;

    responder->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (responder->descriptor < 0 ||
        setsockopt(responder->descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        bind(responder->descriptor, (struct sockaddr *)&place, sizeof(place)) < 0 ||
        listen(responder->descriptor, BACKLOG) < 0)
        return berth_fail(reterr, BERTH_E_IO, "port %d for the desktops: %s", port,
                          strerror(errno));
    return 0;
}

static void run(void *context)
{
    struct responder *responder = context;

    loop_run(&responder->loop);
}

int responder_start(int port, struct responder **ret, struct berth_error *reterr)
{
    struct responder *responder = berth_new(struct responder);
    int r;

    list_init(&responder->calls);
    responder->descriptor = -1;
    *ret = responder;
    r = loop_init(&responder->loop, reterr);
    if (r == 0)
        r = make_context(responder, reterr);
    if (r == 0)
        r = open_listener(responder, port, reterr);
    if (r < 0)
        return r;
    responder->loop.slow_limit_ms = 0;
    (void)uv_poll_init(&responder->loop.uv, &responder->listener, responder->descriptor);
    (void)uv_poll_start(&responder->listener, UV_READABLE, accept_clients);
    r = uv_thread_create(&responder->thread, run, responder);
    return r < 0 ? berth_fail(reterr, BERTH_E_IO, "no thread: %s", uv_strerror(r)) : 0;
}

static void run_stop(struct loop_mail *mail)
{
    struct responder *responder = container_of(mail, struct responder, stop);

    responder->closing = true;
    uv_close((uv_handle_t *)&responder->listener, NULL);
    list_each (&responder->calls, node) {
        struct call *call = list_entry(node, struct call, node);

        if (call->descriptor >= 0 && !uv_is_closing((uv_handle_t *)&call->poll))
            uv_close((uv_handle_t *)&call->poll, poll_closed);
        else if (call->descriptor < 0)
            tls_close(&call->tls, BERTH_E_CLOSING, "the storm is over");
    }
    loop_stop(&responder->loop);
}

void responder_stop(struct responder *responder)
{
    responder->stop.run = run_stop;
    loop_post(&responder->loop, &responder->stop);
    (void)uv_thread_join(&responder->thread);
    loop_close(&responder->loop);
    SSL_CTX_free(responder->context);
    (void)close(responder->descriptor);
    free(responder);
}

int64_t responder_answered(const struct responder *responder)
{
    return atomic_load(&responder->answered);
}
