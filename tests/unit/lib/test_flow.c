/* test_flow.c - the flow engine: one end, undos backwards, durable steps are awaited. */
#include "berth/flow.h"

#include "test.h"

/* A story with a cancellable wait and a durable one; it writes down what happens to it. */
struct story {
    struct flow flow;
    char log[256];
    bool fail_last;
    bool refuse; /* the durable operation cannot begin */
};

enum { LOOK, KEEP, LAST };

static struct berth_timers timers;
static struct flow_engine engine;
static struct op *pending;
static int cancelled;

static void note(struct flow *flow, const char *word)
{
    struct story *story = container_of(flow, struct story, flow);
    size_t used = strlen(story->log);

    (void)snprintf(story->log + used, sizeof(story->log) - used, "%s ", word);
}

static void forget(berth_unused struct op *op)
{
    cancelled++;
    pending = NULL;
}

static int look(struct flow *flow)
{
    note(flow, "look");
    pending = &flow->op;
    return flow_await(flow, op_begun(&flow->op, forget, NULL));
}

static int keep(struct flow *flow)
{
    note(flow, "keep");
    pending = &flow->op;
    if (container_of(flow, struct story, flow)->refuse)
        return flow_await(flow, berth_fail(&flow->op.error, BERTH_E_BUSY, "the disk is busy"));
    return flow_await(flow, op_begun(&flow->op, NULL, NULL));
}

/* A conflict is tried again after a delay, which can be cancelled. */
static int kept(struct flow *flow)
{
    note(flow, "kept");
    pending = &flow->op;
    if (flow->op.result == BERTH_E_CONFLICT)
        return flow_await_then(flow, op_begun(&flow->op, forget, NULL), KEEP);
    return flow->op.result < 0 ? flow_fail_with(flow, &flow->op.error) : LAST;
}

static int last(struct flow *flow)
{
    note(flow, "last");
    if (container_of(flow, struct story, flow)->fail_last)
        return flow_fail(flow, BERTH_E_DESKTOP, "desktop 'w11' burned");
    return FLOW_DONE;
}

static void unlook(struct flow *flow)
{
    note(flow, "unlook");
}

static void unkeep(struct flow *flow)
{
    note(flow, "unkeep");
}

static void ended(struct flow *flow, const struct berth_error *error)
{
    note(flow, error->code ? berth_error_row(error->code)->symbol : "ok");
}

static const struct flow_step steps[] = {
    [LOOK] = { "look", look, NULL, unlook, 1000 },
    [KEEP] = { "keep", keep, kept, unkeep, FLOW_DURABLE },
    [LAST] = { "last", last, NULL, NULL, 0 },
};
static const struct flow_kind kind = {
    .name = "story",
    .steps = steps,
    .count = 3,
    .deadline_ms = 5000,
    .ended = ended,
    .external = 1u << KEEP,
};

static struct story *begin(void)
{
    static struct story story;

    memset(&story, 0, sizeof(story));
    cancelled = 0;
    timers_init(&timers, 0, 0);
    flow_engine_init(&engine, &timers);
    flow_start(&engine, &story.flow, &kind, "anna at t1");
    EXPECT_STR(story.log, ""); /* never a step from inside start */
    timers_advance(&timers, 1, 0);
    return &story;
}

TEST(flow, what_it_waits_for_outside_is_not_its_own_time)
{
    static struct flow_counters counters;
    struct story *story = begin();

    engine.counters = &counters;
    timers_advance(&timers, 31, 0);
    op_complete(pending, 0, NULL); /* look: 30 ms */
    timers_advance(&timers, 531, 0);
    op_complete(pending, 0, NULL); /* keep: 500 ms, outside */
    EXPECT_STR(story->log, "look keep kept last ok ");
    EXPECT(counters.of[0].kind == &kind);
    EXPECT_INT(counters.of[0].step[LOOK].sum_us, 30000);
    EXPECT_INT(counters.of[0].step[KEEP].max_us, 500000);
    EXPECT_INT(counters.of[0].total.sum_us, 531000);
    EXPECT_INT(counters.of[0].own.sum_us, 31000);
    EXPECT_INT(counters.of[0].own.count, 1);
    engine.counters = NULL;
    timers_free(&timers);
}

TEST(flow, walks_its_table)
{
    struct story *story = begin();

    op_complete(pending, 0, NULL);
    op_complete(pending, 0, NULL);
    EXPECT_STR(story->log, "look keep kept last ok ");
    EXPECT(list_empty(&engine.flows));
    EXPECT_INT(timers_next(&timers), -1);
    timers_free(&timers);
}

TEST(flow, failing_runs_undos_backwards_and_ends_once)
{
    struct story *story = begin();

    story->fail_last = true;
    op_complete(pending, 0, NULL);
    op_complete(pending, 0, NULL);
    EXPECT_STR(story->log, "look keep kept last unkeep unlook DESKTOP ");
    EXPECT_STR(story->flow.error.text, "desktop 'w11' burned");
    timers_free(&timers);
}

TEST(flow, an_operation_that_fails_fails_the_flow_with_its_sentence)
{
    struct story *story = begin();
    struct berth_error error;

    (void)berth_fail(&error, BERTH_E_HOST, "host kvm2 is on fire");
    op_complete(pending, error.code, &error);
    EXPECT_STR(story->log, "look unlook HOST ");
    EXPECT_STR(story->flow.error.text, "host kvm2 is on fire");
    timers_free(&timers);
}

TEST(flow, a_step_over_its_limit_is_cancelled)
{
    struct story *story = begin();

    timers_advance(&timers, 1002, 0);
    EXPECT_STR(story->log, "look unlook TIMEOUT ");
    EXPECT_INT(cancelled, 1);
    timers_free(&timers);
}

TEST(flow, cancel_waits_for_the_outcome_of_a_durable_step)
{
    struct story *story = begin();

    op_complete(pending, 0, NULL);
    flow_cancel(&story->flow, BERTH_E_SUPERSEDED, "anna signed on elsewhere");
    EXPECT_STR(story->log, "look keep ");
    timers_advance(&timers, 60000, 0); /* not even the flow's own deadline cuts it short */
    EXPECT_STR(story->log, "look keep ");
    op_complete(pending, 0, NULL);
    EXPECT_STR(story->log, "look keep unkeep unlook SUPERSEDED ");
    timers_free(&timers);
}

TEST(flow, finish_sees_the_failure_and_may_try_again_later)
{
    struct story *story = begin();

    op_complete(pending, 0, NULL);
    op_complete(pending, BERTH_E_CONFLICT, NULL);
    EXPECT_STR(story->log, "look keep kept ");
    EXPECT_STR(flow_step_name(&story->flow), "keep");
    op_complete(pending, 0, NULL); /* the delay is over */
    op_complete(pending, 0, NULL);
    EXPECT_STR(story->log, "look keep kept keep kept last ok ");
    timers_free(&timers);
}

TEST(flow, a_delay_in_a_durable_step_can_be_cancelled)
{
    struct story *story = begin();

    op_complete(pending, 0, NULL);
    op_complete(pending, BERTH_E_CONFLICT, NULL);
    flow_cancel(&story->flow, BERTH_E_CANCELLED, "never mind");
    EXPECT_STR(story->log, "look keep kept unkeep unlook CANCELLED ");
    EXPECT_INT(cancelled, 1);
    timers_free(&timers);
}

TEST(flow, finish_is_called_at_once_when_the_operation_cannot_begin)
{
    struct story *story = begin();

    story->refuse = true;
    op_complete(pending, 0, NULL);
    EXPECT_STR(story->log, "look keep kept unkeep unlook BUSY ");
    EXPECT_STR(story->flow.error.text, "the disk is busy");
    timers_free(&timers);
}

static int ends;

static void count_end(struct flow_engine *of)
{
    ends += list_empty(&of->flows);
}

TEST(flow, the_engine_reports_every_end)
{
    struct story *story = begin();

    engine.flow_ended = count_end;
    op_complete(pending, 0, NULL);
    EXPECT_INT(ends, 0);
    op_complete(pending, 0, NULL);
    EXPECT_INT(ends, 1);
    EXPECT(story->flow.error.code == 0);
    timers_free(&timers);
}

TEST(flow, cancel_before_the_first_step_ends_it)
{
    static struct story story;

    memset(&story, 0, sizeof(story));
    timers_init(&timers, 0, 0);
    flow_engine_init(&engine, &timers);
    flow_start(&engine, &story.flow, &kind, "anna");
    flow_cancel(&story.flow, BERTH_E_CANCELLED, "never mind");
    timers_advance(&timers, 10, 0);
    EXPECT_STR(story.log, "CANCELLED ");
    timers_free(&timers);
}

static int completions;

static void count(berth_unused struct op *op, berth_unused int result)
{
    completions++;
}

TEST(op, completes_later_and_not_after_cancel)
{
    struct op op;

    timers_init(&timers, 0, 0);
    op_init(&op, &timers, count);
    op_complete_deferred(&op, 0, NULL);
    EXPECT_INT(completions, 0);
    deferred_run(&timers);
    EXPECT_INT(completions, 1);
    op_complete_deferred(&op, 0, NULL);
    op_cancel(&op);
    deferred_run(&timers);
    EXPECT_INT(completions, 1);
    EXPECT(!op.in_flight);
    timers_free(&timers);
}

TEST_MAIN()
