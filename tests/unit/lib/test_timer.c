/* test_timer.c - deadlines fire in order, never early, and never hold the loop. */
#include "berth/random.h"
#include "berth/timer.h"

#include "random_seeded.h"
#include "test.h"

struct alarm {
    struct berth_timer timer;
    int64_t due_ms;
    int fired;
};

static struct berth_timers timers;
static int64_t last_due_ms;

static void ring(struct berth_timer *timer)
{
    struct alarm *alarm = container_of(timer, struct alarm, timer);

    alarm->fired++;
    EXPECT(alarm->due_ms <= timers.mono_ms);
    EXPECT(alarm->due_ms >= last_due_ms);
    last_due_ms = alarm->due_ms;
}

TEST(timer, many_fire_in_order_and_stopped_ones_do_not)
{
    enum { ALARMS = 3000 };
    static struct alarm alarms[ALARMS];
    struct berth_random random;

    random_seeded(&random, 11);
    timers_init(&timers, 1000, 0);
    for (size_t i = 0; i < ALARMS; i++) {
        int64_t delay_ms = (int64_t)random_below(&random, 10000);

        alarms[i].due_ms = 1000 + delay_ms;
        timer_start(&timers, &alarms[i].timer, delay_ms, ring);
    }
    for (size_t i = 0; i < ALARMS; i += 3)
        timer_stop(&timers, &alarms[i].timer);
    while (timers_next(&timers) >= 0)
        timers_advance(
            &timers, timers.mono_ms + timers_next(&timers) + (int64_t)random_below(&random, 5), 0);
    for (size_t i = 0; i < ALARMS; i++)
        EXPECT_INT(alarms[i].fired, i % 3 ? 1 : 0);
    timers_free(&timers);
}

static int rearmed;

static void rearm(struct berth_timer *timer)
{
    rearmed++;
    timer_start(&timers, timer, 0, rearm);
}

/* A renewal moves its timer instead of taking it out and putting it in again. */
TEST(timer, one_that_is_armed_again_fires_once_at_its_new_time)
{
    enum { ALARMS = 500 };
    static struct alarm alarms[ALARMS];
    struct berth_random random;

    random_seeded(&random, 12);
    timers_init(&timers, 1000, 0);
    last_due_ms = 0;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < ALARMS; i++) {
            int64_t delay_ms = (int64_t)random_below(&random, 10000);

            if (round > 0 && random_below(&random, 2))
                continue;
            alarms[i].due_ms = 1000 + delay_ms; /* earlier or later than before */
            timer_start(&timers, &alarms[i].timer, delay_ms, ring);
        }
    }
    EXPECT_INT((int)timers.count, ALARMS);
    for (int64_t at = 1000; at <= 11000; at += 10)
        timers_advance(&timers, at, 0);
    for (size_t i = 0; i < ALARMS; i++)
        EXPECT_INT(alarms[i].fired, 1);
    timers_free(&timers);
}

TEST(timer, one_armed_with_zero_again_and_again_does_not_hold_the_loop)
{
    struct berth_timer timer = { 0 };

    timers_init(&timers, 0, 0);
    timer_start(&timers, &timer, 0, rearm);
    timers_advance(&timers, 1, 0);
    EXPECT_INT(rearmed, 1);
    timers_advance(&timers, 1, 0);
    EXPECT_INT(rearmed, 2);
    timers_free(&timers);
}

TEST(timer, time_never_goes_back_and_a_shift_moves_every_deadline)
{
    struct alarm alarm = { .due_ms = 0 };

    last_due_ms = 0;
    timers_init(&timers, 5000, 0);
    timer_start(&timers, &alarm.timer, 100, ring);
    timers_advance(&timers, 3000, 0);
    EXPECT_INT(timers.mono_ms, 5000);
    timers_shift(&timers, 1000);
    EXPECT_INT(timer_deadline_ms(&timers, &alarm.timer), 6100);
    timers_advance(&timers, 6099, 0);
    EXPECT_INT(alarm.fired, 0);
    timers_advance(&timers, 6100, 0);
    EXPECT_INT(alarm.fired, 1);
    timers_free(&timers);
}

static struct berth_deferred second;
static int order;

static void run_second(berth_unused struct berth_deferred *deferred)
{
    EXPECT_INT(order++, 1);
}

static void run_first(berth_unused struct berth_deferred *deferred)
{
    EXPECT_INT(order++, 0);
    deferred_add(&timers, &second, run_second);
}

TEST(deferred, what_is_added_meanwhile_runs_in_the_same_turn)
{
    struct berth_deferred first;
    struct berth_deferred never;

    timers_init(&timers, 0, 0);
    deferred_add(&timers, &first, run_first);
    deferred_add(&timers, &never, run_first);
    deferred_cancel(&never);
    EXPECT_INT(timers_next(&timers), 0);
    deferred_run(&timers);
    EXPECT_INT(order, 2);
    EXPECT_INT(timers_next(&timers), -1);
    timers_free(&timers);
}

TEST_MAIN()
