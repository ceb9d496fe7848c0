/* flood.c - berth-flood: peers that never authenticate, bounded in number and time.
 *
 * usage: berth-flood HOST PORT SECONDS SOURCES [BEHAVIOUR N]... [rate N]
 *
 *   silent     connects and sends nothing
 *   slow       sends a valid ClientHello, a byte a second
 *   garbage    sends random bytes instead of TLS
 *   anonymous  completes the handshake without a certificate
 *   foreign    completes the handshake with a certificate of another authority
 *   request    completes the handshake with the management API, then sends half an HTTP request
 *   rate       new connections a second, in all (default 1000)
 *
 * N of each are kept open at once: one that ends is replaced, at the rate. They come from SOURCES
 * addresses, 127.66.x.y (0: from the address that all other clients here have). At most 2,000
 * sockets, for SECONDS or until SIGTERM. The last line of standard output is one JSON object.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "berth/issuer.h"
#include "berth/random.h"
#include "berth/tls.h"

#define SOCKETS_MAX 2000
#define SECONDS_MAX 3600
#define TICK_MS 50

enum behaviour { SILENT, SLOW, GARBAGE, ANONYMOUS, FOREIGN, REQUEST, BEHAVIOURS };

static const char *const behaviour_names[BEHAVIOURS] = { "silent",    "slow",    "garbage",
                                                         "anonymous", "foreign", "request" };

struct peer {
    enum behaviour behaviour;
    uv_poll_t poll;
    int descriptor;
    bool alive, connected, closing, shaken;
    SSL *ssl;
    char hello[512];
    size_t hello_size, hello_sent;
};

static struct {
    uv_loop_t loop;
    uv_timer_t tick, drip, end;
    uv_signal_t told;
    struct berth_random random;
    SSL_CTX *contexts[BEHAVIOURS]; /* SLOW: for its ClientHello */
    struct sockaddr_in at;
    uint32_t sources, next_source;
    int64_t wanted[BEHAVIOURS];
    int64_t rate, seconds;
    struct peer *peers;
    size_t count, next;
    bool stopping;
    int64_t begun, failed, taken, assert_refused, shaken, peak_held;
    int64_t by_behaviour[BEHAVIOURS];
} us = { .rate = 1000 };

/* ---- one peer ---- */

static void closed(uv_handle_t *handle)
{
    struct peer *peer = container_of((uv_poll_t *)(void *)handle, struct peer, poll);

    SSL_free(berth_take(peer->ssl));
    (void)close(peer->descriptor);
    peer->alive = false;
}

static void end_one(struct peer *peer)
{
    if (peer->closing)
        return;
    peer->closing = true;
    us.assert_refused += !us.stopping;
    uv_close((uv_handle_t *)&peer->poll, closed);
}

/* Read whatever the broker sends, until it closes the connection. */
static void drain(struct peer *peer)
{
    char scrap[4096];
    ssize_t got;

    while ((got = recv(peer->descriptor, scrap, sizeof(scrap), 0)) > 0)
        ;
    if (got == 0 || (errno != EAGAIN && errno != EINTR))
        end_one(peer);
}

static void shake(struct peer *peer)
{
    static const char half[] = "POST /v1/sign-in HTTP/1.1\r\nHost: broker\r\n";
    char scrap[4096];
    int r;
    int error;

    ERR_clear_error();
    r = peer->shaken ? SSL_read(peer->ssl, scrap, sizeof(scrap)) : SSL_connect(peer->ssl);
    error = SSL_get_error(peer->ssl, r);
    if (r == 1 && !peer->shaken) {
        peer->shaken = true;
        us.shaken++;
        if (peer->behaviour == REQUEST)
            (void)SSL_write(peer->ssl, half, sizeof(half) - 1);
        shake(peer); /* in TLS 1.3 our certificate is judged after this */
        return;
    }
    if (r <= 0 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        end_one(peer);
}

static void speak(struct peer *peer)
{
    char noise[512];

    if (peer->behaviour == GARBAGE) {
        random_fill(&us.random, noise, sizeof(noise));
        (void)!send(peer->descriptor, noise, sizeof(noise), MSG_NOSIGNAL);
    } else if (peer->behaviour == ANONYMOUS || peer->behaviour == FOREIGN ||
               peer->behaviour == REQUEST) {
        peer->ssl = SSL_new(us.contexts[peer->behaviour]);
        (void)SSL_set_fd(peer->ssl, peer->descriptor);
    }
}

static void ready(uv_poll_t *poll, int status, int events)
{
    struct peer *peer = container_of(poll, struct peer, poll);

    (void)events;
    if (status < 0) {
        end_one(peer);
        return;
    }
    if (!peer->connected) {
        int fault = 0;
        socklen_t size = sizeof(fault);

        (void)getsockopt(peer->descriptor, SOL_SOCKET, SO_ERROR, &fault, &size);
        if (fault != 0) {
            end_one(peer);
            return;
        }
        peer->connected = true;
        us.taken++;
        speak(peer);
        (void)uv_poll_start(poll, UV_READABLE, ready);
    }
    if (peer->ssl)
        shake(peer);
    else
        drain(peer);
}

/* A ClientHello as OpenSSL makes it, to be sent byte by byte. */
static void make_hello(struct peer *peer)
{
    SSL *ssl = SSL_new(us.contexts[SLOW]);
    BIO *out = BIO_new(BIO_s_mem());
    int size;

    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    (void)SSL_connect(ssl);
    size = BIO_read(out, peer->hello, sizeof(peer->hello));
    peer->hello_size = size > 0 ? (size_t)size : 0;
    peer->hello_sent = 0;
    SSL_free(ssl);
}

static void begin(struct peer *peer)
{
    struct sockaddr_in from = { .sin_family = AF_INET };
    uint32_t source = us.sources ? us.next_source++ % us.sources : 0;
    int on = 1;

    us.begun++;
    us.by_behaviour[peer->behaviour]++;
    from.sin_addr.s_addr = htonl(0x7f420000u + 1 + source);
    peer->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->descriptor < 0) {
        us.failed++;
        return;
    }
    (void)setsockopt(peer->descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if ((us.sources && bind(peer->descriptor, (struct sockaddr *)&from, sizeof(from)) < 0) ||
        (connect(peer->descriptor, (struct sockaddr *)&us.at, sizeof(us.at)) < 0 &&
         errno != EINPROGRESS) ||
        uv_poll_init(&us.loop, &peer->poll, peer->descriptor) < 0) {
        us.failed++;
        (void)close(peer->descriptor);
        return;
    }
    peer->alive = true;
    peer->connected = peer->closing = peer->shaken = false;
    if (peer->behaviour == SLOW)
        make_hello(peer);
    (void)uv_poll_start(&peer->poll, UV_WRITABLE | UV_READABLE, ready);
}

/* ---- all peers ---- */

static void tick(uv_timer_t *timer)
{
    int64_t budget = us.rate * TICK_MS / 1000 + 1;
    int64_t held = 0;

    (void)timer;
    for (size_t i = 0; i < us.count; i++)
        held += us.peers[i].alive && us.peers[i].connected;
    if (held > us.peak_held)
        us.peak_held = held;
    for (size_t i = 0; i < us.count && budget > 0; i++) {
        struct peer *peer = &us.peers[us.next++ % us.count];

        if (peer->alive)
            continue;
        begin(peer);
        budget--;
    }
}

static void drip(uv_timer_t *timer)
{
    (void)timer;
    for (size_t i = 0; i < us.count; i++) {
        struct peer *peer = &us.peers[i];

        if (peer->behaviour == SLOW && peer->alive && peer->connected && !peer->closing &&
            peer->hello_sent < peer->hello_size)
            (void)!send(peer->descriptor, &peer->hello[peer->hello_sent++], 1, MSG_NOSIGNAL);
    }
}

static void end_all(void)
{
    us.stopping = true;
    uv_close((uv_handle_t *)&us.told, NULL);
    uv_close((uv_handle_t *)&us.tick, NULL);
    uv_close((uv_handle_t *)&us.drip, NULL);
    uv_close((uv_handle_t *)&us.end, NULL);
    for (size_t i = 0; i < us.count; i++)
        if (us.peers[i].alive)
            end_one(&us.peers[i]);
}

static void time_is_over(uv_timer_t *timer)
{
    (void)timer;
    end_all();
}

static void told_to_end(uv_signal_t *told, int number)
{
    (void)told;
    (void)number;
    end_all();
}

/* Plain OpenSSL contexts: those of Berth verify their peers. */
static SSL_CTX *new_context(const char *alpn)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(context, (const unsigned char *)alpn, (unsigned)strlen(alpn)) != 0)
        abort();
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    return context;
}

static void make_contexts(void)
{
    static const unsigned char serial[ISSUER_SERIAL] = { 9 };
    char *key_pem = NULL;
    char *certificate_pem = NULL;
    X509 *certificate;
    EVP_PKEY *key;
    BIO *bio;

    us.contexts[SLOW] = us.contexts[ANONYMOUS] = new_context("\x07"
                                                             "berth/1");
    us.contexts[FOREIGN] = new_context("\x07"
                                       "berth/1");
    us.contexts[REQUEST] = new_context("\x08"
                                       "http/1.1");
    if (issuer_make("a foreign authority", clock_wall_ms(), 1, serial, &key_pem, &certificate_pem,
                    NULL) < 0)
        abort();
    bio = BIO_new_mem_buf(certificate_pem, -1);
    certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bio = BIO_new_mem_buf(key_pem, -1);
    key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (SSL_CTX_use_certificate(us.contexts[FOREIGN], certificate) != 1 ||
        SSL_CTX_use_PrivateKey(us.contexts[FOREIGN], key) != 1)
        abort();
    X509_free(certificate);
    EVP_PKEY_free(key);
    berth_wipe_free(key_pem, strlen(key_pem));
    free(certificate_pem);
}

static int take_arguments(int argc, char **argv)
{
    int64_t sockets = 0;

    if (argc < 7 || argc % 2 == 0 ||
        uv_ip4_addr(argv[1], (int)strtol(argv[2], NULL, 10), &us.at) < 0)
        return -1;
    us.seconds = strtoll(argv[3], NULL, 10);
    us.sources = (uint32_t)strtoul(argv[4], NULL, 10);
    for (int i = 5; i < argc; i += 2) {
        int behaviour = 0;

        while (behaviour < BEHAVIOURS && strcmp(argv[i], behaviour_names[behaviour]) != 0)
            behaviour++;
        if (behaviour < BEHAVIOURS)
            us.wanted[behaviour] = strtoll(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "rate") == 0)
            us.rate = strtoll(argv[i + 1], NULL, 10);
        else
            return -1;
    }
    for (int behaviour = 0; behaviour < BEHAVIOURS; behaviour++)
        sockets += us.wanted[behaviour];
    us.count = (size_t)sockets;
    return us.seconds < 1 || us.seconds > SECONDS_MAX || us.sources > 65000 || sockets < 1 ||
                   sockets > SOCKETS_MAX || us.rate < 1
               ? -1
               : 0;
}

static void cast(void)
{
    size_t at = 0;

    us.peers = berth_new_array(struct peer, us.count);
    for (int behaviour = 0; behaviour < BEHAVIOURS; behaviour++)
        for (int64_t i = 0; i < us.wanted[behaviour]; i++)
            us.peers[at++].behaviour = (enum behaviour)behaviour;
}

int main(int argc, char **argv)
{
    if (take_arguments(argc, argv) < 0) {
        (void)fprintf(stderr,
                      "usage: berth-flood HOST PORT SECONDS SOURCES [BEHAVIOUR N]... [rate N]\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    random_system(&us.random);
    make_contexts();
    cast();
    if (uv_loop_init(&us.loop) < 0)
        return 1;
    (void)uv_timer_init(&us.loop, &us.tick);
    (void)uv_timer_init(&us.loop, &us.drip);
    (void)uv_timer_init(&us.loop, &us.end);
    (void)uv_timer_start(&us.tick, tick, 0, TICK_MS);
    (void)uv_timer_start(&us.drip, drip, 1000, 1000);
    (void)uv_timer_start(&us.end, time_is_over, (uint64_t)us.seconds * 1000, 0);
    (void)uv_signal_init(&us.loop, &us.told);
    (void)uv_signal_start_oneshot(&us.told, told_to_end, SIGTERM);
    (void)uv_run(&us.loop, UV_RUN_DEFAULT);
    (void)printf(
        "{\"begun\":%lld,\"failed\":%lld,\"taken\":%lld,\"assert_refused\":%lld,\"shaken\":%lld,"
        "\"peak_held\":%lld",
        (long long)us.begun, (long long)us.failed, (long long)us.taken,
        (long long)us.assert_refused, (long long)us.shaken, (long long)us.peak_held);
    for (int behaviour = 0; behaviour < BEHAVIOURS; behaviour++)
        (void)printf(",\"%s\":%lld", behaviour_names[behaviour],
                     (long long)us.by_behaviour[behaviour]);
    (void)printf("}\n");
    free(us.peers);
    return 0;
}
