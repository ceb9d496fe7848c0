/* fault_broker.c - faults of the broker: its clocks, its process, its disk. */
#include <stdio.h>

#include "sim/sim_internal.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define STALL_LEAST_MS 300
#define STALL_MOST_MS 3000
#define FREEZE_MOST_MS 90000
#define COMMITS_AHEAD 8

void fault_clock(struct sim *sim, const struct action *action)
{
    silence_before(sim, action);
    sim->w->environment.timers.wall_ms += ((int64_t)action->much - 500) * DAY_MS / 10;
    if (sim->w->environment.timers.wall_ms < DAY_MS)
        sim->w->environment.timers.wall_ms = DAY_MS;
    environment_record(&sim->w->environment,
                       &(struct history_line){ .kind = HISTORY_clock, .clock = { .wall = true } });
}

static void freeze(struct sim *sim, const struct action *action, int64_t ms)
{
    silence_before(sim, action);
    if (sim->w->broker)
        world_freeze(sim->w, ms);
}

void fault_stall(struct sim *sim, const struct action *action)
{
    freeze(sim, action, STALL_LEAST_MS + action->what % (STALL_MOST_MS - STALL_LEAST_MS));
}

void fault_broker_freeze(struct sim *sim, const struct action *action)
{
    freeze(sim, action, STALL_MOST_MS + action->what % (FREEZE_MOST_MS - STALL_MOST_MS));
}

void broker_back(struct sim *sim)
{
    if (sim->w->broker)
        return;
    admins_forget(sim);
    sim->asked_by_admin = false;
    world_restart(sim->w);
    fake_ca_set_life(sim->w->broker->context.ca, sim->certificate_ms);
}

static void back(struct sim *sim, uint32_t what)
{
    (void)what;
    broker_back(sim);
}

void fault_broker_crash(struct sim *sim, const struct action *action)
{
    if (!sim->w->broker)
        return;
    world_crash(sim->w);
    admins_forget(sim);
    end_fault_in(sim, action->ms % 60000, back, 0);
}

/* It may not have reached that commit. */
static void back_after_commit(struct sim *sim, uint32_t what)
{
    (void)what;
    if (sim->w->broker)
        sim->w->broker->context.store->crash = CRASH_NEVER;
    broker_back(sim);
}

void fault_commit_crash(struct sim *sim, const struct action *action)
{
    if (!sim->w->broker)
        return;
    world_crash_at(sim->w, (enum store_crash)(CRASH_BEFORE_COMMIT + action->much % 3),
                   1 + action->what % COMMITS_AHEAD);
    end_fault_in(sim, action->ms, back_after_commit, 0);
}

static bool start_is_in_flight(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->hosts_count; i++) {
        list_each (&world_host(sim->w, site_host(i))->jobs, node)
            if (list_entry(node, struct hypervisor_job, node)->starts)
                return true;
    }
    return false;
}

#define BACK_AT_ONCE_MS 20

void crash_at_start(struct sim *sim)
{
    if (!sim->w->broker || sim->w->frozen || !start_is_in_flight(sim))
        return;
    sim->crash_at_start = false;
    world_crash(sim->w);
    admins_forget(sim);
    end_fault_in(sim, BACK_AT_ONCE_MS, back, 0);
}

void fault_start_crash(struct sim *sim, const struct action *action)
{
    (void)action;
    sim->crash_at_start = true;
}

void fault_broker_stop(struct sim *sim, const struct action *action)
{
    if (!sim->w->broker)
        return;
    world_stop(sim->w);
    admins_forget(sim);
    end_fault_in(sim, action->ms % 20000, back, 0);
}

/* ---- the disk ---- */

void fault_commit_fails(struct sim *sim, const struct action *action)
{
    if (sim->w->broker)
        sim->w->broker->context.store->fail_next =
            action->much % 2 ? BERTH_E_CONFLICT : BERTH_E_NO_SPACE;
}

static void roomy(struct sim *sim, uint32_t what)
{
    (void)what;
    if (sim->w->broker)
        world_disk_full(sim->w, false);
}

void fault_no_space(struct sim *sim, const struct action *action)
{
    if (!sim->w->broker)
        return;
    world_disk_full(sim->w, true);
    end_fault_in(sim, action->ms, roomy, 0);
}

static void fast(struct sim *sim, uint32_t what)
{
    (void)what;
    if (sim->w->broker)
        sim->w->broker->context.store->slowest_ms = 20;
}

void fault_slow_commits(struct sim *sim, const struct action *action)
{
    if (!sim->w->broker)
        return;
    sim->w->broker->context.store->slowest_ms = 20 + action->what % 8000;
    end_fault_in(sim, action->ms, fast, 0);
}
