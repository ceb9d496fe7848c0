/* endings.c - ends faults that last for a while. */
#include "sim/sim_internal.h"

#define FROZEN_MS 1000

struct ending {
    struct list node;
    struct berth_timer timer;
    struct sim *sim;
    void (*end)(struct sim *sim, uint32_t what);
    uint32_t what;
};

static void drop(struct ending *ending)
{
    timer_stop(&ending->sim->w->environment.timers, &ending->timer);
    list_remove(&ending->node);
    free(ending);
}

static void over(struct ending *ending)
{
    const struct ending copy = *ending;

    drop(ending);
    copy.end(copy.sim, copy.what);
}

static void due(struct berth_timer *timer)
{
    struct ending *ending = container_of(timer, struct ending, timer);

    if (ending->sim->w->frozen) /* a frozen broker answers nobody */
        timer_start(&ending->sim->w->environment.timers, timer, FROZEN_MS, due);
    else
        over(ending);
}

void end_fault_in(struct sim *sim, int64_t ms, void (*end)(struct sim *sim, uint32_t what),
                  uint32_t what)
{
    struct ending *ending = berth_new(struct ending);

    ending->sim = sim;
    ending->end = end;
    ending->what = what;
    list_append(&sim->endings, &ending->node);
    timer_start(&sim->w->environment.timers, &ending->timer, ms, due);
}

void end_faults_now(struct sim *sim)
{
    while (!list_empty(&sim->endings))
        over(list_entry(sim->endings.next, struct ending, node));
}

void drop_fault_ends(struct sim *sim)
{
    while (!list_empty(&sim->endings))
        drop(list_entry(sim->endings.next, struct ending, node));
}
