/* test_events.c - following what happens: live, resumed, reset, and those who do not read. */
#include "door_world.h"

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

static void read_more(int descriptor)
{
    (void)raw_exchange(descriptor, "", 0, 200, out, sizeof(out), &closed);
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
    read_more(descriptor);
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
    read_more(descriptor);
    EXPECT_SAYS(out, "\"live\"");
    EXPECT(strstr(out, "\"g9\"") == NULL);
    (void)close(descriptor);
}

TEST(events, a_rev_that_never_was_is_answered_by_reset)
{
    int descriptor = follow("Last-Event-ID: 999999\r\n");

    EXPECT_SAYS(out, "event: reset");
    (void)make_group("after-reset");
    read_more(descriptor);
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
    read_more(descriptor);
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
    read_more(descriptor);
    EXPECT_SAYS(out, "\"entity\":\"host\"");
    EXPECT(strstr(out, "carl") == NULL);
    EXPECT(strstr(out, "test:///") == NULL);
    (void)close(descriptor);
}

TEST(events, what_is_observed_is_heard_without_a_rev)
{
    int descriptor = follow("");
    struct host *host =
        container_of(core_find_name(world.rooms.core, ENTITY_host, "kvm1"), struct host, base);

    read_more(descriptor);
    if (host->state == host_DOWN)
        host_set_state(host, host_OPENING, "a test");
    host_set_state(host, host_UP, "a test");
    read_more(descriptor);
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
    read_more(descriptor);
    EXPECT_SAYS(out, ":\n\n");
    (void)close(descriptor);
}

/* Its queue is bounded; the broker does not grow with it. */
TEST(events, a_follower_that_does_not_read_is_dropped)
{
    int descriptor = follow("");
    struct host *host =
        container_of(core_find_name(world.rooms.core, ENTITY_host, "kvm1"), struct host, base);
    uint64_t dropped = world.api->dropped_slow;

    for (int i = 0; i < 6000 && world.api->dropped_slow == dropped; i++) {
        const struct notice notice = { .kind = NOTICE_OBSERVED,
                                       .entity = ENTITY_host,
                                       .id = host->row.id };

        core_announce(world.rooms.core, &notice);
        if (i % 50 == 0)
            loop_turn(&world.loop, 0);
    }
    EXPECT_INT(world.api->dropped_slow, dropped + 1);
    do
        read_more(descriptor);
    while (!closed);
    (void)close(descriptor);
    for (int i = 0; i < 20; i++)
        loop_turn(&world.loop, 1);
    EXPECT_STATUS(ask("GET", "/healthz", NULL), 200);
}

TEST(events, followers_are_counted)
{
    int descriptor[STREAMS_MAX + 1];
    int64_t limit_ms;

    for (size_t i = 0; i < STREAMS_MAX; i++) {
        static const char request[] = "GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n";

        descriptor[i] = raw_connect();
        (void)raw_exchange(descriptor[i], request, sizeof(request) - 1, 5, out, sizeof(out),
                           &closed);
    }
    EXPECT_STATUS(ask("GET", "/v1/events", NULL), 503);
    for (size_t i = 0; i < STREAMS_MAX; i++)
        (void)close(descriptor[i]);
    limit_ms = clock_mono_ms() + test_patience_ms();
    /* A heartbeat finds that nobody is there. */
    while (world.api->streams_count > 0 && clock_mono_ms() < limit_ms) {
        timers_advance(&world.loop.timers, world.loop.timers.mono_ms + 5001,
                       world.loop.timers.wall_ms);
        loop_turn(&world.loop, 1);
    }
    EXPECT_INT(world.api->streams_count, 0);
}

TEST(events, the_door_closes_under_a_follower)
{
    int descriptor = follow("");

    EXPECT_INT(world.api->streams_count, 1);
    world_end();
    (void)close(descriptor);
    reply_clear();
}

TEST_MAIN()
