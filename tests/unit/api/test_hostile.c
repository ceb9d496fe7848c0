/* test_hostile.c - those who do not keep to HTTP: refused or dropped, and others notice nothing. */
#include "door_world.h"

static char out[65536];
static bool closed;

/* Send it and see what comes; afterwards the door must serve as before. */
static int status_of(const char *bytes)
{
    int descriptor = raw_connect();
    int status = 0;

    (void)raw_exchange(descriptor, bytes, strlen(bytes), 150, out, sizeof(out), &closed);
    (void)close(descriptor);
    (void)sscanf(out, "HTTP/1.1 %d", &status);
    EXPECT_STATUS(ask("GET", "/healthz", NULL), 200);
    return status;
}

TEST(hostile, begins)
{
    world_start();
    EXPECT_INT(status_of("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
}

/* A proxy in front and the door must agree where a request ends. */
TEST(hostile, length_and_chunks_together)
{
    EXPECT_INT(status_of("POST /v1/groups HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                         "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
               400);
    EXPECT(closed);
}

TEST(hostile, two_lengths)
{
    EXPECT_INT(status_of("POST /v1/groups HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                         "Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}"),
               400);
}

TEST(hostile, a_signed_length)
{
    EXPECT_INT(status_of("POST /v1/groups HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                         "Content-Length: +2\r\n\r\n{}"),
               400);
    EXPECT(status_of("POST /v1/groups HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                     "Content-Length: -2\r\n\r\n{}") >= 400);
}

TEST(hostile, an_enormous_length)
{
    EXPECT_INT(status_of("POST /v1/groups HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                         "Content-Length: 99999999999999999999999999\r\n\r\n"),
               413);
}

TEST(hostile, an_unknown_coding)
{
    EXPECT(status_of("POST /v1/groups HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                     "Transfer-Encoding: gzip\r\n\r\n{}") >= 400);
}

/* What a proxy in front may read in another way is safe when it is taken as one request
 * (libmicrohttpd 0.9.75 does) and when it is refused and the connection closed (1.0.1); nothing
 * else is. */
static void expect_one_answer(const char *bytes)
{
    int status = status_of(bytes);

    EXPECT(status == 200 || (status == 400 && closed));
    EXPECT(strstr(out + 12, "HTTP/1.1") == NULL);
}

/* RFC 9112 2.2 allows to take these; what matters is that nobody can hide a second request behind
 * them. */
TEST(hostile, bare_line_feeds)
{
    expect_one_answer("GET /healthz HTTP/1.1\nHost: a\n\n");
    EXPECT(status_of("POST /v1/groups HTTP/1.1\nHost: a\nContent-Length: 2\n"
                     "Transfer-Encoding: chunked\n\n0\n\nGET /healthz HTTP/1.1\nHost: a\n\n") ==
           400);
    EXPECT(strstr(out + 12, "HTTP/1.1") == NULL);
}

TEST(hostile, a_space_before_the_colon)
{
    EXPECT(status_of("GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n") != 200);
}

/* RFC 9112 5.2 lets a server join the lines. A length that is told so must not open a gap for a
 * second request. */
TEST(hostile, a_folded_header)
{
    expect_one_answer("GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n");
    EXPECT(status_of("POST /v1/groups HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 2\r\n"
                     "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n") >= 400);
}

TEST(hostile, version_nine_and_others)
{
    EXPECT(status_of("GET /healthz\r\n\r\n") != 200);
    EXPECT(status_of("GET /healthz HTTP/3.7\r\nHost: a\r\n\r\n") != 200);
}

TEST(hostile, no_host)
{
    EXPECT_INT(status_of("GET /healthz HTTP/1.1\r\n\r\n"), 400);
}

/* The library ends the value there. Nothing behind it may count. */
TEST(hostile, a_nul_in_a_header)
{
    static const char bytes[] =
        "POST /v1/groups HTTP/1.1\r\nHost: a\r\n"
        "Content-Type: application/json\0\r\nContent-Length: 3\0000\r\n\r\n{} ";
    int descriptor = raw_connect();

    (void)raw_exchange(descriptor, bytes, sizeof(bytes) - 1, 150, out, sizeof(out), &closed);
    (void)close(descriptor);
    EXPECT(strncmp(out, "HTTP/1.1 2", 10) != 0);
    EXPECT_STATUS(ask("GET", "/healthz", NULL), 200);
}

TEST(hostile, headers_without_end)
{
    char *bytes = (char *)berth_alloc(100000);
    size_t length = (size_t)snprintf(bytes, 100000, "GET /healthz HTTP/1.1\r\nHost: a\r\n");

    while (length < 60000)
        length += (size_t)snprintf(bytes + length, 100000 - length, "X-%zu: aaaaaaaaaaaaaaaa\r\n",
                                   length);
    EXPECT(status_of(bytes) >= 400);
    free(bytes);
}

TEST(hostile, a_long_address)
{
    char *bytes = (char *)berth_alloc(20000);

    (void)snprintf(bytes, 20000, "GET /%010000d HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    EXPECT(status_of(bytes) >= 400);
    free(bytes);
}

/* A chunked body has no length to be refused by. */
TEST(hostile, a_chunked_body_that_grows)
{
    static const char head[] =
        "POST /v1/groups HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: application/json\r\n\r\n";
    int descriptor = raw_connect();
    char chunk[4200];
    bool ended = false;

    (void)raw_exchange(descriptor, head, sizeof(head) - 1, 20, out, sizeof(out), &closed);
    (void)snprintf(chunk, sizeof(chunk), "1000\r\n%04096d\r\n", 0);
    for (int i = 0; i < 20 && !ended; i++)
        ended =
            raw_exchange(descriptor, chunk, strlen(chunk), 20, out, sizeof(out), &closed) || closed;
    EXPECT(ended);
    (void)close(descriptor);
    EXPECT_STATUS(ask("GET", "/healthz", NULL), 200);
}

/* Three bytes of a TLS record, then silence: once this held a whole loop for 10 s (a timer of 0
 * ms). */
TEST(hostile, half_a_tls_record)
{
    int descriptor = raw_connect();
    int64_t turns = 0;
    int64_t until_ms = clock_mono_ms() + 300;

    EXPECT_INT(write(descriptor, "\x16\x03\x01", 3), 3);
    while (clock_mono_ms() < until_ms) {
        loop_turn(&world.loop, 100);
        turns++;
    }
    EXPECT(turns < 350); /* at most one a millisecond */
    EXPECT_STATUS(ask("GET", "/healthz", NULL), 200);
    (void)close(descriptor);
}

/* Whoever drips bytes keeps a connection busy for as long as he likes, but for a time limit on the
 * whole request. */
TEST(hostile, a_dripping_request_is_ended)
{
    static const char half[] = "POST /v1/groups HTTP/1.1\r\nHost: a\r\n";
    int descriptor = raw_connect();
    int64_t now_ms;

    (void)raw_exchange(descriptor, half, sizeof(half) - 1, 20, out, sizeof(out), &closed);
    EXPECT(!closed);
    now_ms = world.loop.timers.mono_ms;
    timers_advance(&world.loop.timers, now_ms + RECEIVE_MS + 1, world.loop.timers.wall_ms);
    for (int i = 0; i < 3; i++)
        timers_advance(&world.loop.timers, now_ms + RECEIVE_MS + 6000 * (i + 1),
                       world.loop.timers.wall_ms);
    (void)raw_exchange(descriptor, "", 0, 100, out, sizeof(out), &closed);
    EXPECT(closed);
    (void)close(descriptor);
}

TEST(hostile, connections_are_counted)
{
    int descriptor[300];
    bool refused = false;

    for (size_t i = 0; i < BERTH_COUNT(descriptor); i++) {
        descriptor[i] = raw_connect();
        loop_turn(&world.loop, 0);
    }
    for (size_t i = 0; i < BERTH_COUNT(descriptor); i++) {
        char byte;

        for (int turn = 0; turn < 3; turn++)
            loop_turn(&world.loop, 0);
        if (read(descriptor[i], &byte, 1) == 0)
            refused = true;
        (void)close(descriptor[i]);
    }
    EXPECT(refused);
    for (int turn = 0; turn < 50; turn++)
        loop_turn(&world.loop, 1);
    EXPECT_STATUS(ask("GET", "/healthz", NULL), 200);
}

TEST(hostile, ends)
{
    world_end();
    reply_clear();
}

TEST_MAIN()
