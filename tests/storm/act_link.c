/* act_link.c - terminals connect, stay, and come back: boot, steady, reconnect. */
#include <signal.h>
#include <stdio.h>

#include "acts.h"

#define AT_ONCE 48
#define GATHER_LIMIT_MS 900000
#define DRAIN_MS 60000

/* ---- arrivals ---- */

int64_t act_arrival_us(size_t i, size_t count, int64_t span_us)
{
    double place = ((double)i + 0.5) / (double)count;
    double span = (double)span_us;

    /* 30 % in the first five twelfths, 40 % in the next two, 30 % in the last five. */
    if (place < 0.3)
        return (int64_t)(span * place / 0.3 * 5 / 12);
    if (place < 0.7)
        return (int64_t)(span * (5 + (place - 0.3) / 0.4 * 2) / 12);
    return (int64_t)(span * (7 + (place - 0.7) / 0.3 * 5) / 12);
}

static void arrive(struct berth_timer *timer)
{
    struct arrivals *arrivals = container_of(timer, struct arrivals, timer);
    int64_t now_us = storm_now_us() - arrivals->began_us;
    int64_t due_us = 0;

    while (arrivals->next < arrivals->count) {
        due_us = act_arrival_us(arrivals->next, arrivals->count, arrivals->span_us);
        if (due_us > now_us)
            break;
        arrivals->arrive(arrivals->storm, arrivals->next++);
    }
    if (arrivals->next < arrivals->count)
        timer_start(&arrivals->storm->loop.timers, timer, (due_us - now_us) / 1000 + 1, arrive);
}

void act_arrivals(struct arrivals *arrivals)
{
    arrivals->began_us = storm_now_us();
    timer_start(&arrivals->storm->loop.timers, &arrivals->timer, 0, arrive);
}

/* ---- all come together ---- */

static size_t gathered;

static bool all_present(struct storm *storm)
{
    struct population *population = &storm->population;

    /* A window: terminals that were switched on and are not present yet. */
    while (gathered < population->count && gathered - population->present < AT_ONCE)
        terminal_on(&population->terminals[gathered++]);
    return population->present == population->count;
}

int act_gather(struct storm *storm, struct berth_error *reterr)
{
    storm->doing = "gathering";
    if (storm_turn(storm, all_present, GATHER_LIMIT_MS))
        return 0;
    return berth_fail(reterr, BERTH_E_TIMEOUT, "only %zu of %zu terminals are present",
                      storm->population.present, storm->population.count);
}

/* ---- boot ---- */

static void switch_on(struct storm *storm, size_t i)
{
    storm->figures.offered++;
    terminal_on(&storm->population.terminals[i]);
}

static void count_present(struct terminal *terminal)
{
    terminal->population->storm->figures.served++;
}

static bool everybody_is_present(struct storm *storm)
{
    return storm->population.present == storm->population.count;
}

int act_boot(struct storm *storm, struct berth_error *reterr)
{
    struct arrivals arrivals = { .storm = storm,
                                 .count = storm->population.count,
                                 .span_us = storm->options.seconds * 1000000,
                                 .arrive = switch_on };
    int r = storm_clock_starts(storm, reterr);

    if (r < 0)
        return r;
    storm->population.events.present = count_present;
    act_arrivals(&arrivals);
    (void)storm_turn(storm, everybody_is_present, storm->options.seconds * 1000 + DRAIN_MS);
    timer_stop(&storm->loop.timers, &arrivals.timer);
    storm->population.events.present = NULL;
    storm->figures.failed = storm->figures.offered - storm->figures.served;
    return storm_clock_stops(storm, reterr);
}

/* ---- steady ---- */

static bool never(struct storm *storm)
{
    (void)storm;
    return false;
}

int act_steady(struct storm *storm, struct berth_error *reterr)
{
    int r = storm_clock_starts(storm, reterr);
    int64_t before;

    if (r < 0)
        return r;
    before = storm->population.disconnects;
    storm->figures.offered = (int64_t)storm->population.count;
    (void)storm_turn(storm, never, storm->options.seconds * 1000);
    storm->figures.served = (int64_t)storm->population.present;
    storm->figures.failed =
        storm->figures.offered - storm->figures.served + storm->population.disconnects - before;
    return storm_clock_stops(storm, reterr);
}

/* ---- reconnect ---- */

static struct {
    int64_t killed_us;
    size_t shown, waiting;
    size_t back, served;
    int64_t hidden;
} night;

size_t act_reconnect_shown(size_t terminals)
{
    return terminals / 10;
}

size_t act_reconnect_waiting(size_t terminals)
{
    return terminals < 50 ? 1 : terminals / 50;
}

static bool waits(const struct terminal *terminal)
{
    return terminal->number >= night.shown && terminal->number < night.shown + night.waiting;
}

static void knows(struct terminal *terminal)
{
    figures_add(&terminal->population->storm->figures, PHASE_noticed,
                storm_now_us() - night.killed_us);
}

static void is_back(struct terminal *terminal)
{
    struct figures *figures = &terminal->population->storm->figures;
    int64_t us = storm_now_us() - night.killed_us;

    night.back++;
    figures_add(figures, PHASE_back, us);
    if (waits(terminal))
        figures_add(figures, PHASE_urgent, us);
}

static void is_served(struct terminal *terminal)
{
    if (!waits(terminal))
        return;
    night.served++;
    figures_add(&terminal->population->storm->figures, PHASE_served,
                storm_now_us() - night.killed_us);
}

static void lost_picture(struct terminal *terminal)
{
    night.hidden++;
    figures_reason(&terminal->population->storm->figures, "picture-lost");
}

static bool all_back(struct storm *storm)
{
    return night.back >= storm->population.count && night.served >= night.waiting &&
           everybody_is_present(storm);
}

static void people_ask(struct storm *storm)
{
    for (size_t i = night.shown; i < night.shown + night.waiting; i++)
        terminal_request(&storm->population.terminals[i],
                         &(struct request){ .kind = evidence_kind_KIOSK,
                                            .user_id = storm->population.kiosks[i] });
}

int act_reconnect(struct storm *storm, struct berth_error *reterr)
{
    struct population *population = &storm->population;
    int r;

    if (!storm->site.ours)
        return berth_fail(reterr, BERTH_E_UNSUPPORTED, "only a broker of our own is killed");
    night.shown = act_reconnect_shown(population->count);
    night.waiting = act_reconnect_waiting(population->count);
    r = act_settle(storm, night.shown, reterr);
    if (r == 0)
        r = storm_clock_starts(storm, reterr);
    if (r < 0)
        return r;
    storm->figures.offered = (int64_t)population->count;
    population->events = (struct terminal_events){
        .present = is_back, .shown = is_served, .hidden = lost_picture, .lost = knows
    };
    /* Their requests are unanswered when it dies; a supervisor starts it at once. */
    people_ask(storm);
    loop_turn(&storm->loop, 0);
    night.killed_us = storm_now_us();
    site_stop_broker(&storm->site, true);
    r = site_spawn_broker(&storm->site, reterr);
    if (r < 0)
        return r;
    (void)storm_turn(storm, all_back, storm->options.seconds * 1000 + DRAIN_MS);
    population->events = (struct terminal_events){ 0 };
    /* Served: present again and, where a person waited, with a desktop. */
    storm->figures.offered = (int64_t)population->count;
    storm->figures.served =
        (int64_t)(population->present - (night.waiting - night.served)) - night.hidden;
    storm->figures.failed = storm->figures.offered - storm->figures.served;
    broker_forget(&storm->before); /* a new process counts from nothing */
    return storm_clock_stops(storm, reterr);
}
