/* test.h - macros of Berth's unit tests, on top of cmocka.
 *
 *     TEST(pool, full_pool_says_so) { ... EXPECT_ERR(pool_want(...), BERTH_E_NO_DESKTOP); }
 *     TEST_MAIN()
 *
 * Every TEST registers itself; TEST_MAIN runs them in the order of the file.
 */
#ifndef BERTH_TESTS_TEST_H
#define BERTH_TESTS_TEST_H

/* cmocka.h needs the others before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

#define TESTS_MAX 200

static struct CMUnitTest tests_[TESTS_MAX];
static size_t tests_count_;

#define TEST(thing, claim)                                                                       \
    static void thing##_##claim(void **state_);                                                  \
    __attribute__((constructor)) static void thing##_##claim##_register(void)                    \
    {                                                                                            \
        if (tests_count_ < TESTS_MAX)                                                            \
            tests_[tests_count_++] =                                                             \
                (struct CMUnitTest){ .name = #thing ": " #claim, .test_func = thing##_##claim }; \
    }                                                                                            \
    static void thing##_##claim(__attribute__((unused)) void **state_)

#define TEST_MAIN()                                                                        \
    int main(void)                                                                         \
    {                                                                                      \
        return _cmocka_run_group_tests("tests", tests_, tests_count_, NULL, NULL) ? 1 : 0; \
    }

#define EXPECT(condition) assert_true(condition)
#define EXPECT_OK(call) assert_int_equal((call), 0)
#define EXPECT_ERR(call, code) assert_int_equal((call), (code))
#define EXPECT_INT(value, wanted) assert_int_equal((value), (wanted))
#define EXPECT_STR(value, wanted) assert_string_equal((value), (wanted))

/* How long an event is waited for that a working program brings about: BERTH_WAIT_LIMIT_S seconds,
 * 300 where it is not set. Only a broken one takes so long, however slow the machine; what tests
 * judge is the event. */
static inline int64_t test_wait_limit_ms(void)
{
    const char *text = getenv("BERTH_WAIT_LIMIT_S");
    int64_t seconds = text ? strtoll(text, NULL, 10) : 0;

    return (seconds > 0 ? seconds : 300) * 1000;
}

/* Do `turn` until the condition holds; the value is the ms that it took. After limit_ms of the
 * clock `now_ms` the test fails with the condition. */
#define UNTIL_BY(now_ms, limit_ms, condition, turn) \
    UNTIL_(now_ms, limit_ms, condition, #condition, turn)

#define UNTIL_(now_ms, limit_ms, condition, text, turn)                                      \
    ({                                                                                       \
        int64_t began_ = (now_ms);                                                           \
        while (!(condition)) {                                                               \
            if ((now_ms)-began_ >= (limit_ms))                                               \
                fail_msg("timeout: after %lld ms still not true: %s", (long long)(limit_ms), \
                         (text));                                                            \
            turn;                                                                            \
        }                                                                                    \
        (now_ms) - began_;                                                                   \
    })

/* By real time; `turn` must come back by itself. Needs berth/loop.h. */
#define UNTIL(condition, turn) \
    UNTIL_(clock_mono_ms(), test_wait_limit_ms(), condition, #condition, turn)

/* The text holds the part. */
#define EXPECT_SAYS(text, part)                                 \
    do {                                                        \
        if (!strstr((text), (part)))                            \
            fail_msg("'%s' does not say '%s'", (text), (part)); \
    } while (0)

#endif
