/* test_admission.c - limits on connections, random early drop, penalties that add up and decay. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "link/admission.h"

#include "test.h"

static struct admission *admission;

/* By number: the pass of each that was let in, and who had to end. */
static struct admission_slot *passes[2048];
static uint64_t last_id;
static uint64_t dropped[2048];
static int dropped_count;

static void drop(void *owner, uint64_t id)
{
    (void)owner;
    EXPECT((size_t)dropped_count < BERTH_COUNT(dropped));
    dropped[dropped_count++] = id;
}

static void begin(int64_t open, int64_t handshakes, int64_t source)
{
    struct admission_limits limits = { .open = open,
                                       .handshakes = handshakes,
                                       .handshakes_source = source };

    admission = admission_new(&limits, (struct map_key){ 1, 2 }, drop);
    dropped_count = 0;
    last_id = 0;
}

static void finish(void)
{
    admission_free(admission);
    for (size_t i = 0; i < BERTH_COUNT(passes); i++)
        free(berth_take(passes[i]));
}

/* Its number is last_id. `name` of an IPv6 address; the network of "n/x" is n. */
static enum refusal ask_by(const char *name, uint64_t chance, int descriptor, int64_t now_ms)
{
    struct admission_source source = { 0 };
    const struct admission_candidate candidate = {
        .source = &source, .id = ++last_id, .descriptor = descriptor, .chance = chance
    };

    (void)snprintf(source.name, sizeof(source.name), "%s", name);
    (void)snprintf(source.network, sizeof(source.network), "%.*s", (int)strcspn(name, "/"), name);
    EXPECT(last_id < BERTH_COUNT(passes));
    return admission_admit(admission, &candidate, now_ms, &passes[last_id]);
}

static enum refusal ask(const char *name, uint64_t chance, int64_t now_ms)
{
    return ask_by(name, chance, -1, now_ms);
}

static bool established(uint64_t id)
{
    return admission_established(admission, passes[id]);
}

static void left(uint64_t id, enum penalty penalty, int64_t now_ms)
{
    admission_release(admission, berth_take(passes[id]), penalty, now_ms);
}

/* One of ours came from there, and went. */
static void known(const char *name)
{
    EXPECT_INT(ask(name, 999, 0), REFUSAL_NONE);
    EXPECT(established(last_id));
    admission_trust(admission, name);
    left(last_id, PENALTY_NONE, 0);
}

static void expect_source(const char *address, const char *name, const char *network)
{
    struct sockaddr_storage at = { 0 };
    struct sockaddr_in *v4 = (void *)&at;
    struct sockaddr_in6 *v6 = (void *)&at;
    struct admission_source source;

    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1)
        at.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1)
        at.ss_family = AF_INET6;
    admission_source((struct sockaddr *)&at, &source);
    EXPECT_STR(source.name, name);
    EXPECT_STR(source.network, network);
}

TEST(admission, a_source_is_an_address_in_a_network)
{
    expect_source("192.0.2.7", "192.0.2.7", "192.0.2.7");
    expect_source("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
    expect_source("2001:db8:1:2::", "2001:db8:1:2::", "2001:db8:1:2::/64");
    expect_source("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7");
    expect_source("unix", "unknown", "unknown");
}

TEST(admission, caps_in_all)
{
    begin(5, 100, 5);
    for (int i = 0; i < 4; i++)
        EXPECT_INT(ask("a", 999, 0), REFUSAL_NONE);
    EXPECT(established(1));
    EXPECT_INT(ask("b", 999, 0), REFUSAL_NONE);
    EXPECT_INT(ask("c", 999, 0), REFUSAL_FULL);
    EXPECT_INT(admission_open(admission), 5);
    EXPECT_INT(admission_handshakes(admission), 4);
    left(1, PENALTY_NONE, 0);
    EXPECT_INT(ask("c", 999, 0), REFUSAL_NONE);
    EXPECT_INT(admission_refused(admission, REFUSAL_FULL), 1);
    EXPECT_INT(dropped_count, 0);
    finish();
}

/* Silent clients cannot block others behind the same address: a fast one gets through. */
TEST(admission, where_a_source_has_its_share_the_oldest_ends_for_the_newcomer)
{
    begin(100, 100, 2);
    EXPECT_INT(ask("a", 999, 0), REFUSAL_NONE);
    EXPECT_INT(ask("b", 999, 0), REFUSAL_NONE);
    EXPECT_INT(ask("a", 999, 0), REFUSAL_NONE);
    for (int i = 0; i < 50; i++) {
        EXPECT_INT(ask("a", 999, 0), REFUSAL_NONE);
        EXPECT_INT(admission_handshakes(admission), 3);
    }
    EXPECT_INT(dropped_count, 50);
    EXPECT_INT(dropped[0], 1);
    EXPECT_INT(dropped[1], 3);
    EXPECT_INT(dropped[2], 4);
    EXPECT_INT(admission_replaced(admission), 50);
    left(1, PENALTY_PROTOCOL,
         0); /* its end was for another: nothing is owed, nothing counted twice */
    EXPECT_INT(admission_handshakes(admission), 3);
    EXPECT_INT(admission_open(admission), 3);
    finish();
}

/* What it has sent waits for us: it is not the one who is slow. */
TEST(admission, who_has_sent_something_that_was_not_read_does_not_end)
{
    int pair[2];

    EXPECT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    EXPECT_INT(write(pair[1], "x", 1), 1);
    begin(100, 100, 2);
    EXPECT_INT(ask_by("a", 999, pair[0], 0), REFUSAL_NONE);
    EXPECT_INT(ask("a", 999, 0), REFUSAL_NONE);
    EXPECT_INT(ask_by("a", 999, pair[0], 0), REFUSAL_NONE);
    EXPECT_INT(dropped[0], 2);
    EXPECT_INT(ask("a", 999, 0), REFUSAL_SOURCE);
    EXPECT_INT(admission_refused(admission, REFUSAL_SOURCE), 1);
    (void)close(pair[0]);
    (void)close(pair[1]);
    finish();
}

/* The news that it should end comes too late. */
TEST(admission, a_handshake_that_is_done_meanwhile_counts_again)
{
    begin(100, 100, 1);
    EXPECT_INT(ask("a", 999, 0), REFUSAL_NONE);
    EXPECT_INT(ask("a", 999, 0), REFUSAL_NONE);
    EXPECT_INT(dropped[0], 1);
    EXPECT(established(1));
    EXPECT_INT(admission_open(admission), 2);
    EXPECT_INT(admission_handshakes(admission), 1);
    left(1, PENALTY_NONE, 0);
    left(2, PENALTY_NONE, 0);
    EXPECT_INT(admission_open(admission), 0);
    EXPECT_INT(admission_handshakes(admission), 0);
    finish();
}

/* IPv6: unknown clients with a /64 share what one address has; a terminal among them has a share of
 * its own. */
TEST(admission, strangers_of_a_network_share_and_known_ones_do_not)
{
    char name[32];

    begin(1000, 100, 4);
    known("net/ward");
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "net/%d", i);
        EXPECT_INT(ask(name, 999, 0), REFUSAL_NONE);
    }
    EXPECT_INT(admission_handshakes(admission), 4);
    for (int i = 0; i < 25; i++)
        EXPECT_INT(ask("net/ward", 999, 0), REFUSAL_NONE);
    EXPECT_INT(admission_handshakes(admission), 29);
    EXPECT_INT(dropped_count, 16);
    EXPECT_INT(ask("net/last", 999, 0), REFUSAL_NONE);
    EXPECT_INT(dropped[16], 18); /* the oldest of the unknown clients, not of the ward */
    finish();
}

TEST(admission, the_early_drop_begins_at_half_and_is_certain_at_the_cap)
{
    begin(1000, 100, 100);
    for (int i = 0; i < 50; i++)
        EXPECT_INT(ask("a", 0, 0), REFUSAL_NONE);
    EXPECT_INT(ask("b", 0, 0), REFUSAL_NONE); /* 50 of 100: chance 0 */
    EXPECT_INT(ask("b", 0, 0), REFUSAL_EARLY);
    EXPECT_INT(ask("b", 20, 0), REFUSAL_NONE); /* 51 of 100: 2 % */
    for (int i = 52; i < 75; i++)
        EXPECT_INT(ask("b", 999, 0), REFUSAL_NONE);
    EXPECT_INT(ask("b", 499, 0), REFUSAL_EARLY); /* 75 of 100: 50 % */
    EXPECT_INT(ask("b", 500, 0), REFUSAL_NONE);
    for (int i = 76; i < 100; i++)
        EXPECT_INT(ask("b", 999, 0), REFUSAL_NONE);
    EXPECT_INT(ask("c", 999, 0), REFUSAL_HANDSHAKES);
    finish();
}

/* A known terminal comes back during a flood of unknown clients. */
TEST(admission, where_terminals_come_from_there_is_room_when_strangers_have_taken_all)
{
    begin(1000, 100, 100);
    known("ward");
    known("other-ward");
    for (int i = 0; i < 100; i++)
        EXPECT_INT(ask("strangers", 999, 0), REFUSAL_NONE);
    EXPECT_INT(ask("stranger", 999, 0), REFUSAL_HANDSHAKES);
    for (int i = 0; i < 25; i++)
        EXPECT_INT(ask("ward", 0, 0), REFUSAL_NONE);
    EXPECT_INT(dropped_count, 0);
    /* No reserved place is left: the oldest unknown client is dropped. */
    EXPECT_INT(ask("other-ward", 0, 0), REFUSAL_NONE);
    EXPECT_INT(dropped_count, 1);
    EXPECT_INT(dropped[0], 3);
    EXPECT_INT(admission_refused(admission, REFUSAL_EARLY), 0);
    finish();
}

/* An unknown client behind the ward's own address holds many half handshakes all the time. */
TEST(admission, a_stranger_behind_a_wards_address_does_not_keep_it_out)
{
    begin(1000, 100, 8);
    known("ward");
    for (int i = 0; i < 24; i++)
        EXPECT_INT(ask("ward", 999, 0), REFUSAL_NONE);
    for (int i = 0; i < 12; i++) {
        uint64_t terminal;

        EXPECT_INT(ask("ward", 999, i), REFUSAL_NONE);
        terminal = last_id;
        for (int k = 0; k < 20; k++) /* of the unknown client, during the terminal's handshake */
            EXPECT_INT(ask("ward", 999, i), REFUSAL_NONE);
        for (int k = 0; k < dropped_count; k++)
            EXPECT(dropped[k] != terminal);
        EXPECT(established(terminal));
    }
    finish();
}

/* Every new client gets a place: the oldest is dropped. */
TEST(admission, where_the_oldest_is_replaced_strangers_cannot_fill_it)
{
    struct admission_limits limits = {
        .open = 10, .handshakes = 10, .handshakes_source = 4, .replace = true
    };
    char name[16];

    begin(10, 10, 4);
    admission_set_limits(admission, &limits);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        EXPECT_INT(ask(name, 0, 0), REFUSAL_NONE);
    }
    EXPECT_INT(admission_handshakes(admission), 10);
    EXPECT_INT(dropped_count, 90);
    EXPECT_INT(dropped[89], 90);
    finish();
}

/* One connection that fails so. */
static enum refusal fail_handshake(const char *source, enum penalty penalty, int64_t now_ms)
{
    enum refusal refusal = ask(source, 999, now_ms);

    if (refusal == REFUSAL_NONE)
        left(last_id, penalty, now_ms);
    last_id--;
    return refusal;
}

TEST(admission, one_slip_does_not_hurt_and_a_habit_does)
{
    begin(100, 100, 100);
    EXPECT_INT(fail_handshake("a", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(fail_handshake("a", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(fail_handshake("a", PENALTY_PROTOCOL, 0), REFUSAL_PENALTY); /* 20 s are owed */
    EXPECT_INT(fail_handshake("b", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(fail_handshake("a", PENALTY_NONE, 4999), REFUSAL_PENALTY);
    EXPECT_INT(fail_handshake("a", PENALTY_NONE, 5000),
               REFUSAL_NONE); /* 15 s are left: tolerated */
    finish();
}

/* A client with one address of a network may use them all. */
TEST(admission, a_habit_is_the_networks)
{
    begin(100, 100, 100);
    known("net/ward");
    EXPECT_INT(fail_handshake("net/1", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(fail_handshake("net/2", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(fail_handshake("net/3", PENALTY_PROTOCOL, 0), REFUSAL_PENALTY);
    EXPECT_INT(fail_handshake("net/ward", PENALTY_NONE, 0), REFUSAL_NONE);
    finish();
}

/* A ward behind one address, whose network stood still for a while, or with a stranger behind it
 * who talks nonsense: it did nothing wrong. */
TEST(admission, nothing_is_owed_where_terminals_come_from)
{
    begin(100, 100, 100);
    known("ward");
    for (int i = 0; i < 50; i++) {
        EXPECT_INT(fail_handshake("ward", PENALTY_SILENT, 0), REFUSAL_NONE);
        EXPECT_INT(fail_handshake("ward", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
        (void)fail_handshake("stranger", PENALTY_SILENT, 0);
    }
    EXPECT_INT(fail_handshake("stranger", PENALTY_SILENT, 0), REFUSAL_PENALTY);
    finish();
}

/* Also what goes wrong after the handshake. */
TEST(admission, who_fails_after_the_handshake_owes_too)
{
    begin(100, 100, 100);
    for (int i = 0; i < 2; i++) {
        EXPECT_INT(ask("a", 999, 0), REFUSAL_NONE);
        EXPECT(established(last_id));
        left(last_id, PENALTY_PROTOCOL, 0);
    }
    EXPECT_INT(ask("a", 999, 0), REFUSAL_PENALTY);
    EXPECT_INT(admission_open(admission), 0);
    finish();
}

TEST(admission, no_more_than_ten_minutes_are_owed)
{
    begin(1000, 1000, 1000);
    for (int i = 0; i < 100; i++)
        EXPECT_INT(ask("a", 999, 0), REFUSAL_NONE);
    for (uint64_t i = 1; i <= 100; i++)
        left(i, PENALTY_PROTOCOL, 0);
    EXPECT_INT(fail_handshake("a", PENALTY_NONE, 584999), REFUSAL_PENALTY);
    EXPECT_INT(fail_handshake("a", PENALTY_NONE, 585000), REFUSAL_NONE);
    finish();
}

TEST(admission, memory_is_bounded_and_the_quietest_is_forgotten)
{
    char source[ADMISSION_SOURCE_TEXT];

    begin(1000000, 1000000, 10);
    EXPECT_INT(ask("busy", 999, 0), REFUSAL_NONE); /* under way: never forgotten */
    for (int i = 0; i < ADMISSION_SOURCES + 100; i++) {
        (void)snprintf(source, sizeof(source), "s%d", i);
        for (int k = 0; k < 2; k++)
            EXPECT_INT(fail_handshake(source, PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    }
    EXPECT_INT(fail_handshake("s0", PENALTY_NONE, 0), REFUSAL_NONE); /* forgotten */
    (void)snprintf(source, sizeof(source), "s%d", ADMISSION_SOURCES + 99);
    EXPECT_INT(fail_handshake(source, PENALTY_NONE, 0), REFUSAL_PENALTY);
    left(1, PENALTY_NONE, 0);
    EXPECT_INT(admission_handshakes(admission), 0);
    EXPECT_INT(admission_open(admission), 0);
    finish();
}

/* Each refusal leaves a trace of its own; those of one IPv6 host are endless. */
TEST(admission, who_is_refused_makes_nobody_forgotten)
{
    char source[ADMISSION_SOURCE_TEXT];

    begin(1000, 100, 100);
    known("net/ward");
    known("ward");
    EXPECT_INT(fail_handshake("net/1", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(fail_handshake("net/2", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    for (int i = 0; i <= ADMISSION_SOURCES; i++) {
        (void)snprintf(source, sizeof(source), "net/r%d", i);
        EXPECT_INT(fail_handshake(source, PENALTY_NONE, 0), REFUSAL_PENALTY);
    }
    for (int i = 0; i < 3; i++) {
        EXPECT_INT(fail_handshake("ward", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
        EXPECT_INT(fail_handshake("net/ward", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    }
    finish();
}

/* Nor do those that owe, however many: known ones have a list of their own. */
TEST(admission, strangers_make_no_known_source_forgotten)
{
    char source[ADMISSION_SOURCE_TEXT];

    begin(1000, 100, 100);
    known("ward");
    for (int i = 0; i <= ADMISSION_SOURCES; i++) {
        (void)snprintf(source, sizeof(source), "s%d", i);
        EXPECT_INT(fail_handshake(source, PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    }
    for (int i = 0; i < 3; i++)
        EXPECT_INT(fail_handshake("ward", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    finish();
}

TEST(admission, the_list_of_known_sources_is_bounded_too)
{
    char source[ADMISSION_SOURCE_TEXT];

    begin(1000, 100, 100);
    known("first");
    known("here"); /* and is still there: never forgotten */
    EXPECT_INT(ask("here", 999, 0), REFUSAL_NONE);
    EXPECT(established(last_id));
    for (int i = 0; i <= ADMISSION_SOURCES; i++) {
        (void)snprintf(source, sizeof(source), "k%d", i);
        admission_trust(admission, source);
    }
    for (int i = 0; i < 2; i++) {
        EXPECT_INT(fail_handshake("first", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
        EXPECT_INT(fail_handshake("here", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    }
    EXPECT_INT(fail_handshake("first", PENALTY_NONE, 0), REFUSAL_PENALTY);
    EXPECT_INT(fail_handshake("here", PENALTY_NONE, 0), REFUSAL_NONE);
    finish();
}

TEST(admission, trust_is_taken_back)
{
    begin(1000, 100, 100);
    known("ward");
    admission_distrust(admission, "ward");
    admission_distrust(admission, "nobody");
    for (int i = 0; i < 2; i++)
        EXPECT_INT(fail_handshake("ward", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(fail_handshake("ward", PENALTY_NONE, 0), REFUSAL_PENALTY);
    finish();
}

/* Those that are done with their handshake wait for us; one source cannot take all places so. */
TEST(admission, beyond_its_share_a_place_is_kept_only_until_another_needs_it)
{
    struct admission_limits limits = { .open = 12,
                                       .handshakes = 10,
                                       .handshakes_source = 3,
                                       .established_source = 2,
                                       .replace = true };

    begin(12, 10, 3);
    admission_set_limits(admission, &limits);
    for (int i = 0; i < 20; i++) {
        EXPECT_INT(ask("net/a", 999, 0), REFUSAL_NONE);
        EXPECT_INT(established(last_id), i < 2);
    }
    EXPECT_INT(dropped[0], 3);
    EXPECT_INT(admission_open(admission), 5);
    /* Another address of the network has no share of its own; another network has. */
    EXPECT_INT(ask("net/b", 999, 0), REFUSAL_NONE);
    EXPECT(!established(last_id));
    EXPECT_INT(ask("other", 999, 0), REFUSAL_NONE);
    EXPECT(established(last_id));
    /* It has been answered: its place is free for the next of its source. */
    left(1, PENALTY_NONE, 0);
    EXPECT(established(20));
    EXPECT_INT(admission_open(admission), 5);
    finish();
}

/* A ward behind one address, switched on at once. */
TEST(admission, a_known_source_has_twice_the_share)
{
    struct admission_limits limits = { .open = 100,
                                       .handshakes = 100,
                                       .handshakes_source = 100,
                                       .established_source = 2,
                                       .replace = true };

    begin(100, 100, 100);
    admission_set_limits(admission, &limits);
    known("ward");
    for (int i = 0; i < 6; i++) {
        EXPECT_INT(ask("ward", 999, 0), REFUSAL_NONE);
        EXPECT_INT(established(last_id), i < 4);
    }
    finish();
}

/* The news that it should end comes too late, or not. */
TEST(admission, who_was_dropped_meanwhile_is_within_the_share_or_ends)
{
    struct admission_limits limits = { .open = 100,
                                       .handshakes = 100,
                                       .handshakes_source = 1,
                                       .established_source = 1,
                                       .replace = true };

    begin(100, 100, 1);
    admission_set_limits(admission, &limits);
    for (int i = 0; i < 3; i++)
        EXPECT_INT(ask("a", 999, 0), REFUSAL_NONE);
    EXPECT_INT(dropped_count, 2);
    EXPECT(established(1));
    EXPECT(!established(2));
    left(2, PENALTY_NONE, 0);
    EXPECT_INT(admission_open(admission), 2);
    left(1, PENALTY_NONE, 0);
    left(3, PENALTY_NONE, 0);
    EXPECT_INT(admission_open(admission), 0);
    EXPECT_INT(admission_handshakes(admission), 0);
    finish();
}

TEST_MAIN()
