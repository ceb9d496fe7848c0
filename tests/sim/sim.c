/* sim.c - one run: makes the site, does the actions of its schedule, judges after every turn. */
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/index.h"
#include "core/presence.h"
#include "flow/context.h"
#include "sim/sim_internal.h"

/* ---- what must hold after every turn, beside the history ---- */

/* In the recovery window the broker destroys nothing by itself. */
static void judge_calls(struct sim *sim)
{
    struct world *w = sim->w;
    const struct fake_hypervisors *hypervisors = w->hypervisors;

    for (; sim->call_records_judged < hypervisors->call_records_count; sim->call_records_judged++) {
        const struct call_record *call_record =
            &hypervisors->call_records[sim->call_records_judged % CALL_RECORDS_MAX];

        if (call_record->life != w->lives || sim->asked_by_admin || w->lives == 1)
            continue;
        if ((call_record->call == VIRT_refresh || call_record->call == VIRT_delete ||
             call_record->call == VIRT_stop) &&
            call_record->at_ms < w->started_ms + w->recovery_ms)
            environment_fault(&w->environment, "%s of a machine in the recovery window (I12)",
                              virt_call_row(call_record->call)->name);
    }
}

/* Whatever is in transition has a flow that works on it, or a time at which one begins (I29). */
static void judge_sessions(struct sim *sim, const struct pool *pool)
{
    list_each (index_list(world_core(sim->w), SESSIONS_OF_POOL, pool->row.id), node) {
        const struct session *session =
            container_of(index_entry(SESSIONS_OF_POOL, node), struct session, base);

        if (session->row.state == session_ENDING && !session->flow &&
            !timer_armed(&session->release_retry))
            environment_fault(&sim->w->environment,
                              "session %llu is ending and nobody works on it (I29)",
                              (unsigned long long)session->row.id);
    }
}

static void judge_work(struct sim *sim)
{
    struct core *core = world_core(sim->w);

    list_each (core_all(core, ENTITY_pool), node)
        judge_sessions(sim, container_of(entity_of(node), struct pool, base));
    list_each (core_all(core, ENTITY_host), node) {
        const struct host *host = container_of(entity_of(node), struct host, base);

        if (host->state == host_OPENING && !host->inventory && !timer_armed(&host->retry))
            environment_fault(&sim->w->environment, "host %s is opening and nobody lists it (I29)",
                              host->row.name);
    }
    list_each (core_all(core, ENTITY_desktop), node) {
        const struct desktop *desktop = container_of(entity_of(node), struct desktop, base);

        if ((desktop->state == desktop_STARTING || desktop->state == desktop_STOPPING) &&
            !desktop->power)
            environment_fault(&sim->w->environment, "desktop %s is %s and nobody works on it (I29)",
                              desktop->row.name, desktop_state_names[desktop->state]);
    }
}

void sim_judge(struct world *world)
{
    struct sim *sim = world->context;

    if (world->broker && !world->broker->context.stopping)
        judge_work(sim);

    if (sim->call_records_judged != world->hypervisors->call_records_count)
        judge_calls(sim);
    if (sim->crash_at_start)
        crash_at_start(sim);
}

/* ---- a run ---- */

/* Ordered reboots: done here, not inside the agent that asks for its own. */
static void reboot_some(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->clients_count; i++) {
        if (!sim->clients[i].reboots)
            continue;
        person_unknown(sim, i);
        client_power(&sim->clients[i], false);
        client_power(&sim->clients[i], true);
    }
}

static bool is_left_in(const struct sim *sim, const struct action *action)
{
    return !sim->params.left_in || sim->params.left_in[action->number - 1];
}

static void play(struct sim *sim)
{
    int64_t end_ms = sim->start_ms + sim->params.hours * 3600000;

    for (size_t i = 0; i < sim->schedule.count && !sim->w->environment.faults; i++) {
        const struct action *action = &sim->schedule.at[i];
        int64_t left_ms = sim->start_ms + action->at_ms - world_now_ms(sim->w);

        if (!is_left_in(sim, action))
            continue;
        if (left_ms > 0) /* a stall may have taken us beyond it */
            world_run_ms(sim->w, left_ms);
        if (sim->w->environment.faults)
            return;
        admins_approve(sim);
        reboot_some(sim);
        act_do(sim, action);
    }
    if (!sim->w->environment.faults && world_now_ms(sim->w) < end_ms)
        world_run_ms(sim->w, end_ms - world_now_ms(sim->w));
}

/* "... (I14)" or "... (I14, line 5 of the history)". */
static int invariant_of(const char *sentence)
{
    const char *at = strstr(sentence, "(I");

    return at ? (int)strtol(at + 2, NULL, 10) : 0;
}

static void tell_outcome(struct sim *sim)
{
    struct sim_outcome *outcome = sim->outcome;
    const struct environment *environment = &sim->w->environment;

    outcome->broken = environment->faults > 0;
    (void)snprintf(outcome->sentence, sizeof(outcome->sentence), "%s", environment->fault);
    outcome->invariant = invariant_of(environment->fault);
    for (int i = 1; i <= JUDGE_INVARIANTS; i++)
        outcome->invariants[i] = recorder_broke(&sim->recorder, i) || i == outcome->invariant;
    outcome->broken_ms = world_now_ms(sim->w) - sim->start_ms;
    outcome->digest = sim->recorder.digest;
    outcome->lines = sim->recorder.lines;
    outcome->actions = sim->schedule.count;
    outcome->lives = sim->w->lives;
    outcome->commits = disk_commits(sim->w->disk);
    outcome->constraint_refusals = disk_constraint_refusals(sim->w->disk);
    outcome->messages = sim->w->network.up + sim->w->network.down;
    outcome->terminal_hours =
        (double)(world_now_ms(sim->w) - sim->start_ms) / 3600000.0 * (sim->clients_count + SIM_OLD);
}

static void clear(struct sim *sim)
{
    drop_fault_ends(sim);
    world_crash(sim->w);
    admins_forget(sim);
    for (uint32_t i = 0; i < sim->clients_count; i++)
        client_clear(&sim->clients[i]);
    tell_outcome(sim);
    sim->outcome->checks = recorder_end(&sim->recorder);
    if (!sim->outcome->broken) /* what can only be judged at the end */
        tell_outcome(sim);
    (void)world_free(sim->w);
    recorder_free(&sim->recorder);
    schedule_free(&sim->schedule);
    free(sim->clients);
    free(sim->waiters);
    free(sim->people);
    free(sim);
}

static void plan(const struct sim_params *params, struct schedule *ret)
{
    struct schedule_params draw = { .seed = params->seed,
                                    .hours = params->hours,
                                    .terminals = params->terminals,
                                    .people = site_people(params->terminals) };

    memcpy(draw.allowed, params->allowed, sizeof(draw.allowed));
    schedule_make(ret, &draw);
}

size_t sim_actions(const struct sim_params *params)
{
    struct schedule schedule;
    size_t count;

    plan(params, &schedule);
    count = schedule.count;
    schedule_free(&schedule);
    return count;
}

void sim_run(const struct sim_params *params, struct sim_outcome *ret)
{
    struct sim *sim = berth_new(struct sim);
    uint64_t forbidden = log_count(EV_STATE_FORBIDDEN);

    *ret = (struct sim_outcome){ 0 };
    sim->params = *params;
    sim->outcome = ret;
    list_init(&sim->endings);
    site_make(sim);
    plan(params, &sim->schedule);
    site_begin(sim);
    play(sim);
    if (!sim->w->environment.faults)
        quiesce(sim);
    if (log_count(EV_STATE_FORBIDDEN) != forbidden)
        environment_fault(&sim->w->environment, "a forbidden transition was asked for");
    clear(sim);
}
