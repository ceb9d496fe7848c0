/* link_fixture.h - a whole link on loopback, and terminals that talk to it.
 *
 * The link's I/O threads are real, its core loop is the test's own, and so is the loop of the
 * clients.
 */
#ifndef BERTH_TESTS_LINK_FIXTURE_H
#define BERTH_TESTS_LINK_FIXTURE_H

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/frame.h"
#include "berth/json.h"

#include "auth/auth_setup.h"
#include "link/link.h"

#include "handle_stub.h"
#include "pki.h"
#include "test.h"

#define HOUR_MS 3600000

static struct fixture {
    struct berth_loop loop;
    struct berth_random random;
    struct offload *pool;
    struct context context;
    struct ca *ca;
    struct link *link;
    struct link_setup setup;
    char folder[32];
} fixture;

/* Where the next link listens for terminals. */
__attribute__((unused)) static const char *fixture_listen = "127.0.0.1:0";

struct client {
    struct tls_peer tls;
    SSL_CTX *context;
    struct frame_reader reader;
    int opened, closed, frames;
    struct berth_error why;
    char last[4096];   /* the last frame, as text */
    char before[4096]; /* and the one before it */
    size_t bytes;
    char head[64]; /* the first plain bytes, where there are no frames */
    bool raw;
};

/* ---- the broker's side ---- */

__attribute__((unused)) static struct ca_certificate fixture_sign(const char *request);

static void fixture_begin(struct link_limits limits)
{
    struct berth_error error = { 0 };
    struct ca_setup ca = { .site = "Test", .certificate_h = 24 };

    (void)signal(SIGPIPE, SIG_IGN);
    memset(&handlers, 0, sizeof(handlers));
    handlers.grant = true;
    memset(&fixture, 0, sizeof(fixture));
    (void)snprintf(fixture.folder, sizeof(fixture.folder), "/tmp/link-test-XXXXXX");
    assert_non_null(mkdtemp(fixture.folder));
    EXPECT_OK(loop_init(&fixture.loop, NULL));
    fixture.loop.slow_limit_ms = 0;
    random_system(&fixture.random);
    fixture.pool = offload_new(&fixture.loop, 1, 64);
    ca.folder = fixture.folder;
    ca.signing = fixture.pool;
    ca.timers = &fixture.loop.timers;
    ca.random = &fixture.random;
    if (ca_open(&ca, &fixture.ca, &error) < 0)
        fail_msg("%s", error.text);
    fixture.context.ca = fixture.ca;
    fixture.context.timers = &fixture.loop.timers;
    fixture.context.random = &fixture.random;
    fixture.setup = (struct link_setup){ .loop = &fixture.loop,
                                         .context = &fixture.context,
                                         .folder = fixture.folder,
                                         .names = "broker.example",
                                         .listen = fixture_listen,
                                         .join_listen = "127.0.0.1:0",
                                         .listen_descriptor = -1,
                                         .join_listen_descriptor = -1,
                                         .threads = 2,
                                         .terminals = 4000,
                                         .uploads_mib = 1,
                                         .limits = limits };
    if (link_new(&fixture.setup, &fixture.link, &error) < 0)
        fail_msg("%s", error.text);
    loop_turn(&fixture.loop, 0);
}

__attribute__((unused)) static void fixture_begin_default(void)
{
    fixture_begin((struct link_limits){
        .handshakes = 64, .handshakes_source = 64, .handshake_ms = 5000, .messages_s = 1000 });
}

static void remove_folder(const char *name)
{
    DIR *stream = opendir(name);
    struct dirent *entry;

    while (stream && (entry = readdir(stream))) {
        char path[512];
        struct stat facts;

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", name, entry->d_name);
        if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
            remove_folder(path);
        else
            (void)unlink(path);
    }
    if (stream)
        (void)closedir(stream);
    (void)rmdir(name);
}

static void fixture_end(void)
{
    link_free(fixture.link);
    offload_free(fixture.pool);
    ca_free(fixture.ca);
    loop_close(&fixture.loop);
    remove_folder(fixture.folder);
}

__attribute__((unused)) static struct link_stats stats_now(void)
{
    struct link_stats stats;

    link_stats(fixture.link, &stats);
    return stats;
}

/* Turn until the condition holds. */
#define TURN_UNTIL(condition) (void)UNTIL(condition, loop_turn(&fixture.loop, 20))

struct signing {
    struct op op;
    bool done;
};

static void signing_done(struct op *op, int result)
{
    container_of(op, struct signing, op)->done = result == 0;
}

static struct ca_certificate fixture_sign(const char *request)
{
    static struct ca_certificate certificate;
    struct signing signing = { 0 };

    op_init(&signing.op, &fixture.loop.timers, signing_done);
    EXPECT_OK(ca_sign_begin(fixture.ca, request, "icu-07", 7, &certificate, &signing.op));
    TURN_UNTIL(signing.done);
    return certificate;
}

/* ---- terminals ---- */

static int client_frame(void *context, const char *frame, size_t size)
{
    struct client *client = context;

    client->frames++;
    memcpy(client->before, client->last, sizeof(client->before));
    (void)snprintf(client->last, sizeof(client->last), "%.*s", (int)size, frame);
    return 0;
}

static bool client_open(struct tls_peer *tls)
{
    container_of(tls, struct client, tls)->opened++;
    return true;
}

static int client_bytes(struct tls_peer *tls, const void *bytes, size_t size)
{
    struct client *client = container_of(tls, struct client, tls);

    if (client->bytes < sizeof(client->head))
        memcpy(client->head + client->bytes, bytes,
               size < sizeof(client->head) - client->bytes ? size
                                                           : sizeof(client->head) - client->bytes);
    client->bytes += size;
    if (client->raw)
        return 0;
    return frame_feed(&client->reader, bytes, size, client_frame, client, &tls->error);
}

static void client_closed(struct tls_peer *tls, const struct berth_error *why)
{
    struct client *client = container_of(tls, struct client, tls);

    client->closed++;
    client->why = *why;
}

static const struct tls_events client_events = { .open = client_open,
                                                 .bytes = client_bytes,
                                                 .closed = client_closed };

/* A terminal's identity, signed by the fixture's authority. */
static struct {
    char *key;
    char *request;
    struct ca_certificate certificate;
} identity;

static void identity_make(void)
{
    EXPECT_OK(tls_make_key(&identity.key, NULL));
    EXPECT_OK(tls_make_request(identity.key, "icu-07", &identity.request, NULL));
    identity.certificate = fixture_sign(identity.request);
}

__attribute__((unused)) static void identity_free(void)
{
    free(identity.key);
    free(identity.request);
    memset(&identity, 0, sizeof(identity));
}

static SSL_CTX *client_context(const char *alpn, const char *certificate, const char *key)
{
    struct tls_setup setup = { .side = TLS_CLIENT,
                               .certificate = certificate,
                               .key = key,
                               .authority = ca_certificate(fixture.ca),
                               .alpn = alpn };
    SSL_CTX *context = tls_context(&setup, NULL);

    assert_non_null(context);
    return context;
}

/* The address that clients come from; NULL: as the system likes. */
static const char *client_source;

/* Takes the context over. */
static void client_begin(struct client *client, SSL_CTX *context, int port)
{
    *client = (struct client){ .context = context };
    frame_reader_init(&client->reader, FRAME_MAX);
    EXPECT_OK(tls_connect(&fixture.loop, context,
                          &(struct tls_target){ "127.0.0.1", port, 10000, client_source },
                          &client_events, &client->tls, NULL));
}

/* A terminal that is let in. */
__attribute__((unused)) static void client_enter(struct client *client)
{
    int opened = handlers.opened;

    if (!identity.key)
        identity_make();
    client_begin(client, client_context("berth/1", identity.certificate.certificate, identity.key),
                 link_port(fixture.link));
    TURN_UNTIL(handlers.opened > opened && client->opened);
}

__attribute__((unused)) static void client_join(struct client *client)
{
    int joiners = handlers.joiners;

    client_begin(client, client_context("berth-join/1", NULL, NULL), link_join_port(fixture.link));
    TURN_UNTIL(handlers.joiners > joiners && client->opened);
}

__attribute__((unused)) static void client_end(struct client *client)
{
    tls_close(&client->tls, BERTH_OK, "the test ends");
    TURN_UNTIL(client->closed);
    frame_reader_free(&client->reader);
    SSL_CTX_free(client->context);
}

/* A frame of any bytes. */
__attribute__((unused)) static void client_send(struct client *client, const char *bytes,
                                                size_t size)
{
    unsigned char *frame = berth_alloc(FRAME_HEADER + size);

    frame_header(frame, size);
    memcpy(frame + FRAME_HEADER, bytes, size);
    (void)tls_write(&client->tls, frame, FRAME_HEADER + size);
    free(frame);
}

__attribute__((unused)) static void client_say(struct client *client, const char *text)
{
    client_send(client, text, strlen(text));
}

#endif
