/* test_offload.c - the thread pool: results by value, BUSY when full, cancel is silent, closing
 * completes what waits. */
#include <stdatomic.h>
#include <unistd.h>

#include "berth/offload.h"

#include "test.h"

static struct berth_loop loop;
static struct offload *offload;
static int released;
static int delivered;
static atomic_bool held;    /* jobs do not end before the test lets them */
static atomic_bool entered; /* one is at work */

struct sum {
    struct offload_job job;
    int a, b, result;
    int *ret;
    bool fails;
};

static int add(struct offload_job *job, struct berth_error *error)
{
    struct sum *sum = container_of(job, struct sum, job);

    int64_t until_ms = clock_mono_ms() + test_wait_limit_ms();

    atomic_store(&entered, true);
    while (atomic_load(&held)) {
        if (clock_mono_ms() > until_ms) { /* a thread of its own: the test cannot fail from here */
            (void)fprintf(stderr, "a job waited %lld ms in vain to be let go\n",
                          (long long)test_wait_limit_ms());
            abort();
        }
        (void)usleep(1000);
    }
    if (sum->fails)
        return berth_fail(error, BERTH_E_DENIED, "%d and %d do not mix", sum->a, sum->b);
    sum->result = sum->a + sum->b;
    return 0;
}

static void hand_out(struct offload_job *job, int result)
{
    struct sum *sum = container_of(job, struct sum, job);

    delivered++;
    if (result == 0)
        *sum->ret = sum->result;
}

static void let_go(struct offload_job *job)
{
    released++;
    free(container_of(job, struct sum, job));
}

static struct offload_job *sum_new(int a, int b, int *ret)
{
    struct sum *sum = berth_new(struct sum);

    sum->a = a;
    sum->b = b;
    sum->ret = ret;
    sum->job.work = add;
    sum->job.deliver = hand_out;
    sum->job.release = let_go;
    return &sum->job;
}

struct asked {
    struct op op;
    int done, result;
    int place; /* which one it was to end */
};

static int ended;

static void asked_done(struct op *op, int result)
{
    struct asked *asked = container_of(op, struct asked, op);

    asked->done++;
    asked->place = ++ended;
    asked->result = result;
}

static void begin(int threads, size_t queue, bool hold)
{
    released = delivered = ended = 0;
    atomic_store(&held, hold);
    atomic_store(&entered, false);
    EXPECT_OK(loop_init(&loop, NULL));
    offload = offload_new(&loop, threads, queue);
}

/* The one that runs has then run for so long. */
static void let_go_after_50_ms(void)
{
    (void)UNTIL(atomic_load(&entered), usleep(1000));
    (void)usleep(50000);
    atomic_store(&held, false);
}

static void end(void)
{
    offload_free(offload);
    loop_close(&loop);
}

TEST(offload, a_result_comes_by_value_on_the_loop)
{
    struct asked asked = { 0 };
    int result = 0;

    begin(2, 4, false);
    op_init(&asked.op, &loop.timers, asked_done);
    EXPECT_OK(offload_begin(offload, sum_new(2, 3, &result), &asked.op));
    EXPECT_INT(asked.done, 0);
    (void)UNTIL(asked.done, loop_turn(&loop, 1000));
    EXPECT_INT(asked.result, 0);
    EXPECT_INT(result, 5);
    EXPECT_INT(released, 1);
    end();
}

TEST(offload, a_failure_brings_its_sentence)
{
    struct asked asked = { 0 };
    struct offload_job *job;
    int result = 0;

    begin(1, 4, false);
    op_init(&asked.op, &loop.timers, asked_done);
    job = sum_new(2, 3, &result);
    container_of(job, struct sum, job)->fails = true;
    EXPECT_OK(offload_begin(offload, job, &asked.op));
    (void)UNTIL(asked.done, loop_turn(&loop, 1000));
    EXPECT_ERR(asked.result, BERTH_E_DENIED);
    EXPECT_STR(asked.op.error.text, "2 and 3 do not mix");
    end();
}

TEST(offload, a_full_queue_says_busy_and_leaves_the_job_with_the_caller)
{
    struct asked asked[4] = { 0 };
    struct offload_job *extra;
    int result = 0;
    int began = 0;

    begin(1, 2, true);
    for (int i = 0; i < 4; i++)
        op_init(&asked[i].op, &loop.timers, asked_done);
    EXPECT_OK(offload_begin(offload, sum_new(1, 1, &result), &asked[0].op));
    (void)UNTIL(offload_waiting(offload, OFFLOAD_HIGH) == 0,
                usleep(1000)); /* the thread has taken the first */
    for (int i = 1; i < 3; i++)
        began += offload_begin(offload, sum_new(1, 1, &result), &asked[i].op) == 0;
    EXPECT_INT(began, 2);
    extra = sum_new(1, 1, &result);
    EXPECT_ERR(offload_begin(offload, extra, &asked[3].op), BERTH_E_BUSY);
    EXPECT_SAYS(asked[3].op.error.text, "the queue is full: 2 jobs are waiting");
    free(container_of(extra, struct sum, job));
    let_go_after_50_ms();
    (void)UNTIL(asked[0].done + asked[1].done + asked[2].done == 3, loop_turn(&loop, 1000));
    EXPECT(offload_job_ms(offload) >=
           38); /* the other two may have taken no time, with an eighth each */
    end();
}

TEST(offload, who_waits_is_told_for_how_long)
{
    struct asked asked[5] = { 0 };
    int result = 0;
    int64_t told_ms;

    begin(1, 8, true);
    for (int i = 0; i < 5; i++)
        op_init(&asked[i].op, &loop.timers, asked_done);
    EXPECT_OK(offload_begin(offload, sum_new(1, 1, &result), &asked[0].op));
    (void)UNTIL(offload_waiting(offload, OFFLOAD_HIGH) == 0, usleep(1000));
    let_go_after_50_ms();
    (void)UNTIL(asked[0].done, loop_turn(&loop, 1000)); /* now it is known what a job takes */
    EXPECT_INT(offload_wait_ms(offload, OFFLOAD_HIGH), 0);
    atomic_store(&held, true);
    for (int i = 1; i < 5; i++)
        EXPECT_OK(offload_begin(offload, sum_new(1, 1, &result), &asked[i].op));
    told_ms = offload_wait_ms(offload, OFFLOAD_HIGH);
    EXPECT(told_ms >= 3 * 50 && told_ms >= 3 * offload_job_ms(offload) - 3);
    atomic_store(&held, false);
    (void)UNTIL(asked[4].done, loop_turn(&loop, 1000));
    EXPECT_INT(offload_wait_ms(offload, OFFLOAD_HIGH), 0);
    end();
}

TEST(offload, cancel_is_silent_for_waiting_and_for_running_jobs)
{
    struct asked asked[2] = { 0 };
    int result = 0;

    begin(1, 4, true);
    for (int i = 0; i < 2; i++) {
        op_init(&asked[i].op, &loop.timers, asked_done);
        EXPECT_OK(offload_begin(offload, sum_new(1, 1, &result), &asked[i].op));
        (void)UNTIL(i > 0 || offload_waiting(offload, OFFLOAD_HIGH) == 0, usleep(1000));
    }
    op_cancel(&asked[1].op);
    EXPECT_INT(released, 1); /* it never ran */
    op_cancel(&asked[0].op);
    atomic_store(&held, false);
    (void)UNTIL(released == 2, loop_turn(&loop, 1000));
    EXPECT_INT(asked[0].done + asked[1].done, 0);
    EXPECT_INT(delivered, 0);
    EXPECT_INT(result, 0);
    end();
}

/* ---- two queues ---- */

/* One is at work, and behind it wait `first` and `later` jobs; the later ones came before. */
static void fill(struct asked *asked, int first, int later, int *result)
{
    for (int i = 0; i < 1 + later + first; i++) {
        struct offload_job *job = sum_new(1, 1, result);

        job->priority = i >= 1 && i < 1 + later ? OFFLOAD_LOW : OFFLOAD_HIGH;
        op_init(&asked[i].op, &loop.timers, asked_done);
        EXPECT_OK(offload_begin(offload, job, &asked[i].op));
        (void)UNTIL(i > 0 || offload_waiting(offload, OFFLOAD_HIGH) == 0, usleep(1000));
    }
}

TEST(offload, who_comes_later_gets_one_turn_in_four)
{
    struct asked asked[1 + 8 + 8] = { 0 };
    int result = 0;
    int last_first = 0;

    begin(1, 8, true);
    fill(asked, 8, 8, &result);
    atomic_store(&held, false);
    (void)UNTIL(delivered >= 17, loop_turn(&loop, 1000));
    for (int i = 0; i < 17; i++)
        if (i > 8 && asked[i].place > last_first)
            last_first = asked[i].place;
    EXPECT_INT(last_first, 1 + 8 + 2); /* F F F L F F F L F F: two of the others before the last */
    EXPECT(asked[1].place < last_first && asked[2].place < last_first);
    EXPECT_INT(asked[8].place, 17); /* and they in their order */
    end();
}

TEST(offload, a_full_queue_of_those_who_come_later_refuses_nobody_else)
{
    struct asked asked[1 + 2 + 2] = { 0 };
    struct asked more = { 0 };
    struct offload_job *extra;
    int result = 0;

    begin(1, 2, true);
    fill(asked, 2, 2, &result);
    op_init(&more.op, &loop.timers, asked_done);
    extra = sum_new(1, 1, &result);
    extra->priority = OFFLOAD_LOW;
    EXPECT_ERR(offload_begin(offload, extra, &more.op), BERTH_E_BUSY);
    op_cancel(&asked[1].op);
    EXPECT_INT(offload_waiting(offload, OFFLOAD_LOW), 1);
    EXPECT_OK(offload_begin(offload, extra, &more.op));
    EXPECT_INT(offload_waiting(offload, OFFLOAD_HIGH), 2);
    atomic_store(&held, false);
    (void)UNTIL(delivered >= 5, loop_turn(&loop, 1000));
    end();
}

TEST(offload, the_estimate_counts_those_who_go_before)
{
    struct asked asked[1 + 6 + 6] = { 0 };
    struct asked one = { 0 };
    int result = 0;
    int64_t job_ms;

    begin(1, 8, true);
    fill(&one, 0, 0, &result);
    let_go_after_50_ms();
    (void)UNTIL(one.done, loop_turn(&loop, 1000));
    atomic_store(&held, true);
    fill(asked, 6, 6, &result);
    job_ms = offload_job_ms(offload);
    EXPECT(offload_wait_ms(offload, OFFLOAD_HIGH) >= (6 + 2) * (job_ms - 1));
    EXPECT(offload_wait_ms(offload, OFFLOAD_HIGH) < (6 + 3) * job_ms);
    EXPECT(offload_wait_ms(offload, OFFLOAD_LOW) >= (6 + 6) * (job_ms - 1));
    atomic_store(&held, false);
    (void)UNTIL(delivered >= 14, loop_turn(&loop, 1000));
    EXPECT_INT(offload_wait_ms(offload, OFFLOAD_LOW), 0);
    end();
}

/* The end has begun by then: it waits for the job that is held. */
static void let_go_later(void *unused)
{
    (void)unused;
    (void)usleep(500000);
    atomic_store(&held, false);
}

TEST(offload, the_end_finishes_what_runs_and_completes_what_waits)
{
    struct asked asked[3] = { 0 };
    uv_thread_t later;
    int result = 0;

    begin(1, 4, true);
    for (int i = 0; i < 3; i++) {
        op_init(&asked[i].op, &loop.timers, asked_done);
        EXPECT_OK(offload_begin(offload, sum_new(1, 1, &result), &asked[i].op));
        (void)UNTIL(i > 0 || offload_waiting(offload, OFFLOAD_HIGH) == 0, usleep(1000));
    }
    EXPECT_OK(uv_thread_create(&later, let_go_later, NULL));
    offload_free(offload);
    EXPECT_OK(uv_thread_join(&later));
    EXPECT_INT(asked[0].result, 0);
    EXPECT_INT(asked[0].done, 1);
    EXPECT_ERR(asked[1].result, BERTH_E_CLOSING);
    EXPECT_ERR(asked[2].result, BERTH_E_CLOSING);
    EXPECT_INT(released, 3);
    loop_close(&loop);
}

TEST_MAIN()
