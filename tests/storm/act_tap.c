/* act_tap.c - people tap in, stay a moment, tap out, and tap in at another terminal. */
#include <stdio.h>

#include "acts.h"

#define TAPS_S 50 /* the rate of a large ward */
#define STAY_MS 3000
#define AT_ONCE 4
#define PASSWORD_MS 1000 /* each, at most, to identify everybody once */
#define DRAIN_MS 30000

static struct {
    size_t begun, identified;
} morning;

/* ---- once a day: the password, on which later taps rely ---- */

static bool everybody_identified(struct storm *storm)
{
    struct population *population = &storm->population;

    while (morning.begun < population->people_count &&
           morning.begun - morning.identified < AT_ONCE) {
        size_t i = morning.begun++;

        terminal_request(&population->terminals[i],
                         &(struct request){ .kind = evidence_kind_PASSWORD,
                                            .person = i,
                                            .user_id = population->people[i] });
    }
    return morning.identified == population->people_count && population->showing == 0;
}

static void go_away(struct terminal *terminal)
{
    morning.identified++;
    terminal_leave(terminal);
}

/* ---- taps ---- */

static void stayed(struct berth_timer *timer)
{
    terminal_leave(container_of(timer, struct terminal, stay));
}

static void stay(struct terminal *terminal)
{
    timer_start(&terminal->population->storm->loop.timers, &terminal->stay, STAY_MS, stayed);
}

static void left(struct terminal *terminal)
{
    struct storm *storm = terminal->population->storm;

    if (terminal->leave_us)
        figures_add(&storm->figures, PHASE_left, storm_now_us() - terminal->leave_us);
    timer_stop(&storm->loop.timers, &terminal->stay);
}

/* The next free terminal after a random one; without one the person does not tap. */
static struct terminal *free_terminal(struct storm *storm)
{
    struct population *population = &storm->population;
    size_t from = (size_t)random_below(&storm->random, population->count);

    for (size_t i = 0; i < population->count; i++) {
        struct terminal *terminal = &population->terminals[(from + i) % population->count];

        if (!terminal->lean.shows && !terminal->request.open)
            return terminal;
    }
    return NULL;
}

static bool waits_somewhere(const struct population *population, size_t person)
{
    for (size_t i = 0; i < population->count; i++)
        if (population->terminals[i].request.open &&
            population->terminals[i].request.person == person)
            return true;
    return false;
}

/* A person who waits for a desktop does not tap at another terminal meanwhile: that would cancel
 * the first sign-on, and on a slow machine all of them. */
static bool free_person(const struct population *population, size_t i, size_t *ret_person)
{
    for (size_t k = 0; k < population->people_count; k++) {
        *ret_person = (i + k) % population->people_count;
        if (!waits_somewhere(population, *ret_person))
            return true;
    }
    return false;
}

static void taps(struct storm *storm, size_t i)
{
    struct population *population = &storm->population;
    struct terminal *terminal = free_terminal(storm);
    size_t person;

    if (!terminal || !free_person(population, i, &person)) {
        figures_reason(&storm->figures, terminal ? "everybody-waits" : "no-free-terminal");
        return;
    }
    terminal_request(terminal, &(struct request){ .kind = evidence_kind_BADGE,
                                                  .person = person,
                                                  .user_id = population->people[person] });
}

int act_tap(struct storm *storm, struct berth_error *reterr)
{
    struct population *population = &storm->population;
    int64_t limit_ms = (int64_t)population->people_count * PASSWORD_MS + DRAIN_MS;
    int r;

    storm->doing = "passwords";
    population->events.shown = go_away;
    if (!storm_turn(storm, everybody_identified, limit_ms))
        return berth_fail(reterr, BERTH_E_TIMEOUT, "only %zu of %zu people signed on",
                          morning.identified, population->people_count);
    population->events.shown = stay;
    population->events.hidden = left;
    r = act_wave(storm, (size_t)storm->options.seconds * TAPS_S, taps, DRAIN_MS, reterr);
    population->events = (struct terminal_events){ 0 };
    return r;
}
