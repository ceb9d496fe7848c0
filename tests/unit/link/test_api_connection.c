/* test_api_connection.c - the TLS side of the management API: TLS outside, plain bytes of a socket
 * pair inside, nothing lost and nothing buffered without bound. */
#include <errno.h>

#include "link_fixture.h"

static struct {
    int count;
    int descriptor;
    struct sockaddr_storage from;
} taken;

static void take(void *context, int descriptor, const struct sockaddr *from, socklen_t size)
{
    (void)context;
    taken.count++;
    taken.descriptor = descriptor;
    memcpy(&taken.from, from, size);
}

static void begin_patient(int64_t unread_ms)
{
    struct link_api_setup setup = { .listen = "127.0.0.1:0",
                                    .listen_descriptor = -1,
                                    .connections = 16,
                                    .unread_ms = unread_ms,
                                    .taken = take };

    fixture_begin_default();
    memset(&taken, 0, sizeof(taken));
    EXPECT_OK(link_listen_api(fixture.link, &setup, NULL));
}

static void begin(void)
{
    begin_patient(0);
}

static void enter(struct client *client, const char *alpn)
{
    int count = taken.count;

    client_begin(client, client_context(alpn, NULL, NULL), link_api_port(fixture.link));
    client->raw = true;
    TURN_UNTIL(taken.count > count && client->opened);
}

TEST(people, bytes_go_both_ways_in_plain)
{
    struct client client;
    char text[64] = "";

    begin();
    enter(&client, "http/1.1");
    EXPECT_INT(((struct sockaddr_in *)(void *)&taken.from)->sin_addr.s_addr,
               htonl(INADDR_LOOPBACK));
    EXPECT_OK(tls_write(&client.tls, "GET / HTTP/1.1\r\n\r\n", 18));
    TURN_UNTIL(recv(taken.descriptor, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_PEEK) == 18);
    EXPECT_STR(text, "GET / HTTP/1.1\r\n\r\n");
    EXPECT_INT(write(taken.descriptor, "HTTP/1.1 200 OK\r\n", 17), 17);
    TURN_UNTIL(client.bytes == 17);
    EXPECT(memcmp(client.head, "HTTP/1.1 200 OK\r\n", 17) == 0);
    EXPECT_INT(stats_now().api_connections, 1);
    (void)close(taken.descriptor);
    TURN_UNTIL(client.closed);
    client_end(&client);
    TURN_UNTIL(stats_now().api_connections == 0);
    fixture_end();
}

TEST(people, a_client_without_alpn_is_welcome_another_protocol_is_not)
{
    struct client client;

    begin();
    enter(&client, NULL);
    (void)close(taken.descriptor);
    client_end(&client);
    client_begin(&client, client_context("h2", NULL, NULL), link_api_port(fixture.link));
    TURN_UNTIL(client.closed);
    EXPECT_INT(client.opened, 0);
    EXPECT_INT(taken.count, 1);
    client_end(&client);
    fixture_end();
}

TEST(people, a_long_answer_arrives_whole_also_when_the_server_closes_behind_it)
{
    struct client client;
    static char block[65536];
    size_t sent = 0;

    begin();
    enter(&client, "http/1.1");
    while (sent < 8 * 1024 * 1024) {
        ssize_t put = write(taken.descriptor, block, sizeof(block));

        sent += put > 0 ? (size_t)put : 0;
        loop_turn(&fixture.loop, 1);
    }
    (void)close(taken.descriptor);
    TURN_UNTIL(client.closed);
    EXPECT_INT(client.bytes, sent);
    EXPECT_INT(client.why.code, 0);
    client_end(&client);
    fixture_end();
}

/* Write until the kernel's buffers and the connection's are full. Answers how much that was. */
static size_t fill(void)
{
    static char block[65536];
    size_t sent = 0;
    int full = 0;

    while (full < 50 && sent < 256 * 1024 * 1024) {
        ssize_t put = write(taken.descriptor, block, sizeof(block));

        if (put > 0)
            sent += (size_t)put;
        full = put < 0 && errno == EAGAIN ? full + 1 : 0;
        loop_turn(&fixture.loop, 2);
    }
    EXPECT_INT(full, 50);
    return sent;
}

TEST(people, a_slow_browser_makes_the_server_wait)
{
    struct client client;
    size_t sent;

    begin();
    enter(&client, "http/1.1");
    tls_pause(&client.tls);
    sent = fill();
    /* That is all: the connection lives and goes on. */
    EXPECT_INT(client.closed, 0);
    EXPECT_INT(stats_now().api_connections, 1);
    tls_resume(&client.tls);
    TURN_UNTIL(client.bytes == sent);
    (void)close(taken.descriptor);
    TURN_UNTIL(client.closed);
    client_end(&client);
    fixture_end();
}

TEST(people, who_does_not_read_an_answer_is_hung_up_on)
{
    struct client client;

    begin_patient(600);
    enter(&client, "http/1.1");
    tls_pause(&client.tls);
    (void)fill();
    TURN_UNTIL(stats_now().api_connections == 0);
    EXPECT_INT(stats_now().slow_readers, 1);
    EXPECT_INT(write(taken.descriptor, "more", 4), -1);
    (void)close(taken.descriptor);
    tls_resume(&client.tls);
    TURN_UNTIL(client.closed);
    client_end(&client);
    fixture_end();
}

/* The server has hung up, to make room or because it waited long enough: then the place is free
 * soon, and does not depend on the browser. */
TEST(people, who_does_not_read_is_gone_soon_after_the_server_hung_up)
{
    struct client client;
    int64_t began_ms;

    begin_patient(30000); /* two sixths of it are waited for; the rest is for a busy machine */
    enter(&client, "http/1.1");
    tls_pause(&client.tls);
    (void)fill();
    (void)shutdown(taken.descriptor, SHUT_RDWR);
    began_ms = clock_mono_ms();
    TURN_UNTIL(stats_now().api_connections == 0);
    EXPECT(clock_mono_ms() - began_ms < 30000);
    (void)close(taken.descriptor);
    client_end(&client);
    fixture_end();
}

/* It takes longer than the limit in all, and never as long without any progress. */
TEST(people, who_reads_slowly_gets_the_whole_answer)
{
    struct client client;
    int64_t began_ms = clock_mono_ms();
    size_t sent;
    size_t read_to;

    begin_patient(3000);
    enter(&client, "http/1.1");
    tls_pause(&client.tls);
    sent = fill();
    for (read_to = 131072; clock_mono_ms() - began_ms < 6500; read_to = client.bytes + 131072) {
        tls_resume(&client.tls);
        TURN_UNTIL(client.bytes >= (read_to < sent ? read_to : sent));
        tls_pause(&client.tls);
        for (int64_t until_ms = clock_mono_ms() + 100; clock_mono_ms() < until_ms;)
            loop_turn(&fixture.loop, 10);
    }
    EXPECT_INT(client.closed, 0);
    tls_resume(&client.tls);
    TURN_UNTIL(client.bytes == sent);
    (void)close(taken.descriptor);
    TURN_UNTIL(client.closed);
    EXPECT_INT(client.why.code, 0);
    client_end(&client);
    fixture_end();
}

/* The server has said all. What takes 64 KiB at once and then nothing for longer than a look - as
 * it is at 64 kbit/s - is slow, not gone. */
TEST(people, who_reads_slowly_gets_the_whole_answer_though_the_server_hung_up)
{
    struct client client;
    size_t sent;

    begin_patient(24000); /* a look every 4 s: it is hung up on after 8 s */
    enter(&client, "http/1.1");
    tls_pause(&client.tls);
    sent = fill();
    (void)close(taken.descriptor);
    for (int lumps = 0; lumps < 3; lumps++) {
        int64_t until_ms = clock_mono_ms() + 4500;
        size_t read_to = client.bytes + 65536;

        while (clock_mono_ms() < until_ms)
            loop_turn(&fixture.loop, 10);
        tls_resume(&client.tls);
        TURN_UNTIL(client.closed || client.bytes >= (read_to < sent ? read_to : sent));
        tls_pause(&client.tls);
    }
    EXPECT_INT(stats_now().slow_readers, 0);
    tls_resume(&client.tls);
    TURN_UNTIL(client.closed);
    EXPECT_INT(client.bytes, sent);
    EXPECT_INT(client.why.code, 0);
    client_end(&client);
    fixture_end();
}

/* Bytes that the server's end had ready. */
static size_t drain(void)
{
    static char sink[262144];
    ssize_t got = read(taken.descriptor, sink, sizeof(sink));

    return got > 0 ? (size_t)got : 0;
}

TEST(people, a_slow_server_makes_the_browser_wait)
{
    struct client client;
    static char block[16384];
    size_t sent = 0;
    size_t got = 0;

    begin();
    enter(&client, "http/1.1");
    for (int i = 0; i < 64; i++) {
        if (tls_write(&client.tls, block, sizeof(block)) == 0)
            sent += sizeof(block);
        loop_turn(&fixture.loop, 2);
        if (client.tls.queued > 0)
            break;
    }
    TURN_UNTIL((got += drain()) == sent);
    EXPECT_INT(client.closed, 0);
    (void)close(taken.descriptor);
    client_end(&client);
    fixture_end();
}

TEST(people, the_browser_leaves_and_the_server_reads_the_end)
{
    struct client client;
    char byte;

    begin();
    enter(&client, "http/1.1");
    client_end(&client);
    TURN_UNTIL(recv(taken.descriptor, &byte, 1, MSG_DONTWAIT) == 0);
    (void)close(taken.descriptor);
    fixture_end();
}

TEST(people, the_end_of_the_link_closes_them_too)
{
    struct client client;
    char byte;

    begin();
    enter(&client, "http/1.1");
    link_free(fixture.link);
    fixture.link = NULL;
    EXPECT_INT(recv(taken.descriptor, &byte, 1, MSG_DONTWAIT), 0);
    (void)close(taken.descriptor);
    TURN_UNTIL(client.closed);
    client_end(&client);
    fixture_end();
}

TEST_MAIN()
