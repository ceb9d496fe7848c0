/* test_loop.c - the loop: timers count from now, mail keeps its order, a stall moves deadlines. */
#include <time.h>
#include <unistd.h>

#include "berth/loop.h"

#include "test.h"

static struct berth_loop loop;
static int fired;
static int64_t fired_ms;

static void fire(struct berth_timer *timer)
{
    (void)timer;
    fired++;
    fired_ms = clock_mono_ms();
}

static void begin(void)
{
    struct berth_error error = { 0 };

    fired = 0;
    EXPECT_OK(loop_init(&loop, &error));
}

TEST(loop, a_timer_fires_after_its_time_and_not_before)
{
    struct berth_timer timer = { 0 };
    int64_t began;

    begin();
    began = loop.timers.mono_ms;
    timer_start(&loop.timers, &timer, 60, fire);
    (void)UNTIL(fired, loop_turn(&loop, 1000));
    EXPECT(fired_ms - began >= 60);
    loop_close(&loop);
}

static void fire_and_stop(struct berth_timer *timer)
{
    fire(timer);
    loop_stop(&loop);
}

/* A program that takes long to start has not listened meanwhile. */
TEST(loop, what_is_armed_before_it_runs_counts_from_its_start)
{
    const struct timespec nap = { .tv_nsec = 120 * 1000000 };
    struct berth_timer timer = { 0 };
    int64_t began;

    begin();
    timer_start(&loop.timers, &timer, 60, fire_and_stop);
    (void)nanosleep(&nap, NULL);
    began = clock_mono_ms();
    loop_run(&loop);
    EXPECT_INT(fired, 1);
    EXPECT(fired_ms - began >= 60);
    loop_close(&loop);
}

struct letter {
    struct loop_mail mail;
    int number;
    bool last;
};
static int delivered[64];
static int delivered_count;
static struct berth_timer late_timer;
static int64_t armed_ms;

static void deliver(struct loop_mail *mail)
{
    struct letter *letter = container_of(mail, struct letter, mail);

    delivered[delivered_count++] = letter->number;
    if (letter->last) {
        armed_ms = loop.turn_began_us / 1000; /* a callback may come late in its turn */
        timer_start(&loop.timers, &late_timer, 50, fire);
        loop_stop(&loop);
    }
    free(letter);
}

static void sender(void *unused)
{
    (void)unused;
    for (int i = 0; i < 50; i++) {
        struct letter *letter = berth_new(struct letter);

        letter->mail.run = deliver;
        letter->number = i;
        letter->last = i == 49;
        if (letter->last)
            (void)usleep(150000); /* the loop is asleep by now, without any timer */
        loop_post(&loop, &letter->mail);
    }
}

TEST(loop, mail_from_another_thread_arrives_in_order_and_timers_count_from_then)
{
    uv_thread_t thread;

    begin();
    delivered_count = 0;
    EXPECT_OK(uv_thread_create(&thread, sender, NULL));
    loop_run(&loop);
    for (int i = 0; i < 50; i++)
        EXPECT_INT(delivered[i], i);
    (void)UNTIL(fired, loop_turn(&loop, 1000));
    EXPECT(fired_ms - armed_ms >= 50);
    EXPECT_OK(uv_thread_join(&thread));
    loop_close(&loop);
}

TEST(loop, a_list_of_mail_arrives_whole_and_in_order)
{
    struct list letters;

    begin();
    delivered_count = 0;
    list_init(&letters);
    loop_post_all(&loop, &letters); /* nothing: no wakeup */
    for (int i = 0; i < 3; i++) {
        struct letter *letter = berth_new(struct letter);

        letter->mail.run = deliver;
        letter->number = i;
        list_append(&letters, &letter->mail.node);
    }
    loop_post_all(&loop, &letters);
    EXPECT(list_empty(&letters));
    loop_turn(&loop, 1000);
    EXPECT_INT(delivered_count, 3);
    for (int i = 0; i < 3; i++)
        EXPECT_INT(delivered[i], i);
    loop_close(&loop);
}

static void hold(struct loop_mail *mail)
{
    (void)usleep(1600000);
    free(mail);
}

static struct loop_mail *heavy_mail(void)
{
    struct loop_mail *mail = berth_new(struct loop_mail);

    mail->run = hold;
    return mail;
}

TEST(loop, a_stall_moves_deadlines_and_is_counted)
{
    struct berth_timer timer = { 0 };
    int64_t began;

    begin();
    loop_watch_stalls(&loop);
    began = loop.timers.mono_ms;
    timer_start(&loop.timers, &timer, 2000, fire);
    loop_post(&loop, heavy_mail());
    (void)UNTIL(fired, loop_turn(&loop, 1000));
    /* 1.6 s were lost, of which the tick's own 250 ms are no delay. */
    EXPECT(fired_ms - began >= 2000 + 1600 - 250);
    EXPECT(loop.stalls >= 1);
    EXPECT(loop.slow_turns >= 1);
    EXPECT(loop.max_turn_us >= 1600000);
    loop_close(&loop);
}

TEST(loop, without_the_guard_a_deadline_stays)
{
    struct berth_timer timer = { 0 };
    int64_t deadline_ms;

    begin();
    timer_start(&loop.timers, &timer, 5000, fire);
    deadline_ms = loop.timers.heap[0].deadline_ms;
    loop_post(&loop, heavy_mail());
    for (int i = 0; i < 3; i++)
        loop_turn(&loop, 10);
    EXPECT_INT(loop.timers.heap[0].deadline_ms, deadline_ms);
    EXPECT_INT(loop.stalls, 0);
    loop_close(&loop);
}

TEST(loop, mail_that_waits_at_the_end_is_still_run)
{
    struct letter *letter = berth_new(struct letter);

    begin();
    delivered_count = 0;
    letter->mail.run = deliver;
    letter->number = 7;
    loop_post(&loop, &letter->mail);
    loop_close(&loop);
    EXPECT_INT(delivered_count, 1);
    EXPECT_INT(delivered[0], 7);
}

TEST_MAIN()
