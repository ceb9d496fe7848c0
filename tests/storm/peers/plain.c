/* plain.c - peers-plain: a minimal server for terminals, as the physical limit.
 *
 *     peers-plain PROVISIONED PORT
 *
 * One thread, epoll, OpenSSL on the bare socket, the options of lib/tls.c, no state: each
 * announcement and each renewal gets the same answer, as long as Berth's. It costs what the kernel,
 * OpenSSL and the frames cost; the difference to berthd is the broker's own work.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "berth/frame.h"
#include "berth/message.h"

#define EVENTS 256
#define BACKLOG 4096

struct caller {
    int descriptor;
    bool shaken;
    SSL *ssl;
};

static struct {
    SSL_CTX *context;
    int listener, poll;
    char answer[1024]; /* a frame */
    size_t answer_size;
} here;

static void die(const char *what)
{
    (void)fprintf(stderr, "peers-plain: %s\n", what);
    exit(1);
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                       const unsigned char *offered, unsigned offered_size, void *argument)
{
    (void)ssl;
    (void)argument;
    if (offered_size < 8 || memcmp(offered,
                                   "\x07"
                                   "berth/1",
                                   8) != 0)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = offered + 1;
    *out_size = 7;
    return SSL_TLSEXT_ERR_OK;
}

static void make_context(const char *folder)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    char groups[] = "X25519:P-256";
    char chain[512], key[512], authority[512];

    (void)snprintf(chain, sizeof(chain), "%s/server.crt", folder);
    (void)snprintf(key, sizeof(key), "%s/server.key", folder);
    (void)snprintf(authority, sizeof(authority), "%s/ca.crt", folder);
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(context, 0) != 1 ||
        SSL_CTX_set1_groups_list(context, groups) != 1 ||
        SSL_CTX_use_certificate_chain_file(context, chain) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_file(context, authority) != 1)
        die("TLS cannot be set up");
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_alpn_select_cb(context, choose_alpn, NULL);
    here.context = context;
}

static void make_answer(void)
{
    struct msg msg = { .type = MSG_granted,
                       .ref = 1,
                       .granted = { .presence_id = "0123456789abcdef0123456789abcdef",
                                    .presence_expires_in_ms = 30000,
                                    .renew_after_ms = 10000,
                                    .reconnect_spread_ms = 30000,
                                    .server_time_ms = 1800000000000,
                                    .incarnation = 1,
                                    .terminal = "t-00001" } };
    size_t size;
    char *text = msg_encode(&msg, &size);

    frame_header((unsigned char *)here.answer, size);
    memcpy(here.answer + FRAME_HEADER, text, size);
    here.answer_size = FRAME_HEADER + size;
    free(text);
}

static void listen_at(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    int on = 1;

    here.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    here.poll = epoll_create1(EPOLL_CLOEXEC);
    if (here.listener < 0 || here.poll < 0 ||
        setsockopt(here.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(here.listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        listen(here.listener, BACKLOG) < 0 ||
        epoll_ctl(here.poll, EPOLL_CTL_ADD, here.listener, &event) < 0)
        die(strerror(errno));
}

static void drop(struct caller *caller)
{
    ERR_clear_error();
    SSL_free(caller->ssl);
    (void)close(caller->descriptor);
    free(caller);
}

static void accept_all(void)
{
    for (;;) {
        int descriptor = accept4(here.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct caller *caller;
        struct epoll_event event = { .events = EPOLLIN };
        int on = 1;

        if (descriptor < 0)
            return;
        (void)setsockopt(descriptor, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
        caller = berth_new(struct caller);
        caller->descriptor = descriptor;
        caller->ssl = SSL_new(here.context);
        event.data.ptr = caller;
        if (!caller->ssl || SSL_set_fd(caller->ssl, descriptor) != 1 ||
            epoll_ctl(here.poll, EPOLL_CTL_ADD, descriptor, &event) < 0)
            die("no more connections");
        SSL_set_accept_state(caller->ssl);
    }
}

/* false: closed. */
static bool serve(struct caller *caller)
{
    static char plain[16384];
    int got;

    ERR_clear_error();
    if (!caller->shaken) {
        got = SSL_do_handshake(caller->ssl);
        if (got != 1)
            return SSL_get_error(caller->ssl, got) == SSL_ERROR_WANT_READ;
        caller->shaken = true;
    }
    while ((got = SSL_read(caller->ssl, plain, sizeof(plain))) > 0) {
        if (SSL_write(caller->ssl, here.answer, (int)here.answer_size) <= 0)
            return false;
    }
    return SSL_get_error(caller->ssl, got) == SSL_ERROR_WANT_READ;
}

int main(int argc, char **argv)
{
    static struct epoll_event events[EVENTS];
    struct rlimit files;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: peers-plain PROVISIONED PORT\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    make_context(argv[1]);
    make_answer();
    listen_at((int)strtol(argv[2], NULL, 10));
    for (;;) {
        int count = epoll_wait(here.poll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            struct caller *caller = events[i].data.ptr;

            if (!caller)
                accept_all();
            else if (!serve(caller))
                drop(caller);
        }
    }
}
