/* test_limiter.c - guessing passwords costs more and more time, and other users do not wait for it.
 */
#include "auth/limiter.h"

#include "test.h"

static struct limiter limiter;

static void begin(void)
{
    limiter_init(&limiter, (struct map_key){ 1, 2 });
}

/* Fail `count` times, each as early as allowed; returns the time after the last. */
static int64_t fail_times(const char *who, const char *where, int count, int64_t now_ms)
{
    for (int i = 0; i < count;) {
        int64_t wait_ms = limiter_charge(&limiter, who, where, now_ms);

        now_ms += wait_ms;
        i += wait_ms == 0;
    }
    return now_ms;
}

TEST(limiter, delays_double_up_to_a_minute)
{
    static const int64_t wanted_s[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
    int64_t now_ms = 1000;

    begin();
    for (size_t i = 0; i < BERTH_COUNT(wanted_s); i++) {
        EXPECT_INT(limiter_charge(&limiter, "anna", "icu-07", now_ms), 0);
        EXPECT_INT(limiter_charge(&limiter, "anna", "icu-07", now_ms), wanted_s[i] * 1000);
        now_ms += wanted_s[i] * 1000;
    }
    limiter_clear(&limiter);
}

TEST(limiter, the_delay_counts_from_the_verdict)
{
    begin();
    EXPECT_INT(limiter_charge(&limiter, "anna", "icu-07", 1000), 0);
    /* The queue for hashing was long: the verdict comes when the delay would be over. */
    limiter_failure(&limiter, "anna", "icu-07", 9000);
    EXPECT_INT(limiter_charge(&limiter, "anna", "icu-07", 9000), 1000);
    EXPECT_INT(limiter_charge(&limiter, "anna", "icu-07", 10000), 0);
    limiter_failure(&limiter, "nobody", "here", 9000); /* never charged: nothing to delay */
    limiter_clear(&limiter);
}

TEST(limiter, failures_at_one_terminal_never_refuse_the_person_at_another)
{
    int64_t now_ms;

    begin();
    now_ms = fail_times("anna", "lobby", 200, 0);
    EXPECT(limiter_charge(&limiter, "anna", "lobby", now_ms) > 0);
    EXPECT_INT(limiter_charge(&limiter, "anna", "icu-07", now_ms), 0);
    limiter_success(&limiter, "anna", "icu-07");
    EXPECT_INT(limiter_charge(&limiter, "anna", "icu-07", now_ms), 0);
    limiter_clear(&limiter);
}

TEST(limiter, others_at_the_same_terminal_may_try_until_it_has_guessed_often)
{
    char name[16];

    begin();
    for (int i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof(name), "user%d", i);
        EXPECT_INT(limiter_charge(&limiter, name, "lobby", 0), 0);
    }
    EXPECT_INT(limiter_charge(&limiter, "user10", "lobby", 0), 0);
    EXPECT_INT(limiter_charge(&limiter, "user11", "lobby", 0), 1000);
    EXPECT_INT(limiter_charge(&limiter, "user11", "icu-07", 0), 0);
    limiter_clear(&limiter);
}

TEST(limiter, one_name_guessed_at_many_terminals_is_slowed_but_taken)
{
    char where[16];

    begin();
    for (int i = 0; i < 40; i++) {
        (void)snprintf(where, sizeof(where), "t%d", i);
        EXPECT_INT(limiter_charge(&limiter, "anna", where, 0), 0);
    }
    EXPECT_INT(limiter_charge(&limiter, "anna", "t0", 0), 1000);
    EXPECT_INT(limiter_charge(&limiter, "anna", "t39", 0), 8000);
    EXPECT_INT(limiter_charge(&limiter, "anna", "t40", 0), 0);
    limiter_clear(&limiter);
}

TEST(limiter, the_right_password_forgets_the_pair_and_a_refund_leaves_nothing)
{
    begin();
    (void)fail_times("anna", "icu-07", 3, 0);
    limiter_success(&limiter, "anna", "icu-07");
    EXPECT_INT(limiter_charge(&limiter, "anna", "icu-07", 0), 0);
    limiter_clear(&limiter);
    begin();
    EXPECT_INT(limiter_charge(&limiter, "anna", "icu-07", 0), 0);
    limiter_refund(&limiter, "anna", "icu-07");
    EXPECT_INT(limiter.count, 0);
    limiter_clear(&limiter);
}

TEST(limiter, all_is_forgotten_after_ten_minutes)
{
    int64_t now_ms;

    begin();
    now_ms = fail_times("anna", "icu-07", 8, 0) + 600000;
    EXPECT_INT(limiter_charge(&limiter, "bert", "icu-08", now_ms), 0);
    EXPECT_INT(limiter.count, 3);
    EXPECT_INT(limiter_charge(&limiter, "anna", "icu-07", now_ms), 0);
    EXPECT_INT(limiter_charge(&limiter, "anna", "icu-07", now_ms), 1000);
    limiter_clear(&limiter);
}

TEST(limiter, memory_is_bounded_and_the_oldest_goes_first)
{
    char name[24];

    begin();
    for (int i = 0; i < 40000; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        (void)limiter_charge(&limiter, name, name, i);
    }
    EXPECT_INT(limiter.count, LIMITER_MAX);
    EXPECT(limiter_charge(&limiter, "n39999", "n39999", 39999) > 0);
    limiter_clear(&limiter);
    EXPECT_INT(limiter.count, 0);
}

TEST(limiter, names_with_odd_characters_are_not_mixed_up)
{
    begin();
    EXPECT_INT(limiter_charge(&limiter, "b:c", "a", 0), 0);
    EXPECT_INT(limiter_charge(&limiter, "c", "a:b", 0), 0);
    limiter_clear(&limiter);
}

TEST_MAIN()
