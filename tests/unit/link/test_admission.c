/* Admission: caps, the early drop, debts that add up and run off. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "link/admission.h"

#include "test.h"

static struct admission *admission;

static void begin(int64_t open, int64_t handshakes, int64_t source)
{
    struct admission_limits limits = { open, handshakes, source };

    admission = admission_new(&limits, (struct map_key){ 1, 2 });
}

static void finish(void)
{
    admission_free(admission);
}

static void expect_source(const char *address, const char *wanted)
{
    struct sockaddr_storage at = { 0 };
    struct sockaddr_in *v4 = (void *)&at;
    struct sockaddr_in6 *v6 = (void *)&at;
    char source[ADMISSION_SOURCE_TEXT];

    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1)
        at.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1)
        at.ss_family = AF_INET6;
    admission_source((struct sockaddr *)&at, source);
    EXPECT_STR(source, wanted);
}

TEST(admission, a_source_is_an_address_or_a_network_of_64_bits)
{
    expect_source("192.0.2.7", "192.0.2.7");
    expect_source("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
    expect_source("::ffff:192.0.2.7", "192.0.2.7");
    expect_source("unix", "unknown");
}

TEST(admission, caps_in_all_and_per_source)
{
    begin(5, 100, 2);
    EXPECT_INT(admission_ask(admission, "a", 999, 0), REFUSAL_NONE);
    EXPECT_INT(admission_ask(admission, "a", 999, 0), REFUSAL_NONE);
    EXPECT_INT(admission_ask(admission, "a", 999, 0), REFUSAL_SOURCE);
    admission_shaken(admission, "a");
    EXPECT_INT(admission_ask(admission, "a", 999, 0), REFUSAL_NONE);
    EXPECT_INT(admission_ask(admission, "b", 999, 0), REFUSAL_NONE);
    EXPECT_INT(admission_ask(admission, "c", 999, 0), REFUSAL_NONE);
    EXPECT_INT(admission_ask(admission, "d", 999, 0), REFUSAL_FULL);
    EXPECT_INT(admission_open(admission), 5);
    EXPECT_INT(admission_handshakes(admission), 4);
    admission_left(admission, "a", true, PENALTY_NONE, 0);
    EXPECT_INT(admission_ask(admission, "d", 999, 0), REFUSAL_NONE);
    EXPECT_INT(admission_refused(admission, REFUSAL_SOURCE), 1);
    EXPECT_INT(admission_refused(admission, REFUSAL_FULL), 1);
    finish();
}

TEST(admission, the_early_drop_begins_at_half_and_is_certain_at_the_cap)
{
    begin(1000, 100, 100);
    for (int i = 0; i < 50; i++)
        EXPECT_INT(admission_ask(admission, "a", 0, 0), REFUSAL_NONE);
    EXPECT_INT(admission_ask(admission, "b", 0, 0), REFUSAL_NONE); /* 50 of 100: chance 0 */
    EXPECT_INT(admission_ask(admission, "b", 0, 0), REFUSAL_EARLY);
    EXPECT_INT(admission_ask(admission, "b", 20, 0), REFUSAL_NONE); /* 51 of 100: 2 % */
    for (int i = 52; i < 75; i++)
        EXPECT_INT(admission_ask(admission, "b", 999, 0), REFUSAL_NONE);
    EXPECT_INT(admission_ask(admission, "b", 499, 0), REFUSAL_EARLY); /* 75 of 100: 50 % */
    EXPECT_INT(admission_ask(admission, "b", 500, 0), REFUSAL_NONE);
    for (int i = 76; i < 100; i++)
        EXPECT_INT(admission_ask(admission, "b", 999, 0), REFUSAL_NONE);
    EXPECT_INT(admission_ask(admission, "c", 999, 0), REFUSAL_HANDSHAKES);
    finish();
}

/* A terminal that everybody knows comes back in the middle of a flood of strangers. */
TEST(admission, where_terminals_come_from_there_is_room_when_strangers_have_taken_all)
{
    begin(1000, 100, 100);
    EXPECT_INT(admission_ask(admission, "ward", 999, 0), REFUSAL_NONE);
    admission_shaken(admission, "ward");
    admission_trust(admission, "ward");
    admission_left(admission, "ward", true, PENALTY_NONE, 0);
    for (int i = 0; i < 100; i++)
        EXPECT_INT(admission_ask(admission, "strangers", 999, 0), REFUSAL_NONE);
    EXPECT_INT(admission_ask(admission, "stranger", 999, 0), REFUSAL_HANDSHAKES);
    for (int i = 0; i < 25; i++)
        EXPECT_INT(admission_ask(admission, "ward", 0, 0), REFUSAL_NONE);
    EXPECT_INT(admission_ask(admission, "ward", 999, 0), REFUSAL_HANDSHAKES);
    EXPECT_INT(admission_refused(admission, REFUSAL_EARLY), 0);
    finish();
}

/* One connection that fails so. */
static enum refusal knock_badly(const char *source, enum penalty penalty, int64_t now_ms)
{
    enum refusal refusal = admission_ask(admission, source, 999, now_ms);

    if (refusal == REFUSAL_NONE)
        admission_left(admission, source, false, penalty, now_ms);
    return refusal;
}

TEST(admission, one_slip_does_not_hurt_and_a_habit_does)
{
    begin(100, 100, 100);
    EXPECT_INT(knock_badly("a", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(knock_badly("a", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(knock_badly("a", PENALTY_PROTOCOL, 0), REFUSAL_PENALTY); /* 20 s are owed */
    EXPECT_INT(knock_badly("b", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(knock_badly("a", PENALTY_NONE, 4999), REFUSAL_PENALTY);
    EXPECT_INT(knock_badly("a", PENALTY_NONE, 5000), REFUSAL_NONE); /* 15 s are left: tolerated */
    finish();
}

/* A ward behind one address, whose network stood still for a while: its handshakes came to nothing,
 * and it did nothing wrong. */
TEST(admission, silence_is_no_failure_where_terminals_come_from)
{
    begin(100, 100, 100);
    EXPECT_INT(admission_ask(admission, "ward", 999, 0), REFUSAL_NONE);
    admission_shaken(admission, "ward");
    admission_trust(admission, "ward");
    admission_left(admission, "ward", true, PENALTY_NONE, 0);
    for (int i = 0; i < 50; i++) {
        EXPECT_INT(knock_badly("ward", PENALTY_SILENT, 0), REFUSAL_NONE);
        (void)knock_badly("stranger", PENALTY_SILENT, 0);
    }
    EXPECT_INT(knock_badly("stranger", PENALTY_SILENT, 0), REFUSAL_PENALTY);
    EXPECT_INT(knock_badly("ward", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(knock_badly("ward", PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    EXPECT_INT(knock_badly("ward", PENALTY_NONE, 0), REFUSAL_PENALTY);
    finish();
}

TEST(admission, no_more_than_ten_minutes_are_owed)
{
    begin(1000, 1000, 1000);
    for (int i = 0; i < 100; i++)
        EXPECT_INT(admission_ask(admission, "a", 999, 0), REFUSAL_NONE);
    for (int i = 0; i < 100; i++)
        admission_left(admission, "a", false, PENALTY_PROTOCOL, 0);
    EXPECT_INT(knock_badly("a", PENALTY_NONE, 584999), REFUSAL_PENALTY);
    EXPECT_INT(knock_badly("a", PENALTY_NONE, 585000), REFUSAL_NONE);
    finish();
}

TEST(admission, memory_is_bounded_and_the_quietest_is_forgotten)
{
    char source[ADMISSION_SOURCE_TEXT];

    begin(1000000, 1000000, 10);
    EXPECT_INT(admission_ask(admission, "busy", 999, 0),
               REFUSAL_NONE); /* under way: never forgotten */
    for (int i = 0; i < ADMISSION_SOURCES + 100; i++) {
        (void)snprintf(source, sizeof(source), "s%d", i);
        for (int k = 0; k < 2; k++)
            EXPECT_INT(knock_badly(source, PENALTY_PROTOCOL, 0), REFUSAL_NONE);
    }
    EXPECT_INT(knock_badly("s0", PENALTY_NONE, 0), REFUSAL_NONE); /* forgotten */
    (void)snprintf(source, sizeof(source), "s%d", ADMISSION_SOURCES + 99);
    EXPECT_INT(knock_badly(source, PENALTY_NONE, 0), REFUSAL_PENALTY);
    admission_left(admission, "busy", false, PENALTY_NONE, 0);
    EXPECT_INT(admission_handshakes(admission), 0);
    EXPECT_INT(admission_open(admission), 0);
    finish();
}

TEST_MAIN()
