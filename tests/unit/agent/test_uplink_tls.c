/* test_uplink_tls.c - the uplink against a small broker in this process: real sockets, real TLS. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "berth/frame.h"

#include "link/uplink_tls.h"

#include "site.h"

/* A broker of one connection: it decodes what it hears and says what the test wants. */
struct broker {
    struct tls_peer peer;
    struct frame_reader reader;
    uv_poll_t poll;
    SSL_CTX *context;
    struct berth_loop *loop;
    int socket;
    int port;
    int heard;
    struct msg last;
    bool open, closed;
    char terminal_key[72];
};

struct world {
    struct berth_loop loop;
    struct site *site;
    struct broker broker;
    struct uplink *uplink;
    struct op op;
    bool done;
    int messages;
    struct msg last;
    int lost;
    struct berth_error why;
    char *key;
    char certificate[ISSUER_PEM_MAX];
};

static int broker_frame(void *context, const char *frame, size_t size)
{
    struct broker *broker = context;
    struct berth_error error = { 0 };

    EXPECT_OK(msg_decode(frame, size, UP, &broker->last, &error));
    broker->heard++;
    return 0;
}

static bool broker_open(struct tls_peer *peer)
{
    struct broker *broker = container_of(peer, struct broker, peer);

    broker->open = true;
    (void)tls_peer_key(peer, broker->terminal_key);
    return true;
}

static int broker_bytes(struct tls_peer *peer, const void *bytes, size_t size)
{
    struct broker *broker = container_of(peer, struct broker, peer);

    return frame_feed(&broker->reader, bytes, size, broker_frame, broker, &peer->error);
}

static void broker_closed(struct tls_peer *peer, const struct berth_error *why)
{
    struct broker *broker = container_of(peer, struct broker, peer);

    (void)why;
    broker->closed = true;
    frame_reader_free(&broker->reader);
}

static const struct tls_events broker_events = {
    .open = broker_open,
    .bytes = broker_bytes,
    .closed = broker_closed,
};

static void knocked(uv_poll_t *poll, int status, int events)
{
    struct broker *broker = container_of(poll, struct broker, poll);
    int wire = accept4(broker->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct berth_error error = { 0 };

    (void)status;
    (void)events;
    EXPECT(wire >= 0);
    (void)uv_poll_stop(poll); /* one is enough */
    frame_reader_init(&broker->reader, FRAME_MAX);
    EXPECT_OK(tls_accept(broker->loop, broker->context, wire, test_wait_limit_ms(), &broker_events,
                         &broker->peer, &error));
}

static void broker_listen(struct broker *broker, struct berth_loop *loop,
                          const struct tls_setup *setup)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    struct berth_error error = { 0 };

    broker->loop = loop;
    broker->context = tls_context(setup, &error);
    EXPECT(broker->context != NULL);
    broker->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_OK(bind(broker->socket, (struct sockaddr *)&address, sizeof(address)));
    EXPECT_OK(listen(broker->socket, 4));
    EXPECT_OK(getsockname(broker->socket, (struct sockaddr *)&address, &size));
    broker->port = ntohs(address.sin_port);
    EXPECT_OK(uv_poll_init(&loop->uv, &broker->poll, broker->socket));
    EXPECT_OK(uv_poll_start(&broker->poll, UV_READABLE, knocked));
}

static void got_message(void *owner, const struct msg *msg)
{
    struct world *world = owner;

    world->messages++;
    world->last = *msg;
}

static void got_lost(void *owner, const struct berth_error *why)
{
    struct world *world = owner;

    world->lost++;
    world->why = *why;
}

static const struct uplink_events events = { .message = got_message, .lost = got_lost };

static void dialled(struct op *op, int result)
{
    (void)result;
    container_of(op, struct world, op)->done = true;
}

#define RUN_UNTIL(world, condition) (void)UNTIL(condition, loop_turn(&(world)->loop, 10))

/* For what must not come. */
static void pass(struct world *world)
{
    for (int i = 0; i < 10; i++)
        loop_turn(&world->loop, 5);
}

/* listener: which of the broker's two. server: whose certificate it shows, NULL: its own. */
static struct world *enter(enum uplink_listener listener, const char *certificate, const char *key)
{
    struct world *world = berth_new(struct world);
    struct berth_error error = { 0 };
    char *request = NULL;
    int64_t now_ms = clock_wall_ms();
    struct tls_setup setup;

    world->site = site_new();
    EXPECT_OK(tls_make_key(&world->key, &error));
    EXPECT_OK(tls_make_request(world->key, "terminal", &request, &error));
    site_sign(world->site, request, false, now_ms - 1000, now_ms + SITE_HOUR_MS,
              world->certificate);
    free(request);
    setup =
        (struct tls_setup){ .side = TLS_SERVER,
                            .certificate = certificate ? certificate : world->site->server,
                            .key = key ? key : world->site->server_key,
                            .authority = listener == UPLINK_LINK ? world->site->authority : NULL,
                            .alpn = listener == UPLINK_LINK ? "berth/1" : "berth-join/1" };
    EXPECT_OK(loop_init(&world->loop, &error));
    broker_listen(&world->broker, &world->loop, &setup);
    world->uplink = uplink_new(&world->loop);
    uplink_set_events(world->uplink, &events, world);
    op_init(&world->op, &world->loop.timers, dialled);
    return world;
}

static void leave(struct world *world)
{
    uplink_free(world->uplink);
    if (world->broker.open && !world->broker.closed)
        tls_close(&world->broker.peer, BERTH_OK, "the test is over");
    uv_close((uv_handle_t *)&world->broker.poll, NULL);
    pass(world);
    loop_close(&world->loop);
    SSL_CTX_free(world->broker.context);
    (void)close(world->broker.socket);
    berth_wipe_free(world->key, strlen(world->key));
    site_free(world->site);
    free(world);
}

static int dial(struct world *world, const struct uplink_target *target)
{
    int r = uplink_dial_begin(world->uplink, target, &world->op);

    if (r < 0)
        return r;
    EXPECT(!world->done); /* never from inside begin */
    RUN_UNTIL(world, world->done);
    return world->op.result;
}

static struct uplink_target link_target(const struct world *world)
{
    return (struct uplink_target){ .listener = UPLINK_LINK,
                                   .host = "127.0.0.1",
                                   .port = world->broker.port,
                                   .certificate = world->certificate,
                                   .key = world->key,
                                   .authority = world->site->authority };
}

static void broker_says(struct world *world, const struct msg *msg)
{
    unsigned char header[FRAME_HEADER];
    size_t size;
    char *text = msg_encode(msg, &size);

    frame_header(header, size);
    EXPECT_OK(tls_write(&world->broker.peer, header, sizeof(header)));
    EXPECT_OK(tls_write(&world->broker.peer, text, size));
    free(text);
}

TEST(uplink, mutual_tls_and_messages_both_ways)
{
    struct world *world = enter(UPLINK_LINK, NULL, NULL);
    struct uplink_target target = link_target(world);
    struct msg msg = { .type = MSG_bye, .ref = 3 };
    struct berth_error error = { 0 };
    char hash[72], key_hash[72];
    int64_t end;

    EXPECT_OK(dial(world, &target));
    EXPECT(uplink_is_open(world->uplink));
    RUN_UNTIL(world, world->broker.open);
    EXPECT_OK(tls_certificate_info(world->certificate, hash, key_hash, &end, &error));
    EXPECT_STR(world->broker.terminal_key, key_hash); /* it is us whom the broker sees */
    msg.bye.seq = 17;
    EXPECT_OK(uplink_send(world->uplink, &msg, &error));
    RUN_UNTIL(world, world->broker.heard == 1);
    EXPECT_INT(world->broker.last.bye.seq, 17);
    msg = (struct msg){ .type = MSG_presence_unknown };
    broker_says(world, &msg);
    RUN_UNTIL(world, world->messages == 1);
    EXPECT_INT(world->last.type, MSG_presence_unknown);
    tls_close(&world->broker.peer, BERTH_OK, "the broker stops");
    RUN_UNTIL(world, world->lost == 1);
    EXPECT(!uplink_is_open(world->uplink));
    EXPECT_ERR(uplink_send(world->uplink, &msg, &error), BERTH_E_STATE);
    leave(world);
}

TEST(uplink, what_a_newer_broker_says_does_not_end_the_link)
{
    struct world *world = enter(UPLINK_LINK, NULL, NULL);
    struct uplink_target target = link_target(world);
    static const char words[] = "{\"type\":\"of_tomorrow\",\"ref\":1}";
    const struct msg known = { .type = MSG_presence_unknown };
    unsigned char header[FRAME_HEADER];

    EXPECT_OK(dial(world, &target));
    RUN_UNTIL(world, world->broker.open);
    frame_header(header, strlen(words));
    EXPECT_OK(tls_write(&world->broker.peer, header, sizeof(header)));
    EXPECT_OK(tls_write(&world->broker.peer, words, strlen(words)));
    broker_says(world, &known);
    RUN_UNTIL(world, world->messages == 1);
    EXPECT_INT(world->last.type, MSG_presence_unknown);
    EXPECT_INT(world->lost, 0);
    EXPECT(uplink_is_open(world->uplink));
    leave(world);
}

TEST(uplink, closing_is_silent)
{
    struct world *world = enter(UPLINK_LINK, NULL, NULL);
    struct uplink_target target = link_target(world);

    EXPECT_OK(dial(world, &target));
    RUN_UNTIL(world, world->broker.open);
    uplink_close(world->uplink);
    EXPECT(!uplink_is_open(world->uplink));
    RUN_UNTIL(world, world->broker.closed);
    EXPECT_INT(world->lost, 0);
    leave(world);
}

TEST(uplink, a_broker_of_another_site_is_not_trusted)
{
    struct site *other = site_new();
    struct world *world = enter(UPLINK_LINK, other->server, other->server_key);
    struct uplink_target target = link_target(world);

    EXPECT_INT(dial(world, &target), BERTH_E_CERTIFICATE);
    EXPECT(!uplink_is_open(world->uplink));
    leave(world);
    site_free(other);
}

/* A terminal holds a certificate of the same CA; it must not be able to play the broker. */
TEST(uplink, another_terminal_is_no_broker)
{
    struct world *world = enter(UPLINK_LINK, NULL, NULL);
    struct uplink_target target = link_target(world);
    const struct tls_setup impostor = { .side = TLS_SERVER,
                                        .certificate = world->certificate,
                                        .key = world->key,
                                        .authority = world->site->authority,
                                        .alpn = "berth/1" };
    struct berth_error error = { 0 };

    SSL_CTX_free(world->broker.context);
    world->broker.context = tls_context(&impostor, &error);
    EXPECT(world->broker.context != NULL);
    EXPECT_INT(dial(world, &target), BERTH_E_CERTIFICATE);
    leave(world);
}

TEST(uplink, the_join_listener_is_known_by_its_pin_alone)
{
    struct world *world = enter(UPLINK_JOIN, NULL, NULL);
    struct uplink_target target = { .listener = UPLINK_JOIN,
                                    .host = "localhost",
                                    .port = world->broker.port,
                                    .authority_hash = issuer_hash(world->site->issuer) };

    EXPECT_OK(dial(world, &target));
    RUN_UNTIL(world, world->broker.open);
    EXPECT_STR(world->broker.terminal_key, ""); /* we showed nothing */
    leave(world);
}

TEST(uplink, a_wrong_pin_is_refused)
{
    struct site *other = site_new();
    struct world *world = enter(UPLINK_JOIN, NULL, NULL);
    struct uplink_target target = { .listener = UPLINK_JOIN,
                                    .host = "127.0.0.1",
                                    .port = world->broker.port,
                                    .authority_hash = issuer_hash(other->issuer) };

    EXPECT_INT(dial(world, &target), BERTH_E_CERTIFICATE);
    leave(world);
    site_free(other);
}

TEST(uplink, a_dead_clock_does_not_keep_it_away_but_an_expired_broker_does)
{
    struct world *world = enter(UPLINK_LINK, NULL, NULL);
    struct uplink_target target = link_target(world);

    target.now_ms = clock_wall_ms() + 48 * SITE_HOUR_MS; /* the broker's certificate ended */
    EXPECT_INT(dial(world, &target), BERTH_E_CERTIFICATE);
    leave(world);
}

TEST(uplink, nobody_there_is_an_answer)
{
    struct world *world = enter(UPLINK_LINK, NULL, NULL);
    struct uplink_target target = link_target(world);

    target.port = 1;
    EXPECT_INT(dial(world, &target), BERTH_E_IO);
    world->done = false;
    target.host = "no-such-name.invalid";
    EXPECT_INT(dial(world, &target), BERTH_E_NOT_FOUND);
    leave(world);
}

TEST(uplink, a_cancelled_dial_is_silent)
{
    struct world *world = enter(UPLINK_LINK, NULL, NULL);
    struct uplink_target target = link_target(world);

    EXPECT_OK(uplink_dial_begin(world->uplink, &target, &world->op));
    op_cancel(&world->op);
    pass(world);
    EXPECT(!world->done);
    EXPECT_INT(world->lost, 0);
    EXPECT(!uplink_is_open(world->uplink));
    leave(world);
}

TEST_MAIN()
