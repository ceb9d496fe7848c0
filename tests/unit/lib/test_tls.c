/* test_tls.c - TLS on real sockets: accepted and refused peers with the reason, slow readers, half
 * handshakes. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pki.h"
#include "test.h"

static struct berth_loop loop;
static struct issuer *site, *stranger;
static struct pki_identity broker, terminal, expired, foreign, other_server;

struct end {
    struct tls_peer peer;
    int opened, closed;
    struct berth_error why;
    size_t received;
    char text[256];
    bool refuse, deaf;
    int drained;
};

static bool on_open(struct tls_peer *peer)
{
    struct end *end = container_of(peer, struct end, peer);

    end->opened++;
    return !end->refuse;
}

static int on_bytes(struct tls_peer *peer, const void *bytes, size_t size)
{
    struct end *end = container_of(peer, struct end, peer);

    if (end->received + size < sizeof(end->text))
        memcpy(end->text + end->received, bytes, size);
    end->received += size;
    if (end->deaf)
        return berth_fail(&peer->error, BERTH_E_TOO_LARGE, "that is too much");
    return 0;
}

static void on_drained(struct tls_peer *peer)
{
    container_of(peer, struct end, peer)->drained++;
}

static void on_closed(struct tls_peer *peer, const struct berth_error *why)
{
    struct end *end = container_of(peer, struct end, peer);

    end->closed++;
    end->why = *why;
}

static const struct tls_events events = {
    .open = on_open, .bytes = on_bytes, .drained = on_drained, .closed = on_closed
};

static SSL_CTX *server_context(const char *alpn, bool mutual)
{
    struct tls_setup setup = { .side = TLS_SERVER,
                               .certificate = broker.chain,
                               .key = broker.key,
                               .authority = mutual ? issuer_certificate(site) : NULL,
                               .alpn = alpn };
    struct berth_error error = { 0 };
    SSL_CTX *context = tls_context(&setup, &error);

    if (!context)
        fail_msg("%s", error.text);
    return context;
}

static SSL_CTX *client_context(const char *alpn, struct pki_identity *identity)
{
    struct tls_setup setup = { .side = TLS_CLIENT,
                               .certificate = identity ? identity->certificate : NULL,
                               .key = identity ? identity->key : NULL,
                               .authority = issuer_certificate(site),
                               .alpn = alpn };
    struct berth_error error = { 0 };
    SSL_CTX *context = tls_context(&setup, &error);

    if (!context)
        fail_msg("%s", error.text);
    return context;
}

static void begin(void)
{
    EXPECT_OK(loop_init(&loop, NULL));
    pki_authority("site", &site);
    pki_authority("stranger", &stranger);
    pki_identity(site, "broker", true, PKI_DAY_MS, &broker);
    pki_identity(site, "icu-07", false, PKI_DAY_MS, &terminal);
    pki_identity(site, "icu-08", false, -3600000, &expired);
    pki_identity(stranger, "icu-07", false, PKI_DAY_MS, &foreign);
    pki_identity(stranger, "broker", true, PKI_DAY_MS, &other_server);
    loop_turn(&loop, 0); /* the clock of a loop is set by its turns */
}

static void finish(void)
{
    loop_close(&loop);
    issuer_free(site);
    issuer_free(stranger);
    pki_identity_free(&broker);
    pki_identity_free(&terminal);
    pki_identity_free(&expired);
    pki_identity_free(&foreign);
    pki_identity_free(&other_server);
}

/* A listening socket on loopback and its port. */
static int listen_loopback(int *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EXPECT_OK(bind(listener, (struct sockaddr *)&at, sizeof(at)));
    EXPECT_OK(listen(listener, 16));
    EXPECT_OK(getsockname(listener, (struct sockaddr *)&at, &size));
    *port = ntohs(at.sin_port);
    return listener;
}

/* Connect two ends on one loop. */
static void meet(SSL_CTX *server_side, SSL_CTX *client_side, struct end *server, struct end *client)
{
    struct berth_error error = { 0 };
    int port;
    int listener = listen_loopback(&port);

    EXPECT_OK(tls_connect(&loop, client_side, &(struct tls_target){ "127.0.0.1", port, 5000, NULL },
                          &events, &client->peer, &error));
    EXPECT_OK(tls_accept(&loop, server_side, accept(listener, NULL, NULL), 5000, &events,
                         &server->peer, &error));
    (void)close(listener);
}

static void turn_until(const int *count)
{
    (void)UNTIL(*count > 0, loop_turn(&loop, 100));
}

static void part(struct end *server, struct end *client)
{
    tls_close(&server->peer, BERTH_OK, "the test ends");
    turn_until(&server->closed);
    tls_close(&client->peer, BERTH_OK, "the test ends");
    turn_until(&client->closed);
}

TEST(tls, both_ends_know_each_other_and_talk)
{
    struct end server = { 0 };
    struct end client = { 0 };
    SSL_CTX *a, *b;
    char seen[72], hash[72], key[72], wanted[72];
    int64_t end_ms;

    begin();
    a = server_context("berth/1", true);
    b = client_context("berth/1", &terminal);
    meet(a, b, &server, &client);
    turn_until(&server.opened);
    EXPECT_INT(client.opened, 1);
    EXPECT_STR(SSL_get_version(server.peer.ssl), "TLSv1.3");
    EXPECT(tls_peer_key(&server.peer, seen));
    EXPECT_OK(tls_certificate_info(terminal.certificate, hash, key, &end_ms, NULL));
    EXPECT_STR(seen, key);
    EXPECT(tls_peer_certificate(&server.peer, seen));
    EXPECT_STR(seen, hash);
    EXPECT_OK(issuer_check_request(terminal.request, wanted, NULL));
    EXPECT_STR(wanted, key);
    EXPECT_OK(tls_write(&client.peer, "hello", 5));
    (void)UNTIL(server.received >= 5, loop_turn(&loop, 100));
    EXPECT_STR(server.text, "hello");
    EXPECT_STR(server.peer.address, "127.0.0.1");
    part(&server, &client);
    EXPECT_INT(client.why.code, 0);
    SSL_CTX_free(a);
    SSL_CTX_free(b);
    finish();
}

/* The client's end of TLS 1.3 believes in the handshake until it reads the server's answer to its
 * certificate. */
static void refused(SSL_CTX *a, SSL_CTX *b, int code, const char *says)
{
    struct end server = { 0 };
    struct end client = { 0 };

    meet(a, b, &server, &client);
    turn_until(&server.closed);
    EXPECT_INT(server.opened, 0);
    EXPECT_ERR(server.why.code, code);
    EXPECT_SAYS(server.why.text, says);
    turn_until(&client.closed);
    SSL_CTX_free(a);
    SSL_CTX_free(b);
}

TEST(tls, an_expired_certificate_is_refused)
{
    begin();
    refused(server_context("berth/1", true), client_context("berth/1", &expired),
            BERTH_E_CERTIFICATE, "certificate has expired");
    finish();
}

TEST(tls, another_authoritys_certificate_is_refused)
{
    begin();
    refused(server_context("berth/1", true), client_context("berth/1", &foreign),
            BERTH_E_CERTIFICATE, "unable to get local issuer certificate");
    finish();
}

TEST(tls, no_certificate_is_refused)
{
    begin();
    refused(server_context("berth/1", true), client_context("berth/1", NULL), BERTH_E_CERTIFICATE,
            "has sent no certificate");
    finish();
}

TEST(tls, a_servers_certificate_is_no_terminals)
{
    begin();
    refused(server_context("berth/1", true), client_context("berth/1", &broker),
            BERTH_E_CERTIFICATE, "unsuitable certificate purpose");
    finish();
}

TEST(tls, another_protocol_is_refused)
{
    begin();
    refused(server_context("berth/1", true), client_context("berth-join/1", &terminal),
            BERTH_E_PROTOCOL, "no application protocol");
    finish();
}

TEST(tls, no_protocol_is_refused)
{
    begin();
    refused(server_context("berth/1", true), client_context(NULL, &terminal), BERTH_E_PROTOCOL,
            "ALPN");
    finish();
}

TEST(tls, tls_1_2_is_refused)
{
    SSL_CTX *b;

    begin();
    b = client_context("berth/1", &terminal);
    SSL_CTX_set_min_proto_version(b, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(b, TLS1_2_VERSION);
    refused(server_context("berth/1", true), b, BERTH_E_PROTOCOL, "unsupported protocol");
    finish();
}

TEST(tls, bytes_that_are_no_tls_are_refused)
{
    struct end server = { 0 };
    SSL_CTX *a;
    int pair[2];
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    begin();
    a = server_context("berth/1", true);
    EXPECT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
    EXPECT_OK(tls_accept(&loop, a, pair[0], 5000, &events, &server.peer, NULL));
    EXPECT_INT(write(pair[1], request, sizeof(request) - 1), sizeof(request) - 1);
    turn_until(&server.closed);
    EXPECT_ERR(server.why.code, BERTH_E_PROTOCOL);
    (void)close(pair[1]);
    SSL_CTX_free(a);
    finish();
}

TEST(tls, half_a_handshake_ends_at_the_limit)
{
    struct end server = { 0 };
    SSL_CTX *a;
    int pair[2];
    int64_t began;

    begin();
    a = server_context("berth/1", true);
    EXPECT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
    EXPECT_OK(tls_accept(&loop, a, pair[0], 300, &events, &server.peer, NULL));
    EXPECT_INT(write(pair[1], "\x16\x03\x01", 3), 3);
    began = loop.timers.mono_ms; /* no turn since the limit was set */
    turn_until(&server.closed);
    EXPECT(clock_mono_ms() - began >= 299);
    EXPECT_ERR(server.why.code, BERTH_E_TIMEOUT);
    EXPECT_SAYS(server.why.text, "did not finish the handshake in time");
    (void)close(pair[1]);
    SSL_CTX_free(a);
    finish();
}

TEST(tls, a_joining_client_trusts_the_hash_alone)
{
    struct end server = { 0 };
    struct end client = { 0 };
    struct tls_setup setup = { .side = TLS_CLIENT, .alpn = "berth-join/1" };
    SSL_CTX *a, *b;

    begin();
    setup.authority_hash = issuer_hash(site);
    a = server_context("berth-join/1", false);
    b = tls_context(&setup, NULL);
    meet(a, b, &server, &client);
    turn_until(&server.opened);
    EXPECT_INT(client.opened, 1);
    part(&server, &client);
    SSL_CTX_free(a);
    SSL_CTX_free(b);
    finish();
}

TEST(tls, a_joining_client_refuses_another_site)
{
    struct end server = { 0 };
    struct end client = { 0 };
    struct tls_setup setup = { .side = TLS_CLIENT, .alpn = "berth-join/1" };
    SSL_CTX *a, *b;

    begin();
    setup.authority_hash = issuer_hash(stranger);
    a = server_context("berth-join/1", false);
    b = tls_context(&setup, NULL);
    meet(a, b, &server, &client);
    turn_until(&client.closed);
    EXPECT_ERR(client.why.code, BERTH_E_CERTIFICATE);
    EXPECT_INT(client.opened, 0);
    turn_until(&server.closed);
    SSL_CTX_free(a);
    SSL_CTX_free(b);
    finish();
}

TEST(tls, a_joining_client_refuses_the_right_authority_in_the_wrong_chain)
{
    struct end server = { 0 };
    struct end client = { 0 };
    struct tls_setup setup = { .side = TLS_CLIENT, .alpn = "berth-join/1" };
    struct tls_setup bad = { .side = TLS_SERVER, .alpn = "berth-join/1" };
    char chain[2 * ISSUER_PEM_MAX];
    SSL_CTX *a, *b;

    begin();
    /* The certificate of the site's authority is public: a client may append it to its own. */
    (void)snprintf(chain, sizeof(chain), "%s%s", other_server.certificate,
                   issuer_certificate(site));
    bad.certificate = chain;
    bad.key = other_server.key;
    setup.authority_hash = issuer_hash(site);
    a = tls_context(&bad, NULL);
    b = tls_context(&setup, NULL);
    meet(a, b, &server, &client);
    turn_until(&client.closed);
    EXPECT_ERR(client.why.code, BERTH_E_CERTIFICATE);
    turn_until(&server.closed);
    SSL_CTX_free(a);
    SSL_CTX_free(b);
    finish();
}

TEST(tls, a_slow_reader_is_dropped_at_the_cap)
{
    struct end server = { 0 };
    struct end client = { 0 };
    SSL_CTX *a, *b;
    static char block[32768];
    int r = 0;
    size_t most = 0;

    begin();
    a = server_context("berth/1", true);
    b = client_context("berth/1", &terminal);
    meet(a, b, &server, &client);
    turn_until(&server.opened);
    tls_pause(&client.peer);
    for (int i = 0; i < 100000 && r == 0; i++) {
        r = tls_write(&server.peer, block, sizeof(block));
        most = server.peer.queued > most ? server.peer.queued : most;
    }
    EXPECT_ERR(r, BERTH_E_BUSY);
    EXPECT(most <= TLS_QUEUE_MAX);
    turn_until(&server.closed);
    EXPECT_SAYS(server.why.text, "reads too slowly");
    tls_close(&client.peer, BERTH_OK, "end");
    turn_until(&client.closed);
    SSL_CTX_free(a);
    SSL_CTX_free(b);
    finish();
}

TEST(tls, what_waits_is_taken_later_and_said)
{
    struct end server = { 0 };
    struct end client = { 0 };
    SSL_CTX *a, *b;
    static char block[32768];
    size_t sent = 0;

    begin();
    a = server_context("berth/1", true);
    b = client_context("berth/1", &terminal);
    meet(a, b, &server, &client);
    turn_until(&server.opened);
    tls_pause(&client.peer);
    while (server.peer.queued == 0) {
        EXPECT_OK(tls_write(&server.peer, block, sizeof(block)));
        sent += sizeof(block);
    }
    tls_resume(&client.peer);
    (void)UNTIL(client.received >= sent, loop_turn(&loop, 100));
    turn_until(&server.drained);
    EXPECT_INT(server.peer.queued, 0);
    part(&server, &client);
    SSL_CTX_free(a);
    SSL_CTX_free(b);
    finish();
}

TEST(tls, keys_are_not_renewed_without_end)
{
    struct end server = { 0 };
    struct end client = { 0 };
    SSL_CTX *a, *b;

    begin();
    a = server_context("berth/1", true);
    b = client_context("berth/1", &terminal);
    meet(a, b, &server, &client);
    turn_until(&server.opened);
    for (int i = 0; i < 50; i++) {
        EXPECT_INT(SSL_key_update(client.peer.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        EXPECT_INT(SSL_do_handshake(client.peer.ssl), 1);
    }
    EXPECT_OK(tls_write(&client.peer, "still here", 10));
    (void)UNTIL(server.received >= 10, loop_turn(&loop, 100));
    EXPECT_STR(server.text, "still here");
    for (int i = 0; i < 60; i++) {
        EXPECT_INT(SSL_key_update(client.peer.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        EXPECT_INT(SSL_do_handshake(client.peer.ssl), 1);
    }
    turn_until(&server.closed);
    EXPECT_ERR(server.why.code, BERTH_E_PROTOCOL);
    EXPECT_SAYS(server.why.text, "sends too many TLS key updates");
    turn_until(&client.closed);
    SSL_CTX_free(a);
    SSL_CTX_free(b);
    finish();
}

TEST(tls, the_owners_reason_is_kept)
{
    struct end server = { .deaf = true };
    struct end client = { 0 };
    SSL_CTX *a, *b;

    begin();
    a = server_context("berth/1", true);
    b = client_context("berth/1", &terminal);
    meet(a, b, &server, &client);
    turn_until(&server.opened);
    EXPECT_OK(tls_write(&client.peer, "x", 1));
    turn_until(&server.closed);
    EXPECT_ERR(server.why.code, BERTH_E_TOO_LARGE);
    EXPECT_STR(server.why.text, "that is too much");
    turn_until(&client.closed);
    SSL_CTX_free(a);
    SSL_CTX_free(b);
    finish();
}

TEST(tls, nobody_listens)
{
    struct end client = { 0 };
    SSL_CTX *b;
    int port;
    int listener;

    begin();
    listener = listen_loopback(&port);
    (void)close(listener);
    b = client_context("berth/1", &terminal);
    EXPECT_OK(tls_connect(&loop, b, &(struct tls_target){ "127.0.0.1", port, 5000, NULL }, &events,
                          &client.peer, NULL));
    turn_until(&client.closed);
    EXPECT_ERR(client.why.code, BERTH_E_IO);
    EXPECT_SAYS(client.why.text, "connection refused");
    SSL_CTX_free(b);
    finish();
}

TEST(tls, a_client_without_an_authority_is_not_made)
{
    struct tls_setup setup = { .side = TLS_CLIENT };
    struct berth_error error = { 0 };

    EXPECT(tls_context(&setup, &error) == NULL);
    EXPECT_ERR(error.code, BERTH_E_INVALID);
}

TEST(tls, a_key_that_does_not_fit_is_said_so)
{
    struct tls_setup setup = { .side = TLS_SERVER };
    struct berth_error error = { 0 };

    begin();
    setup.certificate = broker.certificate;
    setup.key = terminal.key;
    EXPECT(tls_context(&setup, &error) == NULL);
    EXPECT_ERR(error.code, BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "our own key does not match the certificate");
    finish();
}

TEST(tls_key, old_key_evidence_is_checked_whole)
{
    char *signature = NULL;
    struct berth_error error = { 0 };
    char key_hash[72];
    int64_t ends_ms;

    begin();
    EXPECT_OK(tls_sign_request(expired.key, terminal.request, &signature, NULL));
    EXPECT_OK(issuer_check_issued(site, expired.certificate, key_hash, &ends_ms, NULL));
    EXPECT(ends_ms < clock_wall_ms());
    EXPECT_OK(issuer_check_signature(expired.certificate, terminal.request, signature, NULL));
    EXPECT_ERR(issuer_check_signature(expired.certificate, expired.request, signature, NULL),
               BERTH_E_CERTIFICATE);
    signature[20] = signature[20] == '0' ? '1' : '0';
    EXPECT_ERR(issuer_check_signature(expired.certificate, terminal.request, signature, NULL),
               BERTH_E_CERTIFICATE);
    EXPECT_ERR(issuer_check_signature(expired.certificate, terminal.request, "no hex", NULL),
               BERTH_E_CERTIFICATE);
    EXPECT_ERR(issuer_check_issued(site, foreign.certificate, key_hash, &ends_ms, &error),
               BERTH_E_CERTIFICATE);
    EXPECT_SAYS(error.text, "issued by another authority");
    free(signature);
    finish();
}

TEST_MAIN()
