/* test_wait.c - waiting for an event, in a queue, and for time. */
#include "berth/wait.h"

#include "test.h"

struct waiter {
    struct op op;
    struct waitq_entry wait;
    struct delay delay;
    int done;
};

static struct berth_timers timers;
static struct list waitq;

static void done(struct op *op, int result)
{
    EXPECT_INT(result, 0);
    container_of(op, struct waiter, op)->done++;
}

static void begin(struct waiter *waiter)
{
    memset(waiter, 0, sizeof(*waiter));
    op_init(&waiter->op, &timers, done);
}

TEST(waitq, waking_it_completes_all_later)
{
    struct waiter a;
    struct waiter b;

    timers_init(&timers, 1000, 0);
    list_init(&waitq);
    begin(&a);
    begin(&b);
    EXPECT_OK(waitq_wait(&waitq, &a.wait, &a.op));
    EXPECT_OK(waitq_wait(&waitq, &b.wait, &b.op));
    waitq_wake(&waitq);
    EXPECT_INT(a.done + b.done, 0); /* never from inside */
    deferred_run(&timers);
    EXPECT_INT(a.done, 1);
    EXPECT_INT(b.done, 1);
    EXPECT(list_empty(&waitq));
    timers_free(&timers);
}

TEST(waitq, who_leaves_hears_nothing)
{
    struct waiter a;
    struct waiter b;

    timers_init(&timers, 1000, 0);
    list_init(&waitq);
    begin(&a);
    begin(&b);
    EXPECT_OK(waitq_wait(&waitq, &a.wait, &a.op));
    EXPECT_OK(waitq_wait(&waitq, &b.wait, &b.op));
    op_cancel(&a.op);
    waitq_wake(&waitq);
    op_cancel(&b.op); /* the queue was woken, and it has not been told yet */
    deferred_run(&timers);
    EXPECT_INT(a.done + b.done, 0);
    timers_free(&timers);
}

TEST(waitq, whoever_comes_while_it_is_woken_waits_for_the_next_time)
{
    struct waiter a;

    timers_init(&timers, 1000, 0);
    list_init(&waitq);
    waitq_wake(&waitq);
    begin(&a);
    EXPECT_OK(waitq_wait(&waitq, &a.wait, &a.op));
    deferred_run(&timers);
    EXPECT_INT(a.done, 0);
    waitq_wake(&waitq);
    deferred_run(&timers);
    EXPECT_INT(a.done, 1);
    timers_free(&timers);
}

TEST(delay, completes_after_its_time)
{
    struct waiter a;

    timers_init(&timers, 1000, 0);
    begin(&a);
    EXPECT_OK(delay_begin(&a.delay, 250, &a.op));
    timers_advance(&timers, 1249, 0);
    EXPECT_INT(a.done, 0);
    timers_advance(&timers, 1250, 0);
    EXPECT_INT(a.done, 1);
    timers_free(&timers);
}

TEST(delay, called_off_is_silent)
{
    struct waiter a;

    timers_init(&timers, 1000, 0);
    begin(&a);
    EXPECT_OK(delay_begin(&a.delay, 250, &a.op));
    op_cancel(&a.op);
    timers_advance(&timers, 2000, 0);
    EXPECT_INT(a.done, 0);
    EXPECT_INT(timers.count, 0);
    timers_free(&timers);
}

TEST(delay, skipped_completes_at_the_next_turn)
{
    struct waiter a;

    timers_init(&timers, 1000, 0);
    begin(&a);
    EXPECT_OK(delay_begin(&a.delay, 250, &a.op));
    delay_skip(&a.delay);
    EXPECT_INT(a.done, 0);
    timers_advance(&timers, 1000, 0);
    EXPECT_INT(a.done, 1);
    delay_skip(&a.delay); /* not active any more */
    timers_advance(&timers, 1000, 0);
    EXPECT_INT(a.done, 1);
    timers_free(&timers);
}

TEST(event_wait, ends_once_and_only_while_it_is_active)
{
    struct waiter a;
    struct event_wait wait = { 0 };

    timers_init(&timers, 1000, 0);
    begin(&a);
    EXPECT(!event_wait_end(&wait, 0, NULL));
    EXPECT_OK(event_wait_begin(&wait, &a.op));
    EXPECT(event_wait_active(&wait));
    EXPECT(event_wait_end(&wait, 0, NULL));
    EXPECT(!event_wait_end(&wait, 0, NULL));
    EXPECT_INT(a.done, 1);
    EXPECT_OK(event_wait_begin(&wait, &a.op));
    op_cancel(&a.op);
    EXPECT(!event_wait_active(&wait));
    EXPECT_INT(a.done, 1);
    timers_free(&timers);
}

TEST_MAIN()
