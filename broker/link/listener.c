/* listener.c - listening sockets. */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Connections accepted in one turn: the rest waits in the backlog, so that other work is not
 * delayed. */
#define ACCEPT_BATCH 32

/* The kernel limits it to net.core.somaxconn. */
#define BACKLOG 4096

#define RETRY_DELAY_MS 100

static int parse_port(const char *text, int *ret)
{
    char *end;
    long port = strtol(text, &end, 10);

    if (!*text || *end || port < 0 || port > 65535)
        return -1;
    *ret = (int)port;
    return 0;
}

int listen_address(const char *text, struct sockaddr_storage *ret, struct berth_error *reterr)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : 0;
    char address[64];
    int port = 0;

    memset(ret, 0, sizeof(*ret));
    if (colon && length < sizeof(address) && parse_port(colon + 1, &port) == 0) {
        bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';

        (void)snprintf(address, sizeof(address), "%.*s", (int)(bracketed ? length - 2 : length),
                       text + (bracketed ? 1 : 0));
        if (bracketed && uv_ip6_addr(address, port, (struct sockaddr_in6 *)ret) == 0)
            return 0;
        if (!bracketed && uv_ip4_addr(address, port, (struct sockaddr_in *)ret) == 0)
            return 0;
    }
    return berth_fail(reterr, BERTH_E_CONFIG,
                      "'%.64s' is not an address to listen on; expected ADDRESS:PORT, such as "
                      "0.0.0.0:7443 or [::]:7443",
                      text);
}

int listen_port(const struct sockaddr_storage *at)
{
    struct sockaddr_in v4;

    memcpy(&v4, at, sizeof(v4)); /* the port is at the same offset for both families */
    return ntohs(v4.sin_port);
}

static socklen_t size_of(const struct sockaddr_storage *at)
{
    return at->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static int new_socket(const struct sockaddr_storage *at)
{
    return socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static bool bind_and_listen(int descriptor, struct sockaddr_storage *at, bool share)
{
    socklen_t size = size_of(at);
    int on = 1;

    return setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
           (!share || setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
           bind(descriptor, (struct sockaddr *)at, size) == 0 && listen(descriptor, BACKLOG) == 0 &&
           getsockname(descriptor, (struct sockaddr *)at, &size) == 0;
}

/* Can the address be bound exclusively? With SO_REUSEPORT any process of the same user may share a
 * port: a second broker, started by mistake, would silently get half of the terminals.
 */
static bool is_free(struct sockaddr_storage at)
{
    int descriptor = new_socket(&at);
    bool bound = descriptor >= 0 && bind_and_listen(descriptor, &at, false);
    int fault = errno;

    if (descriptor >= 0)
        (void)close(descriptor);
    errno = fault;
    return bound;
}

int listen_open(struct sockaddr_storage *at, bool first, int *ret, struct berth_error *reterr)
{
    int descriptor = first && !is_free(*at) ? -1 : new_socket(at);

    if (descriptor < 0 || !bind_and_listen(descriptor, at, true)) {
        int fault = errno;
        char address[64] = "";

        (void)uv_ip_name((struct sockaddr *)at, address, sizeof(address));
        if (descriptor >= 0)
            (void)close(descriptor);
        return berth_fail(reterr, BERTH_E_IO, "cannot listen on %s port %d: %s", address,
                          listen_port(at), strerror(fault));
    }
    *ret = descriptor;
    return 0;
}

static void polled(uv_poll_t *poll, int status, int events);

static void retry_accept(struct berth_timer *timer)
{
    struct listener *listener = container_of(timer, struct listener, retry_delay);

    (void)uv_poll_start(&listener->poll, UV_READABLE, polled);
}

/* False: stop accepting in this turn. */
static bool accept_one(struct listener *listener)
{
    struct sockaddr_storage from = { 0 };
    socklen_t size = sizeof(from);
    int descriptor = accept4(listener->descriptor, (struct sockaddr *)&from, &size,
                             SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (descriptor >= 0) {
        listener->starved = false;
        listener->accepted(listener, descriptor, &from);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        if (!listener->starved)
            listener->out_of_descriptors(listener);
        listener->starved = true;
        /* The listener stays readable and would wake the loop without end: pause it. Admission
         * should have refused earlier. */
        (void)uv_poll_stop(&listener->poll);
        timer_start(&listener->loop->timers, &listener->retry_delay, RETRY_DELAY_MS, retry_accept);
        return false;
    }
    /* ECONNABORTED and network errors concern only that connection (accept(2)). */
    return errno != EAGAIN;
}

static void polled(uv_poll_t *poll, berth_unused int status, berth_unused int events)
{
    struct listener *listener = container_of(poll, struct listener, poll);

    for (int i = 0; i < ACCEPT_BATCH; i++)
        if (!accept_one(listener))
            return;
}

int listener_start(struct berth_loop *loop, struct listener *listener, int descriptor,
                   struct berth_error *reterr)
{
    int r;

    listener->loop = loop;
    listener->descriptor = descriptor;
    r = uv_poll_init(&loop->uv, &listener->poll, descriptor);
    if (r == 0) {
        listener->active = true;
        r = uv_poll_start(&listener->poll, UV_READABLE, polled);
    }
    if (r < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot listen: %s", uv_strerror(r));
    return 0;
}

static void handle_closed(uv_handle_t *handle)
{
    struct listener *listener = container_of((uv_poll_t *)(void *)handle, struct listener, poll);

    (void)close(listener->descriptor);
    listener->descriptor = -1;
    listener->active = false;
    listener->closed(listener);
}

void listener_close(struct listener *listener)
{
    if (!listener->active) {
        if (listener->descriptor >= 0)
            (void)close(listener->descriptor);
        listener->descriptor = -1;
        listener->closed(listener);
        return;
    }
    timer_stop(&listener->loop->timers, &listener->retry_delay);
    uv_close((uv_handle_t *)&listener->poll, handle_closed);
}
