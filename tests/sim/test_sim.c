/* test_sim.c - the simulator itself: a seed gives the same run, every kind of fault is injected,
 * shrinking finds the actions that matter.
 */
#include <stdio.h>
#include <string.h>

#include "sim/shrink.h"

#include "test.h"

static struct sim_params small(uint64_t seed)
{
    struct sim_params params = { .seed = seed, .hours = 1, .terminals = 6, .grant_ms = 60000 };

    for (int act = ACT_NONE + 1; act < ACTS; act++)
        params.allowed[act] = true;
    return params;
}

TEST(sim, one_seed_is_one_run_bit_for_bit)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct sim_params params = small(seed);
        struct sim_outcome first;
        struct sim_outcome again;

        sim_run(&params, &first);
        sim_run(&params, &again);
        EXPECT_STR(first.sentence, "");
        EXPECT(first.digest == again.digest && first.lines == again.lines);
        EXPECT(first.lines > 100 && first.checks > 100);
        params.seed += 1000;
        sim_run(&params, &again);
        EXPECT(first.digest != again.digest);
    }
}

TEST(sim, every_kind_of_fault_is_in_some_schedule)
{
    uint64_t counts[ACTS] = { 0 };

    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct schedule_params params = {
            .seed = seed, .hours = 24, .terminals = 24, .people = 32
        };
        struct schedule schedule;

        memset(params.allowed, true, sizeof(params.allowed));
        schedule_make(&schedule, &params);
        for (size_t i = 0; i < schedule.count; i++)
            counts[schedule.at[i].act]++;
        schedule_free(&schedule);
    }
    for (int act = ACT_NONE + 1; act < ACTS; act++) {
        if (!counts[act])
            (void)fprintf(stderr, "%s never happens\n", act_row((enum act)act)->name);
        EXPECT(counts[act] > 0);
        EXPECT(act_fault(act_row((enum act)act)->name) ==
               (act_row((enum act)act)->fault ? (enum act)act : ACT_NONE));
    }
}

TEST(sim, every_kind_of_fault_can_be_done)
{
    /* Under a sanitizer only some of them: the release build runs the whole list. */
    int step = getenv("STORY_SEEDS") ? 11 : 1;

    for (int act = ACT_FAULTS + 1; act < ACTS; act += step) {
        struct sim_params params = small(1);
        struct sim_outcome outcome;

        params.hours = 24;
        memset(params.allowed, false, sizeof(params.allowed));
        params.allowed[act] = true;
        for (outcome.injected[act] = 0; !outcome.injected[act] && params.seed < 20; params.seed++) {
            struct schedule_params plan = {
                .seed = params.seed, .hours = 24, .terminals = 6, .people = 9
            };
            struct schedule schedule;
            size_t drawn = 0;

            memcpy(plan.allowed, params.allowed, sizeof(plan.allowed));
            schedule_make(&schedule, &plan);
            for (size_t i = 0; i < schedule.count; i++)
                drawn += schedule.at[i].act == (enum act)act;
            schedule_free(&schedule);
            if (!drawn)
                continue;
            sim_run(&params, &outcome);
            EXPECT_STR(outcome.sentence, "");
        }
        EXPECT(outcome.injected[act] > 0);
    }
}

/* Without one kind of fault everything else stays the same. */
TEST(sim, what_is_not_drawn_moves_nothing_else)
{
    struct schedule_params params = { .seed = 7, .hours = 24, .terminals = 24, .people = 32 };
    struct schedule whole;
    struct schedule part;
    size_t at = 0;

    memset(params.allowed, true, sizeof(params.allowed));
    schedule_make(&whole, &params);
    memset(params.allowed, false, sizeof(params.allowed));
    schedule_make(&part, &params);
    EXPECT(part.count > 0 && part.count < whole.count);
    for (size_t i = 0; i < whole.count; i++) {
        if (act_row(whole.at[i].act)->fault)
            continue;
        EXPECT(at < part.count && part.at[at].at_ms == whole.at[i].at_ms &&
               part.at[at].act == whole.at[i].act && part.at[at].who == whole.at[i].who);
        at++;
    }
    EXPECT(at == part.count);
    schedule_free(&whole);
    schedule_free(&part);
}

/* ---- shortening ---- */

#define ACTIONS 400

/* Fails with actions 17 and 300 in it, and with action 5 in another way. */
static void pretend(const struct sim_params *params, struct sim_outcome *ret)
{
    *ret = (struct sim_outcome){ .actions = ACTIONS, .last = ACTIONS };
    if (!params->left_in || params->left_in[4])
        ret->broken = true;
    if (!params->left_in || (params->left_in[16] && params->left_in[299])) {
        ret->broken = true;
        ret->invariant = 14;
        ret->last = 301;
    }
}

TEST(shrink, what_is_left_is_what_it_takes)
{
    struct sim_params params = small(1);
    struct sim_outcome failed;
    struct shrunk shrunk;
    char *mask;

    pretend(&params, &failed);
    shrink(pretend, &params, &failed, 60, &shrunk);
    mask = mask_text(shrunk.left_in, shrunk.actions);
    EXPECT_STR(mask, "17,300");
    EXPECT_INT((int)shrunk.count, 2);
    EXPECT(shrunk.runs < 100);
    free(mask);
    free(shrunk.left_in);
}

TEST(shrink, masks_are_written_and_read)
{
    bool *left_in = mask_read("2,4-6,9", 9);
    char *text;

    EXPECT(left_in && !left_in[0] && left_in[1] && !left_in[2] && left_in[5] && left_in[8]);
    text = mask_text(left_in, 9);
    EXPECT_STR(text, "2,4-6,9");
    free(text);
    free(left_in);
    EXPECT(mask_read("2,x", 9) == NULL);
    EXPECT(mask_read("0", 9) == NULL);
    EXPECT(mask_read("5-3", 9) == NULL);
}

TEST_MAIN()
