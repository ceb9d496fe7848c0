/* test_events.c - event streams: live, resumed, reset, and clients that do not read. */
#include "api_fixture.h"

static char out[400000];
static bool closed;

static int follow(const char *header)
{
    int descriptor = raw_connect();
    char request[256];

    (void)snprintf(request, sizeof(request), "GET /v1/events HTTP/1.1\r\nHost: a\r\n%s\r\n",
                   header);
    (void)raw_exchange(descriptor, request, strlen(request), 200, out, sizeof(out), &closed);
    EXPECT(!closed);
    return descriptor;
}

/* What comes until it is quiet for a moment. */
static void read_more(int descriptor)
{
    (void)raw_exchange(descriptor, "", 0, 200, out, sizeof(out), &closed);
}

static void read_until(int descriptor, const char *text)
{
    if (!raw_says(descriptor, "", text, out, sizeof(out)))
        fail_msg("the stream ended without '%s': %s", text, out);
}

static int64_t make_group(const char *name)
{
    char body[64];

    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
    EXPECT_STATUS(ask("POST", "/v1/groups", body), 201);
    return number_at("id");
}

TEST(events, begin)
{
    world_start();
}

TEST(events, a_change_is_heard_with_its_rev)
{
    int descriptor = follow("");

    EXPECT_SAYS(out, "Content-Type: text/event-stream");
    EXPECT_SAYS(out, "retry: 3000");
    (void)make_group("one");
    read_until(descriptor, "\"name\":\"one\"");
    EXPECT_SAYS(out, "event: change");
    EXPECT_SAYS(out, "id: 1");
    EXPECT_SAYS(out, "\"entity\":\"group\"");
    EXPECT_SAYS(out, "\"name\":\"one\"");
    (void)close(descriptor);
}

TEST(events, resuming_misses_nothing_and_repeats_nothing)
{
    int descriptor;
    char name[16];

    for (int i = 2; i <= 9; i++) {
        (void)snprintf(name, sizeof(name), "g%d", i);
        (void)make_group(name);
    }
    descriptor = follow("Last-Event-ID: 4\r\n");
    EXPECT(strstr(out, "\"name\":\"g4\"") == NULL);
    for (int i = 5; i <= 9; i++) {
        (void)snprintf(name, sizeof(name), "\"g%d\"", i);
        EXPECT_SAYS(out, name);
        EXPECT(strstr(strstr(out, name) + 1, name) == NULL);
    }
    (void)make_group("live");
    read_until(descriptor, "\"live\"");
    EXPECT_SAYS(out, "\"live\"");
    EXPECT(strstr(out, "\"g9\"") == NULL);
    (void)close(descriptor);
}

TEST(events, a_rev_that_never_was_is_answered_by_reset)
{
    int descriptor = follow("Last-Event-ID: 999999\r\n");

    EXPECT_SAYS(out, "event: reset");
    (void)make_group("after-reset");
    read_until(descriptor, "after-reset");
    EXPECT_SAYS(out, "after-reset");
    (void)close(descriptor);
}

TEST(events, no_hash_is_ever_heard)
{
    int descriptor = follow("");

    EXPECT_STATUS(ask("POST", "/v1/users", "{\"name\":\"eve\"}"), 201);
    EXPECT_STATUS(ask("POST", "/v1/users/eve/password", "{\"password\":\"a marker word\"}"), 200);
    EXPECT_STATUS(ask("POST", "/v1/admins", "{\"name\":\"bob\",\"role\":\"helpdesk\"}"), 201);
    EXPECT_STATUS(ask("POST", "/v1/admins/bob/tokens", "{\"label\":\"x\"}"), 201);
    read_until(descriptor, "\"entity\":\"token\"");
    EXPECT_SAYS(out, "\"entity\":\"user\"");
    EXPECT_SAYS(out, "\"entity\":\"token\"");
    EXPECT(strstr(out, "argon2") == NULL);
    EXPECT(strstr(out, "_hash") == NULL);
    (void)close(descriptor);
}

TEST(events, helpdesk_hears_less)
{
    char header[200];
    int descriptor;

    EXPECT_STATUS(ask("POST", "/v1/admins/bob/tokens", "{\"label\":\"y\"}"), 201);
    (void)snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", text_at("token"));
    descriptor = follow(header);
    EXPECT_STATUS(ask("POST", "/v1/admins", "{\"name\":\"carl\",\"role\":\"operator\"}"), 201);
    EXPECT_STATUS(ask("POST", "/v1/hosts", "{\"name\":\"kvm1\",\"uri\":\"test:///default\"}"), 201);
    read_until(descriptor, "\"entity\":\"host\"");
    EXPECT_SAYS(out, "\"entity\":\"host\"");
    EXPECT(strstr(out, "carl") == NULL);
    EXPECT(strstr(out, "test:///") == NULL);
    (void)close(descriptor);
}

TEST(events, what_is_observed_is_heard_without_a_rev)
{
    int descriptor = follow("");
    struct host *host =
        container_of(core_find_name(world.context.core, ENTITY_host, "kvm1"), struct host, base);

    read_more(descriptor);
    if (host->state == host_DOWN)
        host_set_state(host, host_OPENING, "a test");
    host_set_state(host, host_UP, "a test");
    read_until(descriptor, "\"state\":\"up\"");
    EXPECT_SAYS(out, "event: observed");
    EXPECT_SAYS(out, "\"state\":\"up\"");
    (void)close(descriptor);
}

TEST(events, a_heartbeat_comes)
{
    int descriptor = follow("");
    int64_t now_ms = world.loop.timers.mono_ms;

    for (int i = 1; i <= 4; i++)
        timers_advance(&world.loop.timers, now_ms + 5001 * i, world.loop.timers.wall_ms);
    read_until(descriptor, ":\n\n");
    EXPECT_SAYS(out, ":\n\n");
    (void)close(descriptor);
}

/* Its queue is bounded; the broker does not grow with it. */
TEST(events, a_follower_that_does_not_read_is_dropped)
{
    int descriptor = follow("");
    struct host *host =
        container_of(core_find_name(world.context.core, ENTITY_host, "kvm1"), struct host, base);
    uint64_t dropped = world.api->dropped_slow;

    for (int i = 0; i < 6000 && world.api->dropped_slow == dropped; i++) {
        const struct notice notice = { .kind = NOTICE_OBSERVED,
                                       .entity = ENTITY_host,
                                       .id = host->row.id };

        core_notify(world.context.core, &notice);
        if (i % 50 == 0)
            loop_turn(&world.loop, 0);
    }
    EXPECT_INT(world.api->dropped_slow, dropped + 1);
    (void)UNTIL(closed, read_more(descriptor));
    (void)close(descriptor);
    for (int i = 0; i < 20; i++)
        loop_turn(&world.loop, 1);
    EXPECT_STATUS(ask("GET", "/healthz", NULL), 200);
}

/* ---- shares ---- */

/* Over `descriptor`: its answer to a request for events begins. */
static void expect_follows(int descriptor, const char *token)
{
    char request[400];

    (void)snprintf(request, sizeof(request), "GET /v1/events HTTP/1.1\r\nHost: a\r\n%s%s%s\r\n",
                   token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "");
    EXPECT(raw_says(descriptor, request, "retry: 3000", out, sizeof(out)));
}

static int follow_remote(const char *token)
{
    int descriptor = adopted_connection();

    expect_follows(descriptor, token);
    return descriptor;
}

static int follow_at_socket(void)
{
    int descriptor = raw_connect();

    expect_follows(descriptor, NULL);
    return descriptor;
}

/* The next event finds the connection closed. */
static void close_followers(const int *descriptor, size_t count)
{
    static int groups;
    int64_t limit_ms = clock_mono_ms() + test_wait_limit_ms();
    char name[32];

    for (size_t i = 0; i < count; i++)
        (void)close(descriptor[i]);
    (void)snprintf(name, sizeof(name), "told-nobody-%d", groups++);
    (void)make_group(name);
    while (world.api->streams_count > 0 && clock_mono_ms() < limit_ms)
        loop_turn(&world.loop, 1);
    EXPECT_INT(world.api->streams_count, 0);
}

/* Each newer stream takes the place of the oldest of the same administrator, which comes to its
 * end; nobody else notices. */
TEST(events, streams_of_one_administrator_keep_nobody_out)
{
    char anna[256];
    char bert[256];
    int anna_s[STREAMS_MAX];
    int others[2];

    make_admin("anna", "operator", anna);
    make_admin("bert", "operator", bert);
    others[0] = follow_remote(bert);
    for (size_t i = 0; i < STREAMS_MAX; i++)
        anna_s[i] = follow_remote(anna);
    others[1] = follow_at_socket();
    (void)make_group("after-many");
    for (size_t i = 0; i < BERTH_COUNT(others); i++)
        EXPECT(raw_says(others[i], "", "after-many", out, sizeof(out)));
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        bool newest = i >= STREAMS_MAX - STREAMS_OF_ONE;

        EXPECT(raw_says(anna_s[i], "", newest ? "after-many" : "0\r\n\r\n", out, sizeof(out)));
        if (!newest)
            EXPECT_SAYS(out, "a newer stream of 'anna' took its place");
    }
    for (size_t i = 0; i < BERTH_COUNT(others); i++)
        (void)close(others[i]);
    close_followers(anna_s, STREAMS_MAX);
}

/* As many administrators as there are places, each with one; none of them has to go. Root's socket
 * has places of its own. */
TEST(events, a_stream_each_of_many_leaves_the_socket_free)
{
    char token[256];
    char name[32];
    int held[STREAMS_MAX + 1];

    for (size_t i = 0; i < STREAMS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "many%zu", i);
        make_admin(name, "operator", token);
        held[i] = follow_remote(token);
    }
    held[STREAMS_MAX] = follow_remote(token); /* in place of the other one of the same */
    make_admin("onemore", "operator", token);
    EXPECT_STATUS(ask_remote(token, "GET", "/v1/events", NULL), 503);
    EXPECT_SAYS(reply.text, "64 administrators");
    (void)close(held[STREAMS_MAX]);
    held[STREAMS_MAX] = follow_at_socket();
    close_followers(held, BERTH_COUNT(held));
}

/* When all places are taken, the client with the most loses one to a client with none. */
TEST(events, who_has_many_streams_gives_one_to_who_has_none)
{
    char token[8][256];
    char name[32];
    int held[STREAMS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < BERTH_COUNT(token); i++) {
        (void)snprintf(name, sizeof(name), "greedy%zu", i);
        make_admin(name, "operator", token[i]);
    }
    for (size_t i = 0; count < STREAMS_MAX; i++)
        for (size_t j = 0; j < STREAMS_OF_ONE / 2; j++)
            held[count++] = follow_remote(token[i]);
    make_admin("modest", "operator", token[0]);
    (void)close(follow_remote(token[0]));
    EXPECT(raw_says(held[0], "", "0\r\n\r\n", out, sizeof(out)));
    EXPECT_SAYS(out, "of 'modest' took its place");
    close_followers(held, BERTH_COUNT(held));
}

TEST(events, the_server_closes_under_a_follower)
{
    int descriptor = follow("");

    EXPECT_INT(world.api->streams_count, 1);
    world_end();
    (void)close(descriptor);
    reply_clear();
}

TEST_MAIN()
