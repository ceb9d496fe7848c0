/* test_resolver.c - SRV records: their order, and a real lookup with a small DNS server in this
 * process. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/resolver.h"

#include "random_seeded.h"
#include "test.h"

TEST(resolver, lowest_priority_first_and_weights_at_random)
{
    struct berth_random random;
    int heavy_first = 0;

    random_seeded(&random, 7);
    for (int i = 0; i < 1000; i++) {
        struct srv_record records[] = { { { "backup", 1 }, 20, 0 },
                                        { { "light", 1 }, 10, 9 },
                                        { { "heavy", 1 }, 10, 89 } };
        struct broker_addresses order;

        locator_sort_records(records, 3, &random, &order);
        EXPECT_INT(order.count, 3);
        EXPECT_STR(order.at[2].host, "backup");
        heavy_first += strcmp(order.at[0].host, "heavy") == 0;
    }
    EXPECT(heavy_first > 850 && heavy_first < 950);
}

/* Answers one question with two SRV records, or with "no such name". */
struct server {
    int socket;
    int port;
    uv_poll_t poll;
    bool refuse;
    int asked;
};

static size_t put_name(unsigned char *out, const char *name)
{
    size_t at = 0;

    while (*name) {
        size_t length = strcspn(name, ".");

        out[at++] = (unsigned char)length;
        memcpy(out + at, name, length);
        at += length;
        name += length + (name[length] == '.');
    }
    out[at++] = 0;
    return at;
}

static size_t put_srv(unsigned char *out, int priority, int port, const char *target)
{
    static const unsigned char head[] = { 0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60 };
    size_t name = put_name(out + sizeof(head) + 2 + 6, target);

    memcpy(out, head, sizeof(head));
    out[10] = 0;
    out[11] = (unsigned char)(6 + name);
    out[12] = 0;
    out[13] = (unsigned char)priority;
    out[14] = 0;
    out[15] = 0;
    out[16] = (unsigned char)(port >> 8);
    out[17] = (unsigned char)port;
    return sizeof(head) + 2 + 6 + name;
}

static void asked(uv_poll_t *poll, int status, int events)
{
    struct server *server = container_of(poll, struct server, poll);
    unsigned char packet[1024];
    struct sockaddr_in from;
    socklen_t from_size = sizeof(from);
    ssize_t got = recvfrom(server->socket, packet, 256, 0, (struct sockaddr *)&from, &from_size);
    size_t size;

    (void)status;
    (void)events;
    EXPECT(got > 17);
    server->asked++;
    size = 12;
    while (packet[size]) /* the question stays, whatever follows it goes */
        size += packet[size] + 1U;
    size += 5;
    packet[2] = 0x84;
    packet[3] = server->refuse ? 3 : 0;
    packet[7] = server->refuse ? 0 : 2;
    memset(packet + 8, 0, 4);
    if (!server->refuse) {
        size += put_srv(packet + size, 20, 7443, "second.ward.test");
        size += put_srv(packet + size, 10, 8443, "first.ward.test");
    }
    EXPECT(sendto(server->socket, packet, size, 0, (struct sockaddr *)&from, from_size) > 0);
}

static void serve(struct server *server, struct berth_loop *loop)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);

    server->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_OK(bind(server->socket, (struct sockaddr *)&address, sizeof(address)));
    EXPECT_OK(getsockname(server->socket, (struct sockaddr *)&address, &size));
    server->port = ntohs(address.sin_port);
    EXPECT_OK(uv_poll_init(&loop->uv, &server->poll, server->socket));
    EXPECT_OK(uv_poll_start(&server->poll, UV_READABLE, asked));
}

struct lookup {
    struct op op;
    bool done;
};

static void looked_up(struct op *op, int result)
{
    (void)result;
    container_of(op, struct lookup, op)->done = true;
}

static int find(bool refuse, struct broker_addresses *ret)
{
    struct berth_loop loop;
    struct berth_random random;
    struct berth_error error = { 0 };
    struct server server = { .refuse = refuse };
    struct lookup lookup = { .done = false };
    struct locator *locator;
    char servers[40];

    EXPECT_OK(loop_init(&loop, &error));
    random_seeded(&random, 1);
    serve(&server, &loop);
    (void)snprintf(servers, sizeof(servers), "127.0.0.1:%d", server.port);
    locator = locator_new(&loop, &random, "ward.test", servers, &error);
    EXPECT(locator != NULL);
    op_init(&lookup.op, &loop.timers, looked_up);
    EXPECT_OK(locator_find_begin(locator, "_berth._tcp", ret, &lookup.op));
    EXPECT(!lookup.done);
    (void)UNTIL(lookup.done, loop_turn(&loop, 100));
    EXPECT(server.asked >= 1);
    locator_free(locator);
    uv_close((uv_handle_t *)&server.poll, NULL);
    loop_close(&loop);
    (void)close(server.socket);
    return lookup.op.result;
}

TEST(resolver, a_lookup_answers_in_order_of_priority)
{
    struct broker_addresses found;

    EXPECT_OK(find(false, &found));
    EXPECT_INT(found.count, 2);
    EXPECT_STR(found.at[0].host, "first.ward.test");
    EXPECT_INT(found.at[0].port, 8443);
    EXPECT_STR(found.at[1].host, "second.ward.test");
}

TEST(resolver, no_record_is_said)
{
    struct broker_addresses found;

    EXPECT_INT(find(true, &found), BERTH_E_NOT_FOUND);
    EXPECT_INT(found.count, 0);
}

TEST(resolver, a_cancelled_lookup_is_silent)
{
    struct berth_loop loop;
    struct berth_random random;
    struct berth_error error = { 0 };
    struct lookup lookup = { .done = false };
    struct broker_addresses found;
    struct locator *locator;

    EXPECT_OK(loop_init(&loop, &error));
    random_seeded(&random, 1);
    locator = locator_new(&loop, &random, "ward.test", "127.0.0.1:1", &error);
    EXPECT(locator != NULL);
    op_init(&lookup.op, &loop.timers, looked_up);
    EXPECT_OK(locator_find_begin(locator, "_berth._tcp", &found, &lookup.op));
    op_cancel(&lookup.op);
    for (int i = 0; i < 5; i++)
        loop_turn(&loop, 10);
    EXPECT(!lookup.done);
    locator_free(locator);
    loop_close(&loop);
}

TEST_MAIN()
