/* fault_hosts.c - faults of hosts and machines. */
#include <stdio.h>

#include "sim/sim_internal.h"

#define SLOWEST_MS 40000
#define SLOWEST_GUEST_MS 8500

static uint32_t number_of(const struct sim *sim, const struct action *action)
{
    return action->who % sim->hosts_count;
}

static struct hypervisor *host_at(struct sim *sim, uint32_t number)
{
    return world_host(sim->w, site_host(number));
}

static struct hypervisor *host_of(struct sim *sim, const struct action *action)
{
    return host_at(sim, number_of(sim, action));
}

static struct machine *machine_of(struct sim *sim, const struct action *action)
{
    const struct hypervisor *host = host_of(sim, action);
    size_t count = 0;
    size_t wanted;

    list_each (&host->machines, node)
        count++;
    if (!count)
        return NULL;
    wanted = action->what % count;
    list_each (&host->machines, node) {
        if (wanted-- == 0)
            return list_entry(node, struct machine, node);
    }
    return NULL;
}

/* ---- hosts ---- */

static void host_up(struct sim *sim, uint32_t host)
{
    world_host_down(sim->w, site_host(host), false);
}

void fault_host_down(struct sim *sim, const struct action *action)
{
    uint32_t host = number_of(sim, action);

    if (!host_at(sim, host)->up)
        return;
    world_host_down(sim->w, site_host(host), true);
    end_fault_in(sim, action->ms, host_up, host);
}

static void host_answers(struct sim *sim, uint32_t host)
{
    world_host_hangs(sim->w, site_host(host), false);
}

void fault_host_hang(struct sim *sim, const struct action *action)
{
    uint32_t host = number_of(sim, action);

    if (host_at(sim, host)->hung)
        return;
    world_host_hangs(sim->w, site_host(host), true);
    end_fault_in(sim, action->ms, host_answers, host);
}

static void host_fast(struct sim *sim, uint32_t host)
{
    host_at(sim, host)->slow_ms = 0;
    host_at(sim, host)->agent_ms = 0;
}

void fault_host_slow(struct sim *sim, const struct action *action)
{
    host_of(sim, action)->slow_ms = 1 + action->what % SLOWEST_MS;
    /* Often just below the deadline of a call into a guest, so that other calls wait. */
    host_of(sim, action)->agent_ms = action->what % 2 ? action->what % SLOWEST_GUEST_MS : 0;
    end_fault_in(sim, action->ms, host_fast, number_of(sim, action));
}

/* The daemon continues with accepted calls; the broker starts another berth-virt. */
void fault_virt_restart(struct sim *sim, const struct action *action)
{
    if (sim->w->broker)
        fake_virt_killed(sim->w->broker->context.virt, host_of(sim, action));
}

void fault_start_fails(struct sim *sim, const struct action *action)
{
    host_of(sim, action)->fail_starts = 1 + (int)(action->much % 3);
}

void fault_boot_mute(struct sim *sim, const struct action *action)
{
    host_of(sim, action)->silent_boots = 1 + (int)(action->much % 2);
}

static void truthful(struct sim *sim, uint32_t host)
{
    list_each (&host_at(sim, host)->machines, node)
        list_entry(node, struct machine, node)->hidden = false;
}

void fault_host_lies(struct sim *sim, const struct action *action)
{
    struct machine *machine = machine_of(sim, action);

    if (!machine)
        return;
    machine->hidden = true;
    end_fault_in(sim, action->ms, truthful, number_of(sim, action));
}

static void punctual(struct sim *sim, uint32_t host)
{
    host_at(sim, host)->late = 0;
    host_at(sim, host)->twice = 0;
}

void fault_late_events(struct sim *sim, const struct action *action)
{
    host_of(sim, action)->late = action->much % 100;
    host_of(sim, action)->twice = action->what % 100;
    end_fault_in(sim, action->ms, punctual, number_of(sim, action));
}

/* ---- machines ---- */

void fault_machine_dies(struct sim *sim, const struct action *action)
{
    struct machine *machine = machine_of(sim, action);

    if (machine)
        machine_kill(machine, "crashed");
}

void fault_machine_lost(struct sim *sim, const struct action *action)
{
    struct machine *machine = machine_of(sim, action);

    if (machine)
        machine_lose(machine);
}

void fault_guest_ends(struct sim *sim, const struct action *action)
{
    struct machine *machine = machine_of(sim, action);

    if (machine)
        machine_guest_logs_off(machine);
}
