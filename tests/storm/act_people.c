/* act_people.c - people sign on and move: sign-on, shift, password. */
#include <stdio.h>

#include "acts.h"
#include "seed.h"

#define AT_ONCE 32
#define SETTLE_LIMIT_MS 900000
#define DRAIN_MS 30000

static bool all_answered(struct storm *storm)
{
    return storm->figures.served + storm->figures.failed >= storm->figures.offered &&
           storm->population.requests == 0;
}

/* Requests without an answer at the end count as failed. */
static void count_unanswered(struct storm *storm)
{
    struct figures *figures = &storm->figures;

    for (; figures->served + figures->failed < figures->offered; figures->failed++)
        figures_reason(figures, "unanswered");
}

static void kiosk_request(struct storm *storm, size_t terminal, size_t user)
{
    terminal_request(&storm->population.terminals[terminal],
                     &(struct request){ .kind = evidence_kind_KIOSK,
                                        .user_id = storm->population.kiosks[user] });
}

/* ---- before the clock ---- */

static size_t settling, to_settle;

static bool all_settled(struct storm *storm)
{
    while (settling < to_settle && settling - storm->population.showing < AT_ONCE) {
        kiosk_request(storm, settling, settling);
        settling++;
    }
    return storm->population.showing >= to_settle;
}

int act_settle(struct storm *storm, size_t count, struct berth_error *reterr)
{
    settling = 0;
    to_settle = count;
    storm->doing = "settling";
    if (storm_turn(storm, all_settled, SETTLE_LIMIT_MS))
        return 0;
    return berth_fail(reterr, BERTH_E_TIMEOUT, "only %zu of %zu sessions began",
                      storm->population.showing, count);
}

/* ---- waves ---- */

int act_wave(struct storm *storm, size_t count, void (*arrive)(struct storm *, size_t),
             int64_t drain_ms, struct berth_error *reterr)
{
    struct arrivals arrivals = { .storm = storm,
                                 .count = count,
                                 .span_us = storm->options.seconds * 1000000,
                                 .arrive = arrive };
    int64_t limit_us;
    int r = storm_clock_starts(storm, reterr);

    if (r < 0)
        return r;
    act_arrivals(&arrivals);
    limit_us = storm_now_us() + arrivals.span_us + drain_ms * 1000;
    while (!storm_is_called_off() && storm_now_us() < limit_us) {
        bool answered = storm_turn(storm, all_answered, (limit_us - storm_now_us()) / 1000);

        if (answered && arrivals.next == arrivals.count)
            break;
        loop_turn(&storm->loop, 5);
    }
    timer_stop(&storm->loop.timers, &arrivals.timer);
    count_unanswered(storm);
    return storm_clock_stops(storm, reterr);
}

static void signs_on(struct storm *storm, size_t i)
{
    kiosk_request(storm, i, i);
}

int act_sign_on(struct storm *storm, struct berth_error *reterr)
{
    return act_wave(storm, storm->population.count, signs_on, DRAIN_MS, reterr);
}

/* ---- shift: the session of terminal i moves to terminal half + i ---- */

static size_t half(const struct storm *storm)
{
    return storm->population.count / 2;
}

static void takes_over(struct storm *storm, size_t i)
{
    kiosk_request(storm, half(storm) + i, i);
}

static void blanked(struct terminal *terminal)
{
    struct storm *storm = terminal->population->storm;
    const struct terminal *there = terminal + half(storm);

    if (terminal->number < half(storm) && there->request.since_us)
        figures_add(&storm->figures, PHASE_hidden, storm_now_us() - there->request.since_us);
}

/* The later shift's terminals belong to the same kiosk users from now on. */
static int share_users(struct storm *storm, struct berth_error *reterr)
{
    size_t count = half(storm);
    size_t *at = berth_new_array(size_t, count);
    int r;

    for (size_t i = 0; i < count; i++)
        at[i] = count + i;
    r = seed_kiosk_of(storm, at, storm->population.kiosks, count, reterr);
    free(at);
    return r;
}

int act_shift(struct storm *storm, struct berth_error *reterr)
{
    int r = share_users(storm, reterr);

    if (r == 0)
        r = act_settle(storm, half(storm), reterr);
    if (r < 0)
        return r;
    storm->population.events.hidden = blanked;
    r = act_wave(storm, half(storm), takes_over, DRAIN_MS, reterr);
    storm->population.events.hidden = NULL;
    return r;
}

/* ---- password ---- */

static void types(struct storm *storm, size_t i)
{
    terminal_request(&storm->population.terminals[i],
                     &(struct request){ .kind = evidence_kind_PASSWORD,
                                        .person = i,
                                        .user_id = storm->population.people[i] });
}

int act_password(struct storm *storm, struct berth_error *reterr)
{
    /* argon2id sets the pace: a quarter of a second each is more than enough. */
    int64_t drain_ms = (int64_t)storm->population.people_count * 250 + DRAIN_MS;

    return act_wave(storm, storm->population.people_count, types, drain_ms, reterr);
}
