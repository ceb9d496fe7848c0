/* schedule.c - draws the actions of a run from its seed. */
#include "sim/schedule.h"

#include <string.h>

#include "random_seeded.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define SHIFTS 3
#define SHIFT_MS (8 * HOUR_MS)
/* Most people come in the first ten minutes of their shift. */
#define RUSH_MS 600000

static const struct act_row rows[ACTS] = {
#define PERSON(symbol, name_, sentence_) \
    [ACT_##symbol] = { .name = (name_), .sentence = (sentence_) },
#define FAULT(symbol, name_, per_day_, sentence_)                                      \
    [ACT_##symbol] = {                                                                 \
        .name = (name_), .sentence = (sentence_), .per_day = (per_day_), .fault = true \
    },
#include "sim/actions.def"
};

const struct act_row *act_row(enum act act)
{
    return &rows[act];
}

enum act act_fault(const char *name)
{
    for (int act = ACT_NONE + 1; act < ACTS; act++)
        if (rows[act].fault && strcmp(rows[act].name, name) == 0)
            return (enum act)act;
    return ACT_NONE;
}

static int64_t below(struct berth_random *random, int64_t bound)
{
    return (int64_t)random_below(random, (uint64_t)bound);
}

static void add(struct schedule *schedule, struct berth_random *random, enum act act, int64_t at_ms,
                uint32_t who)
{
    static const int64_t most_ms[] = { 3000, 20000, 90000, 600000, 1800000 };
    struct action *action;

    if (schedule->count == schedule->capacity) {
        schedule->capacity = schedule->capacity ? schedule->capacity * 2 : 256;
        schedule->at = berth_realloc(schedule->at, schedule->capacity * sizeof(*schedule->at));
    }
    action = &schedule->at[schedule->count++];
    *action = (struct action){ .act = act, .at_ms = at_ms, .who = who };
    action->what = (uint32_t)random_below(random, UINT32_MAX);
    action->much = (uint32_t)random_below(random, 1000);
    action->ms = 1 + below(random, most_ms[below(random, (int64_t)BERTH_COUNT(most_ms))]);
}

/* ---- people ---- */

/* One thing that a person does in the middle of a shift. */
static enum act draw_act(struct berth_random *random)
{
    int64_t what = below(random, 100);

    if (what < 50)
        return ACT_come; /* at another terminal: the session follows */
    if (what < 62)
        return ACT_walk_away;
    if (what < 74)
        return ACT_disconnect;
    if (what < 78)
        return ACT_sign_off;
    if (what < 82)
        return ACT_call_off;
    if (what < 87)
        return ACT_mistype;
    if (what < 91)
        return ACT_two_taps;
    if (what < 96)
        return ACT_touch;
    return ACT_tap_badge;
}

static void work(struct schedule *schedule, struct berth_random *random, uint32_t person,
                 int64_t from_ms, int64_t until_ms)
{
    int64_t pause_ms = 15 * 60000 + below(random, 90 * 60000); /* between two acts, on average */
    int64_t at_ms =
        from_ms + (below(random, 10) < 8 ? below(random, RUSH_MS) : below(random, SHIFT_MS / 2));

    if (at_ms < until_ms)
        add(schedule, random, ACT_come, at_ms, person);
    for (;;) {
        at_ms += 1 + below(random, 2 * pause_ms);
        if (at_ms >= until_ms)
            break;
        add(schedule, random, draw_act(random), at_ms, person);
    }
    if (below(random, 10) < 8)
        add(schedule, random, below(random, 3) ? ACT_sign_off : ACT_disconnect,
            until_ms - below(random, RUSH_MS), person);
}

static void draw_person(struct schedule *schedule, struct berth_random *random,
                        const struct schedule_params *params, uint32_t person)
{
    int64_t end_ms = params->hours * HOUR_MS;
    int64_t shift = below(random, SHIFTS);

    /* A short run begins with the shift. */
    for (int64_t day_ms = 0; day_ms < end_ms; day_ms += DAY_MS) {
        int64_t from_ms = day_ms + (end_ms < DAY_MS ? 0 : shift * SHIFT_MS);
        int64_t until_ms = from_ms + SHIFT_MS < end_ms ? from_ms + SHIFT_MS : end_ms;

        if (from_ms < end_ms && below(random, 10) < 8)
            work(schedule, random, person, from_ms, until_ms);
    }
}

/* ---- faults ---- */

/* Swarm testing: many kinds at once in some sites, few in others, often or seldom. */
static void draw_faults(struct schedule *schedule, struct berth_random *random,
                        const struct schedule_params *params, enum act act)
{
    int64_t end_ms = params->hours * HOUR_MS;
    int64_t often = (int64_t)1 << below(random, 5); /* 1/4 to 4 times the usual, in quarters */
    bool drawn = below(random, 100) < 40;
    int64_t pause_ms;

    if (!drawn || !params->allowed[act])
        return;
    pause_ms = DAY_MS * 4 / (rows[act].per_day * often);
    for (int64_t at_ms = below(random, 2 * pause_ms); at_ms < end_ms;
         at_ms += 1 + below(random, 2 * pause_ms))
        add(schedule, random, act, at_ms, (uint32_t)random_below(random, UINT32_MAX));
}

static int by_time(const void *a, const void *b)
{
    const struct action *x = a;
    const struct action *y = b;

    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

void schedule_make(struct schedule *schedule, const struct schedule_params *params)
{
    struct berth_random random;

    *schedule = (struct schedule){ 0 };
    for (uint32_t person = 0; person < params->people; person++) {
        random_seeded(&random, params->seed * UINT64_C(1000003) + person);
        draw_person(schedule, &random, params, person);
    }
    for (int act = ACT_FAULTS + 1; act < ACTS; act++) {
        /* Each kind has its own random numbers: without one kind the others do not change. */
        random_seeded(&random, params->seed * UINT64_C(1000003) + UINT64_C(500000) + (uint64_t)act);
        draw_faults(schedule, &random, params, (enum act)act);
    }
    for (size_t i = 0; i < schedule->count; i++)
        schedule->at[i].number = (uint32_t)i;
    if (schedule->count)
        qsort(schedule->at, schedule->count, sizeof(*schedule->at), by_time);
    for (size_t i = 0; i < schedule->count; i++)
        schedule->at[i].number = (uint32_t)i + 1;
}

void schedule_free(struct schedule *schedule)
{
    free(schedule->at);
    *schedule = (struct schedule){ 0 };
}
