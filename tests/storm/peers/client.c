/* client.c - one TLS connection of the load. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dial.h"
#include "watch.h"

/* Connections per source address: servers limit one source, and ports run out. */
#define CLIENTS_A_SOURCE 4

static void step(struct client *client);

static void poll_closed(uv_handle_t *handle)
{
    ((struct client *)handle->data)->polled = false;
}

void client_hang_up(struct client *client)
{
    if (client->state == CLIENT_IDLE)
        return;
    client->state = CLIENT_IDLE;
    (void)uv_poll_stop(&client->poll);
    uv_close((uv_handle_t *)&client->poll, poll_closed);
    if (client->ssl) {
        ERR_clear_error();
        (void)SSL_shutdown(client->ssl);
        ERR_clear_error();
    }
    SSL_free(client->ssl);
    client->ssl = NULL;
    (void)close(client->descriptor);
    client->descriptor = -1;
    frame_reader_free(&client->reader);
    client->waits = false;
}

static void fail(struct client *client, const char *why)
{
    client->dial->failed(client, why);
}

static void fail_tls(struct client *client, const char *what)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    char text[160];

    (void)snprintf(text, sizeof(text), "%s: %s", what, reason ? reason : "the connection broke");
    ERR_clear_error();
    fail(client, text);
}

/* 127.1.0.1 and on. */
static struct in_addr source_of(int number)
{
    int host = number / CLIENTS_A_SOURCE;
    struct in_addr address = { .s_addr = htonl(0x7f010000U +
                                               (uint32_t)(host / 250 * 256 + host % 250 + 1)) };

    return address;
}

static int open_socket(struct client *client)
{
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr = source_of(client->number) };
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (descriptor < 0)
        return -1;
    (void)setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    (void)setsockopt(descriptor, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
    if (bind(descriptor, (struct sockaddr *)&from, sizeof(from)) < 0 ||
        (connect(descriptor, (const struct sockaddr *)&client->dial->to, sizeof(client->dial->to)) <
             0 &&
         errno != EINPROGRESS)) {
        int fault = errno;

        (void)close(descriptor);
        errno = fault;
        return -1;
    }
    return descriptor;
}

static void polled(uv_poll_t *poll, int status, int events)
{
    struct client *client = poll->data;

    (void)events;
    if (status < 0)
        fail(client, uv_strerror(status));
    else
        step(client);
}

static void watch(struct client *client, int events)
{
    (void)uv_poll_start(&client->poll, events, polled);
}

static bool make_ssl(struct client *client)
{
    struct identity *identity =
        &client->dial->identities[client->number % client->dial->identities_count];

    client->ssl = SSL_new(client->dial->context);
    if (!client->ssl || SSL_use_certificate(client->ssl, identity->certificate) != 1 ||
        SSL_use_PrivateKey(client->ssl, identity->key) != 1 ||
        SSL_set_fd(client->ssl, client->descriptor) != 1)
        return false;
    SSL_set_connect_state(client->ssl);
    return true;
}

void client_call(struct client *client)
{
    client->began_us = watch_now_us();
    client->state = CLIENT_CONNECTING;
    frame_reader_init(&client->reader, FRAME_MAX);
    client->seq = 0;
    client->descriptor = open_socket(client);
    if (client->descriptor < 0 ||
        uv_poll_init(&client->dial->loop, &client->poll, client->descriptor) < 0) {
        const char *why = strerror(errno);

        if (client->descriptor >= 0)
            (void)close(client->descriptor);
        client->state = CLIENT_IDLE;
        fail(client, why);
        return;
    }
    client->poll.data = client;
    client->polled = true;
    watch(client, UV_WRITABLE);
}

static void connected(struct client *client)
{
    int fault = 0;
    socklen_t size = sizeof(fault);

    (void)getsockopt(client->descriptor, SOL_SOCKET, SO_ERROR, &fault, &size);
    if (fault != 0) {
        fail(client, strerror(fault));
        return;
    }
    if (!make_ssl(client)) {
        fail_tls(client, "no TLS connection could be made");
        return;
    }
    client->state = CLIENT_HANDSHAKE;
    watch(client, UV_READABLE);
}

static void shake(struct client *client)
{
    int r;

    ERR_clear_error();
    r = SSL_do_handshake(client->ssl);
    if (r != 1) {
        if (SSL_get_error(client->ssl, r) != SSL_ERROR_WANT_READ)
            fail_tls(client, "handshake");
        return;
    }
    client->state = CLIENT_ASKING;
    if (!client->dial->protocol->greet(client))
        fail_tls(client, "greeting");
}

static void listen_to(struct client *client)
{
    static char plain[16384];

    while (client->state >= CLIENT_ASKING) {
        int got;

        ERR_clear_error();
        got = SSL_read(client->ssl, plain, sizeof(plain));
        if (got <= 0) {
            if (SSL_get_error(client->ssl, got) != SSL_ERROR_WANT_READ)
                fail_tls(client, client->state == CLIENT_ASKING ? "refused" : "hung up on");
            return;
        }
        if (!client->dial->protocol->hear(client, plain, (size_t)got)) {
            fail(client, "an answer that was not expected");
            return;
        }
    }
}

static void step(struct client *client)
{
    if (client->state == CLIENT_CONNECTING)
        connected(client);
    if (client->state == CLIENT_HANDSHAKE)
        shake(client);
    if (client->state >= CLIENT_ASKING)
        listen_to(client);
}

bool client_send(struct client *client, const void *bytes, size_t size)
{
    ERR_clear_error();
    return SSL_write(client->ssl, bytes, (int)size) == (int)size;
}

void client_welcomed(struct client *client)
{
    if (client->state != CLIENT_ASKING)
        return;
    client->state = CLIENT_READY;
    client->dial->welcomed(client);
}

void client_answered(struct client *client)
{
    struct dial *dial = client->dial;

    if (client->waits && dial->answers < dial->answers_max)
        dial->answers_us[dial->answers++] = watch_now_us() - client->asked_us;
    client->waits = false;
}
