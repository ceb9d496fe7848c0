/* test_gate.c - waiting for a fact, and for time. */
#include "flow/gate.h"

#include "test.h"

struct waiter {
    struct op op;
    struct gate_wait wait;
    struct pause pause;
    int done;
};

static struct berth_timers timers;
static struct list gate;

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

TEST(gate, opening_it_lets_all_through_later)
{
    struct waiter a;
    struct waiter b;

    timers_init(&timers, 1000, 0);
    list_init(&gate);
    begin(&a);
    begin(&b);
    EXPECT_OK(gate_wait(&gate, &a.wait, &a.op));
    EXPECT_OK(gate_wait(&gate, &b.wait, &b.op));
    gate_open(&gate);
    EXPECT_INT(a.done + b.done, 0); /* never from inside */
    soon_run(&timers);
    EXPECT_INT(a.done, 1);
    EXPECT_INT(b.done, 1);
    EXPECT(list_empty(&gate));
    timers_free(&timers);
}

TEST(gate, who_leaves_hears_nothing)
{
    struct waiter a;
    struct waiter b;

    timers_init(&timers, 1000, 0);
    list_init(&gate);
    begin(&a);
    begin(&b);
    EXPECT_OK(gate_wait(&gate, &a.wait, &a.op));
    EXPECT_OK(gate_wait(&gate, &b.wait, &b.op));
    op_cancel(&a.op);
    gate_open(&gate);
    op_cancel(&b.op); /* the gate is open, and it has not been told yet */
    soon_run(&timers);
    EXPECT_INT(a.done + b.done, 0);
    timers_free(&timers);
}

TEST(gate, whoever_comes_while_it_opens_waits_for_the_next_time)
{
    struct waiter a;

    timers_init(&timers, 1000, 0);
    list_init(&gate);
    gate_open(&gate);
    begin(&a);
    EXPECT_OK(gate_wait(&gate, &a.wait, &a.op));
    soon_run(&timers);
    EXPECT_INT(a.done, 0);
    gate_open(&gate);
    soon_run(&timers);
    EXPECT_INT(a.done, 1);
    timers_free(&timers);
}

TEST(pause, completes_after_its_time)
{
    struct waiter a;

    timers_init(&timers, 1000, 0);
    begin(&a);
    EXPECT_OK(pause_begin(&a.pause, 250, &a.op));
    timers_advance(&timers, 1249, 0);
    EXPECT_INT(a.done, 0);
    timers_advance(&timers, 1250, 0);
    EXPECT_INT(a.done, 1);
    timers_free(&timers);
}

TEST(pause, called_off_is_silent)
{
    struct waiter a;

    timers_init(&timers, 1000, 0);
    begin(&a);
    EXPECT_OK(pause_begin(&a.pause, 250, &a.op));
    op_cancel(&a.op);
    timers_advance(&timers, 2000, 0);
    EXPECT_INT(a.done, 0);
    EXPECT_INT(timers.count, 0);
    timers_free(&timers);
}

TEST_MAIN()
