/* test_hostile.c - clients that violate HTTP: refused or dropped, and others notice nothing. */
#include <poll.h>

#include "api_fixture.h"

static char out[65536];
static bool closed;

/* Send it and see what comes; afterwards the API must serve as before. */
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

/* A proxy in front and the server must agree where a request ends. */
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

/* RFC 9112 2.2 allows to take these; what matters is that no second request can be hidden behind
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

/* A client that sends single bytes keeps a connection busy as long as it likes, but for a time
 * limit on the whole request. */
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

/* ---- who holds connections and says nothing ---- */

/* Whatever came before may still wait to be read. */
static bool is_ended(int descriptor)
{
    struct pollfd facts = { .fd = descriptor, .events = POLLRDHUP };

    return poll(&facts, 1, 0) > 0 && facts.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void turn_some(int turns)
{
    for (int i = 0; i < turns; i++)
        loop_turn(&world.loop, 0);
}

#define HALF "POST /v1/groups HTTP/1.1\r\nHost: a\r\n"

/* `count` half requests of unknown clients, from `sources` addresses. */
static void hold_half(int *descriptor, size_t count, uint32_t sources)
{
    for (size_t i = 0; i < count; i++) {
        descriptor[i] = adopted_from(0x10000 + (uint32_t)i % sources);
        EXPECT_INT(write(descriptor[i], HALF, strlen(HALF)), (ssize_t)strlen(HALF));
        turn_some(2);
    }
}

static size_t count_open(const int *descriptor, size_t count)
{
    size_t open_ones = 0;

    turn_some(20);
    for (size_t i = 0; i < count; i++)
        open_ones += !is_ended(descriptor[i]);
    return open_ones;
}

static void close_all(const int *descriptor, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)close(descriptor[i]);
    turn_some(20);
}

/* From many addresses, more of them than there are connections: the oldest go, and neither root at
 * the socket nor somebody with a token, from an address that was never here, is kept out. */
TEST(hostile, strangers_have_a_share_and_keep_nobody_out)
{
    int held[600];
    char token[256];

    make_admin("anna", "operator", token);
    for (int i = 0; i < 3; i++) {
        hold_half(held, BERTH_COUNT(held), 300);
        EXPECT_STATUS(ask("GET", "/v1/whoami", NULL), 200);
        EXPECT_STATUS(ask_remote(token, "GET", "/v1/whoami", NULL), 200);
        EXPECT(count_open(held, BERTH_COUNT(held)) <= world.api->connections_max / ANONYMOUS_SHARE);
        EXPECT(!is_ended(held[BERTH_COUNT(held) - 1])); /* the newest are there */
        close_all(held, BERTH_COUNT(held));
    }
}

TEST(hostile, one_address_has_a_smaller_share)
{
    int held[40];

    hold_half(held, BERTH_COUNT(held), 1);
    EXPECT_INT(count_open(held, BERTH_COUNT(held)), ANONYMOUS_PER_NETWORK);
    close_all(held, BERTH_COUNT(held));
}

/* A connection of a signed-in administrator stays. */
TEST(hostile, who_is_signed_in_keeps_the_connection)
{
    char request[512];
    char token[256];
    int held[300];
    int mine = adopted_from(77);

    make_admin("bert", "operator", token);
    (void)snprintf(request, sizeof(request),
                   "GET /v1/whoami HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", token);
    EXPECT(raw_says(mine, request, "\"bert\"", out, sizeof(out)));
    hold_half(held, BERTH_COUNT(held), 300);
    turn_some(20);
    EXPECT(raw_says(mine, request, "\"bert\"", out, sizeof(out)));
    close_all(held, BERTH_COUNT(held));
    (void)close(mine);
}

/* From where somebody signed in came, a new connection waits safely for its first request, until
 * the strangers of that address have more than its share. */
TEST(hostile, a_known_address_goes_last)
{
    int held[300];
    int mine;
    char token[256];
    char request[512];

    make_admin("carl", "operator", token);
    (void)snprintf(request, sizeof(request),
                   "GET /v1/whoami HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", token);
    mine = adopted_from(78);
    EXPECT(raw_says(mine, request, "\"carl\"", out, sizeof(out)));
    (void)close(mine);
    mine = adopted_from(78);
    hold_half(held, BERTH_COUNT(held), 300);
    EXPECT(raw_says(mine, request, "\"carl\"", out, sizeof(out)));
    close_all(held, BERTH_COUNT(held));
    (void)close(mine);
}

/* Those who wait for a password to be judged are not noticed by the library when they are gone. */
TEST(hostile, strangers_who_sign_in_and_wait_keep_nobody_out)
{
    static const char sign_in[] =
        "POST /v1/sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        "Content-Length: 40\r\n\r\n{\"name\":\"nobody\",\"password\":\"no password\"}";
    int held[200];

    for (size_t i = 0; i < BERTH_COUNT(held); i++) {
        held[i] = adopted_from(0x20000 + (uint32_t)i);
        EXPECT(write(held[i], sign_in, sizeof(sign_in) - 1) > 0);
        turn_some(2);
    }
    EXPECT(count_open(held, BERTH_COUNT(held)) <= world.api->connections_max / ANONYMOUS_SHARE);
    EXPECT_STATUS(ask("GET", "/v1/whoami", NULL), 200);
    close_all(held, BERTH_COUNT(held));
}

/* The socket's own: the oldest goes for the newest, and root's requests go through. */
TEST(hostile, the_socket_has_a_share_of_its_own)
{
    int held[300];

    for (size_t i = 0; i < BERTH_COUNT(held); i++) {
        held[i] = raw_connect();
        EXPECT_INT(write(held[i], HALF, strlen(HALF)), (ssize_t)strlen(HALF));
        turn_some(2);
    }
    EXPECT_STATUS(ask("GET", "/v1/whoami", NULL), 200);
    EXPECT_STATUS(ask_remote(NULL, "GET", "/healthz", NULL), 200);
    EXPECT(count_open(held, BERTH_COUNT(held)) <= SOCKET_CONNECTIONS);
    close_all(held, BERTH_COUNT(held));
    EXPECT_STATUS(ask("GET", "/healthz", NULL), 200);
}

/* ---- whose password is judged first ---- */

static void ask_sign_in(int descriptor, const char *name, const char *password)
{
    char body[128];
    char request[400];
    int size =
        snprintf(body, sizeof(body), "{\"name\":\"%s\",\"password\":\"%s\"}", name, password);

    size = snprintf(request, sizeof(request),
                    "POST /v1/sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                    "Content-Length: %d\r\n\r\n%s",
                    size, body);
    EXPECT_INT(write(descriptor, request, (size_t)size), size);
}

static bool is_answered(int descriptor)
{
    struct pollfd facts = { .fd = descriptor, .events = POLLIN };

    return poll(&facts, 1, 0) > 0;
}

struct sign_on {
    struct op op;
    struct auth_result result;
    bool done;
};

static void signed_on(struct op *op, int result)
{
    struct sign_on *sign_on = container_of(op, struct sign_on, op);

    EXPECT_OK(result);
    sign_on->done = true;
}

/* A user at a terminal shows the password. */
static void begin_sign_on(struct sign_on *sign_on, const char *name, const char *password)
{
    struct row_terminal row = {
        .id = 810000, .version = 1, .name = "t81", .state = terminal_ACCEPTED
    };
    struct msg_evidence shown = { .kind = evidence_kind_PASSWORD };

    EXPECT_OK(core_load(world.context.core, ENTITY_terminal, &row, NULL));
    (void)snprintf(shown.name, sizeof(shown.name), "%s", name);
    EXPECT(secret_set(&shown.value, password, strlen(password)));
    *sign_on = (struct sign_on){ 0 };
    op_init(&sign_on->op, &world.loop.timers, signed_on);
    EXPECT_OK(
        auth_begin(world.context.auth, &shown, 1, row.id, false, &sign_on->result, &sign_on->op));
}

static size_t passwords_waiting(void)
{
    return offload_waiting(world.hashing, OFFLOAD_HIGH) +
           offload_waiting(world.hashing, OFFLOAD_LOW);
}

static void wait_for_passwords(size_t count)
{
    (void)UNTIL(passwords_waiting() >= count, loop_turn(&world.loop, 1));
    EXPECT_INT(passwords_waiting(), count);
}

/* Many guess, from addresses that nobody signed in came from. Somebody at a terminal, root at the
 * socket and an administrator from where they were before come after them, and go first. */
TEST(hostile, passwords_of_strangers_are_judged_last)
{
    int held[24];
    int known[2];
    char name[16];
    char token[256];
    char request[512];
    struct hold hold;
    struct sign_on sign_on;
    size_t strangers = 0;

    EXPECT_STATUS(ask("POST", "/v1/users", "{\"name\":\"eve\"}"), 201);
    EXPECT_STATUS(ask("POST", "/v1/users/eve/password", "{\"password\":\"right horse\"}"), 200);
    make_admin("dora", "operator", token);
    EXPECT_STATUS(ask("POST", "/v1/admins/dora/password", "{\"password\":\"right horse\"}"), 200);
    (void)snprintf(request, sizeof(request),
                   "GET /v1/whoami HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", token);
    known[0] = adopted_from(0x40000);
    EXPECT(raw_says(known[0], request, "\"dora\"", out, sizeof(out)));
    hold_hashing(&hold);
    for (size_t i = 0; i < BERTH_COUNT(held); i++) {
        held[i] = adopted_from(0x50000 + (uint32_t)i);
        (void)snprintf(name, sizeof(name), "nobody%zu", i);
        ask_sign_in(held[i], name, "a guess");
    }
    wait_for_passwords(BERTH_COUNT(held));
    begin_sign_on(&sign_on, "eve", "right horse");
    ask_sign_in(known[0], "dora", "right horse");
    known[1] = raw_connect();
    ask_sign_in(known[1], "dora", "right horse");
    wait_for_passwords(BERTH_COUNT(held) + 3);

    EXPECT_OK(sem_post(&hold.let_go));
    (void)UNTIL(sign_on.done && is_answered(known[0]) && is_answered(known[1]),
                loop_turn(&world.loop, 1));
    for (size_t i = 0; i < BERTH_COUNT(held); i++)
        strangers += is_answered(held[i]);
    EXPECT(strangers < BERTH_COUNT(held) / 2);
    EXPECT(raw_says(known[0], "", "\"token\":\"berths_", out, sizeof(out)));
    EXPECT(raw_says(known[1], "", "\"token\":\"berths_", out, sizeof(out)));
    close_all(held, BERTH_COUNT(held));
    close_all(known, BERTH_COUNT(known));
    (void)sem_destroy(&hold.let_go);
}

TEST(hostile, ends)
{
    world_end();
    reply_clear();
}

TEST_MAIN()
