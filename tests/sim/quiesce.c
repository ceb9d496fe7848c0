/* quiesce.c - the end of a run: faults stop, everything heals and comes to rest; then what the
 * broker believes, what is on the screens and what runs on the hosts is the same.
 */
#include <stdio.h>
#include <string.h>

#include "core/desktop_class.h"
#include "core/index.h"
#include "core/placement.h"
#include "sim/sim_internal.h"

#define QUIESCE_MS 1800000
/* Wait until writes that began with the end of a fault are on disk. */
#define RECONNECT_S 30
#define SETTLES_MS 15000

/* ---- recovery ---- */

static void await(struct sim *sim, int begun, const char *what)
{
    if (world_await(sim->w, begun) < 0)
        environment_fault(&sim->w->environment, "%s: %s", what, world_await_text());
}

static void heal_people(struct sim *sim)
{
    struct context *context = &sim->w->broker->context;

    for (uint32_t i = 0; i < sim->people_count; i++) {
        struct row_user row = user_find(context->core, sim->people[i].user_id)->row;

        if (!row.disabled)
            continue;
        row.disabled = false;
        row.version = 0;
        await(sim, admin_set(context, world_actor(), ENTITY_user, &row, world_op(sim->w)),
              "a user cannot be enabled");
    }
}

static void heal_clients(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->clients_count; i++) {
        struct client *client = &sim->clients[i];

        client->network_conditions.until_ms = 0;
        client->hands_off_ms = 0;
        if (client->cut)
            client_cut(client, false);
        client_freeze(client, false);
        client_power(client, true);
    }
    list_each (&sim->w->terminals, node) {
        struct fake_terminal *old = list_entry(node, struct fake_terminal, node);

        terminal_power(old, true);
    }
}

static void heal_hosts(struct sim *sim)
{
    struct context *context = &sim->w->broker->context;

    for (uint32_t i = 0; i < sim->hosts_count; i++) {
        struct hypervisor *host = world_host(sim->w, site_host(i));
        struct entity *entity = core_find_name(context->core, ENTITY_host, host->name);

        host->fail_starts = 0;
        host->silent_boots = 0;
        host->slow_ms = 0;
        host->agent_ms = 0;
        list_each (&host->machines, node)
            list_entry(node, struct machine, node)->hidden = false;
        if (!host->up)
            world_host_down(sim->w, host->name, false);
        if (host->hung)
            world_host_hangs(sim->w, host->name, false);
        await(sim,
              admin_host_mode(context, world_actor(),
                              container_of(entity, struct host, base)->row.id, host_mode_ACTIVE,
                              world_op(sim->w)),
              "a host cannot be made active");
    }
}

static void heal(struct sim *sim)
{
    sim->asked_by_admin = true; /* the recovery gives orders, too */
    broker_back(sim);
    sim->w->broker->context.store->crash = CRASH_NEVER;
    sim->w->broker->context.store->fail_next = 0;
    end_faults_now(sim);
    sim->asked_by_admin = true;
    world_disk_full(sim->w, false);
    world_run_ms(sim->w, SETTLES_MS);
    heal_hosts(sim);
    heal_people(sim);
    heal_clients(sim);
    for (int i = 0; i < 20;
         i++) { /* revoked terminals are found again, ask to join, and are approved */
        world_run_ms(sim->w, 60000);
        admins_approve(sim);
    }
}

/* ---- checks ---- */

/* Passwords that were typed, or that open an account of a machine now, must not be in rows or in
 * the audit trail. */
static void measure_secrets(struct sim *sim)
{
    static const char *const typed[] = { "secret12", "secret13" };
    struct history_line line = { .kind = HISTORY_measure,
                                 .measure = { .invariant = "I22",
                                              .name = "secrets in rows and audit records" } };

    for (size_t i = 0; i < BERTH_COUNT(typed); i++)
        line.measure.value += disk_contains(sim->w->disk, typed[i]);
    for (uint32_t i = 0; i < sim->hosts_count; i++) {
        list_each (&world_host(sim->w, site_host(i))->machines, node) {
            const struct machine *machine = list_entry(node, struct machine, node);

            line.measure.value += !secret_empty(&machine->password) &&
                                  disk_contains(sim->w->disk, machine->password.text);
        }
    }
    environment_record(&sim->w->environment, &line);
}

static void judge_flows(struct sim *sim)
{
    list_each (&sim->w->broker->context.engine.flows, node) {
        const struct flow *flow = list_entry(node, struct flow, node);

        /* A sign-on may wait in a queue; every other flow must have ended. */
        if (strcmp(flow_step_name(flow), "choose") != 0)
            environment_fault(&sim->w->environment, "flow %s of %s is still in step %s",
                              flow->kind->name, flow->who, flow_step_name(flow));
    }
}

/* Does any screen show this session? */
static bool shown_at(struct sim *sim, const struct session *session, const char *terminal)
{
    struct agent_snapshot snapshot;
    struct fake_terminal *old;

    for (uint32_t i = 0; i < sim->clients_count; i++) {
        if (strcmp(sim->clients[i].name, terminal) != 0)
            continue;
        return client_observe(&sim->clients[i], &snapshot) && snapshot.shows &&
               snapshot.session_id == session->row.id && snapshot.epoch == session->row.epoch;
    }
    old = map_get_text(&sim->w->by_name, terminal);
    return old && old->viewer == VIEWER_ACTIVE && old->show.session_id == session->row.id &&
           old->show.epoch == session->row.epoch;
}

static void judge_sessions(struct sim *sim)
{
    struct environment *environment = &sim->w->environment;
    struct core *core = world_core(sim->w);

    list_each (core_all(core, ENTITY_session), node) {
        const struct session *session = container_of(entity_of(node), struct session, base);
        const struct terminal *terminal = terminal_find(core, session->row.terminal_id);
        const char *where = terminal ? terminal->row.name : "";
        bool shown;

        if (session->row.state == session_ENDED)
            continue;
        shown = terminal && shown_at(sim, session, where);
        if (session->row.state == session_PREPARING || session->row.state == session_ENDING)
            environment_fault(environment, "session %llu is %s for ever",
                              (unsigned long long)session->row.id,
                              session_state_names[session->row.state]);
        else if ((session->row.state == session_ACTIVE) != shown)
            environment_fault(environment, "session %llu is %s, and %s %s",
                              (unsigned long long)session->row.id,
                              session_state_names[session->row.state], where,
                              shown ? "shows it (I5)" : "does not show it");
    }
}

static void judge_clients(struct sim *sim)
{
    struct environment *environment = &sim->w->environment;
    struct core *core = world_core(sim->w);

    for (uint32_t i = 0; i < sim->clients_count; i++) {
        const struct client *client = &sim->clients[i];
        const struct session *session;
        struct agent_snapshot snapshot;

        if (strcmp(world_presence(sim->w, client->name), "present") != 0)
            environment_fault(environment, "%s is %s", client->name,
                              world_presence(sim->w, client->name));
        if (!client_observe(client, &snapshot) || !snapshot.online)
            environment_fault(environment, "%s is not online: %s", client->name, snapshot.state);
        session = snapshot.shows ? session_find(core, snapshot.session_id) : NULL;
        if (snapshot.shows && (!session || session->row.epoch != snapshot.epoch ||
                               session->row.state != session_ACTIVE))
            environment_fault(environment, "%s shows what the broker does not know of (I5)",
                              client->name);
    }
}

static void judge_machines(struct sim *sim)
{
    struct environment *environment = &sim->w->environment;
    struct core *core = world_core(sim->w);

    for (uint32_t i = 0; i < sim->hosts_count; i++) {
        list_each (&world_host(sim->w, site_host(i))->machines, node) {
            const struct machine *machine = list_entry(node, struct machine, node);
            const struct desktop *desktop = desktop_by_uuid(core, machine->uuid);

            if (!desktop && !machine->from_dead_broker)
                environment_fault(environment, "machine %s belongs to no desktop (I13)",
                                  machine->name);
            else if (desktop && machine->running && desktop->state == desktop_OFF)
                environment_fault(environment, "machine %s runs and its desktop is off (I13)",
                                  machine->name);
        }
    }
    list_each (core_all(core, ENTITY_desktop), node) {
        const struct desktop *desktop = container_of(entity_of(node), struct desktop, base);
        const struct machine *machine =
            desktop->row.uuid[0] ? machine_by_uuid(sim->w->hypervisors, desktop->row.uuid) : NULL;

        if (desktop->row.uuid[0] && desktop->state == desktop_READY &&
            (!machine || !machine->running))
            environment_fault(environment, "desktop %s is ready and its machine does not run (I13)",
                              desktop->row.name);
        /* A planned one may wait: its pool got another meanwhile. */
        if (desktop->state == desktop_STARTING || desktop->state == desktop_STOPPING)
            environment_fault(environment, "desktop %s is %s for ever", desktop->row.name,
                              desktop_state_names[desktop->state]);
        /* Its host is up, as all are. */
        if (desktop->row.delete_pending && desktop_is_free(desktop))
            environment_fault(environment,
                              "desktop %s is to be deleted, nobody uses it and it stays (%s)",
                              desktop->row.name, desktop_state_names[desktop->state]);
    }
}

/* Every user gets a desktop: from each pool as many as it has room for. */
static void judge_pools(struct sim *sim)
{
    static const char *const pools[] = { "float", "own", "stay", "keep" };
    struct core *core = world_core(sim->w);

    for (size_t i = 0; i < BERTH_COUNT(pools); i++) {
        const struct pool *pool = world_pool(sim->w, pools[i]);
        struct placement_count count;
        char why[160];

        placement_count(core, pool, &count);
        /* Quarantined machines keep their place on a host until an administrator acts. */
        if (count.spare < 1 && pool->row.spare > 0 && count.total < pool->row.max &&
            !pool->backoff_until_ms && placement_host(core, pool, why, sizeof(why)))
            environment_fault(&sim->w->environment,
                              "pool %s has %d of %d desktops, no spare and no reason", pools[i],
                              count.total, (int)pool->row.max);
    }
}

static bool all_are_online(struct sim *sim)
{
    struct agent_snapshot snapshot;

    for (uint32_t i = 0; i < sim->clients_count; i++)
        if (!client_observe(&sim->clients[i], &snapshot) || !snapshot.online)
            return false;
    return true;
}

/* Agents renew their certificates also at rest and then reconnect: wait until none does. */
static void await_clients(struct sim *sim)
{
    for (int s = 0; s < RECONNECT_S && !all_are_online(sim) && !sim->w->environment.faults; s++)
        world_run_ms(sim->w, 1000);
}

void quiesce(struct sim *sim)
{
    struct environment *environment = &sim->w->environment;

    sim->quiescing = true;
    sim->crash_at_start = false;
    heal(sim);
    if (!environment->faults)
        world_run_ms(sim->w, QUIESCE_MS);
    await_clients(sim);
    if (environment->faults)
        return;
    history_write(&sim->recorder.history, environment->timers.mono_ms * 1000, HISTORY_quiescent,
                  quiescent, .incarnation = world_core(sim->w)->incarnation);
    measure_secrets(sim);
    judge_flows(sim);
    judge_sessions(sim);
    judge_clients(sim);
    judge_machines(sim);
    judge_pools(sim);
}
