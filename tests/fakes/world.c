/* world.c - starts and ends the broker of a world, and lets virtual time pass. */
#include "fakes/world.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "fakes/world_internal.h"

#include "random_seeded.h"

#define TURNS_MOST 100000 /* in one millisecond */
#define STALL_LATE_MS 1000

/* ---- start and end of the broker ---- */

static void crashed(void *context)
{
    struct world *world = context;

    world->crash_wanted = true;
}

void world_restart(struct world *world)
{
    struct environment *environment = &world->environment;
    struct broker_life *life = berth_new(struct broker_life);
    struct context *context = &life->context;
    struct berth_error error = { 0 };

    timers_init(&life->timers, environment->timers.mono_ms, environment->timers.wall_ms);
    random_seeded(&life->random, random_u64(&environment->random));
    context->timers = &life->timers;
    context->random = &life->random;
    context->core = core_new(&life->timers, &life->random);
    context->core->digest = fake_digest;
    if (world->broker_made)
        world->broker_made(world, context->core);
    context->store = fake_store_new(environment, world->disk, &life->timers);
    context->store->crashed = crashed;
    context->store->context = world;
    context->virt = fake_virt_new(world->hypervisors, &life->timers,
                                  &(struct virt_listener){ .host = reactor_host_event,
                                                           .machine = reactor_machine_event,
                                                           .context = context });
    context->auth = fake_auth_new(environment, context->core, &life->timers);
    context->ca = fake_ca_new(environment, &life->timers);
    context->probe = fake_probe_new(world->hypervisors, &life->timers);
    flow_engine_init(&context->engine, &life->timers);
    context->tell = fake_network_tell;
    context->hang_up = fake_network_hang_up;
    context->link = &world->network;
    context->settings.recovery_ms = world->recovery_ms;

    context->core->recovery_until_ms = life->timers.mono_ms + world->recovery_ms;
    if (store_load(context->store, context->core, &error) < 0) {
        (void)fprintf(stderr, "%s\n", error.text);
        abort();
    }
    world->broker = life;
    world->lives++;
    world->hypervisors->life = world->lives;
    world->started_ms = environment->timers.mono_ms;
    environment_note(environment, "the broker starts, incarnation %lld",
                     (long long)context->core->incarnation);
    reactor_start(context);
    fake_network_attach(&world->network, context);
}

static void end_life(struct world *world)
{
    struct broker_life *life = world->broker;
    struct context *context = &life->context;

    world->broker = NULL;
    world->crash_wanted = false;
    world->frozen = false;
    /* In berthd's order: the link is closed before the flows end, and the store still completes its
     * last writes then. */
    context->tell = NULL;
    context->hang_up = NULL;
    context->link = NULL;
    reactor_stop(context);
    fake_virt_free(context->virt);
    fake_probe_free(context->probe);
    fake_auth_free(context->auth);
    fake_ca_free(context->ca);
    fake_store_let_go(context->store);
    fake_store_free(context->store);
    core_free(context->core);
    deferred_run(&life->timers);
    if (life->timers.count)
        environment_fault(&world->environment,
                          "%zu timers of the broker are still armed after its end",
                          life->timers.count);
    timers_free(&life->timers);
    free(life);
}

void world_crash(struct world *world)
{
    if (!world->broker)
        return;
    environment_note(&world->environment, "the broker is killed");
    fake_network_detach(&world->network);
    world->broker->context.virt->dead = true;
    fake_store_die(world->broker->context.store);
    end_life(world);
}

static void quiet(struct op *op, int result)
{
    (void)op;
    (void)result;
}

void world_stop(struct world *world)
{
    struct op op;

    op_init(&op, &world->broker->timers, quiet);
    if (reactor_quiesce(&world->broker->context, 10000, &op) < 0)
        abort();
    for (int i = 0; i < 1200 && op.in_flight; i++)
        world_run_ms(world, 10);
    if (op.in_flight)
        environment_fault(&world->environment, "the orderly stop does not end");
    world_crash(world);
}

void world_crash_at(struct world *world, enum store_crash when, uint64_t commit)
{
    struct store *store = world->broker->context.store;

    store->crash = when;
    store->crash_at = store->commits + commit;
}

/* ---- the world ---- */

struct fake_terminal *world_make_terminal(struct world *world, const char *name)
{
    struct fake_terminal *terminal = terminal_new(&world->network, world->hypervisors, name);

    list_append(&world->terminals, &terminal->node);
    map_put_text(&world->by_name, terminal->name, terminal);
    return terminal;
}

static bool traces_allowed(void *context, const struct machine *machine)
{
    struct world *world = context;
    const struct desktop *desktop;
    struct pool *pool;

    if (!machine->hypervisor || !world->broker)
        return true; /* the disk of an existing machine is never refreshed */
    pool = world_pool(world, machine->pool);
    desktop = desktop_by_uuid(world_core(world), machine->uuid);
    return pool && pool->row.release == pool_release_KEEP && !(desktop && desktop->row.refresh_due);
}

struct world *world_made(uint64_t seed, const char *lines)
{
    struct world *world = berth_new(struct world);

    world_new_requests();
    log_setup("story", false, getenv("STORY_LOG") ? LOG_DEBUG : LOG_ERROR);
    environment_init(&world->environment, seed);
    world->recovery_ms = 60000;
    world->disk = disk_new(&world->environment.random);
    world->hypervisors = hypervisors_new(&world->environment);
    world->hypervisors->traces_allowed = traces_allowed;
    world->hypervisors->context = world;
    fake_network_init(&world->network, &world->environment);
    list_init(&world->terminals);
    map_init(&world->by_name, random_map_key(&world->environment.random));
    world_read(world, lines);
    return world;
}

void world_begin(struct world *world)
{
    world_restart(world);
    list_each (&world->terminals, node)
        terminal_power(list_entry(node, struct fake_terminal, node), true);
}

struct world *world_new(uint64_t seed, const char *lines)
{
    struct world *world = world_made(seed, lines);

    world_begin(world);
    return world;
}

const char *world_free(struct world *world)
{
    static char fault[FAULT_TEXT];

    world_crash(world);
    (void)snprintf(fault, sizeof(fault), "%s", world->environment.fault);
    if (world->environment.faults)
        environment_print(&world->environment);
    list_each (&world->terminals, node)
        terminal_free(list_entry(node, struct fake_terminal, node));
    map_clear(&world->by_name);
    fake_network_free(&world->network);
    hypervisors_free(world->hypervisors);
    disk_free(world->disk);
    environment_free(&world->environment);
    free(world);
    return fault;
}

/* ---- time ---- */

static int64_t sooner(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static int64_t next_in(const struct world *world)
{
    int64_t next = timers_next(&world->environment.timers);

    if (world->broker && !world->frozen)
        next = sooner(next, timers_next(&world->broker->timers));
    return next;
}

/* One turn of all timers at this time. The broker's clock is set first, as a loop does before it
 * reads its sockets. */
static void turn(struct world *world, int64_t mono_ms)
{
    struct berth_timers *environment = &world->environment.timers;
    int64_t wall_ms = environment->wall_ms + (mono_ms - environment->mono_ms);

    if (world->broker && !world->frozen) {
        world->broker->timers.mono_ms = mono_ms;
        world->broker->timers.wall_ms = wall_ms;
    }
    timers_advance(environment, mono_ms, wall_ms);
    if (world->broker && !world->frozen)
        timers_advance(&world->broker->timers, mono_ms, wall_ms);
    if (world->crash_wanted)
        world_crash(world);
    if (world->each_turn)
        world->each_turn(world);
}

void world_run_ms(struct world *world, int64_t ms)
{
    int64_t end_ms = world->environment.timers.mono_ms + ms;
    int turns = 0;

    for (;;) {
        int64_t next = next_in(world);

        if (next < 0 || world->environment.timers.mono_ms + next > end_ms)
            break;
        turns = next == 0 ? turns + 1 : 0;
        if (turns > TURNS_MOST) {
            environment_fault(&world->environment, "time stands still: callbacks run in a loop");
            break;
        }
        turn(world, world->environment.timers.mono_ms + next);
    }
    turn(world, end_ms);
}

void world_run_s(struct world *world, int64_t s)
{
    world_run_ms(world, s * 1000);
}

bool world_until(struct world *world, const char *terminal, const char *screen, int64_t most_s)
{
    for (int64_t i = 0; i <= most_s * 20; i++) {
        if (strcmp(world_screen(world, terminal), screen) == 0)
            return true;
        world_run_ms(world, 50);
    }
    return false;
}

int64_t world_now_ms(const struct world *world)
{
    return world->environment.timers.mono_ms;
}

void world_freeze(struct world *world, int64_t ms)
{
    int64_t was_ms = world->broker->timers.mono_ms;
    struct fake_network *network = &world->network;

    environment_note(&world->environment, "the broker stands still");
    world->frozen = true;
    network->frozen = true;
    world_run_ms(world, ms);
    world->frozen = false;
    /* What the loop does when it finds itself late: lib/loop.c. */
    if (ms > STALL_LATE_MS)
        timers_shift(&world->broker->timers, ms);
    world->broker->timers.mono_ms = was_ms + ms;
    world->broker->timers.wall_ms = world->environment.timers.wall_ms;
    environment_note(&world->environment, "the broker goes on");
    fake_network_thaw(network);
}

/* ---- faults ---- */

void world_silence(struct world *world, const char *terminal)
{
    world_terminal(world, terminal)->silent = true;
}

void world_cut(struct world *world, const char *terminal, bool cut)
{
    environment_note(&world->environment, "%s: its network is %s", terminal,
                     cut ? "cut" : "there again");
    terminal_cut(world_terminal(world, terminal), cut);
}

void world_power(struct world *world, const char *terminal, bool on)
{
    terminal_power(world_terminal(world, terminal), on);
}

void world_host_down(struct world *world, const char *host, bool down)
{
    struct hypervisor *hypervisor = world_host(world, host);

    environment_note(&world->environment, "host %s is %s", host, down ? "down" : "there again");
    hypervisor->up = !down;
    if (down && world->broker)
        fake_virt_noticed(world->broker->context.virt, hypervisor);
    if (down)
        hypervisor_drop_jobs(hypervisor);
}

void world_host_hangs(struct world *world, const char *host, bool hangs)
{
    hypervisor_hang(world_host(world, host), hangs);
    if (world->broker)
        fake_virt_hangs(world->broker->context.virt, world_host(world, host), hangs);
}

void world_disk_full(struct world *world, bool full)
{
    environment_note(&world->environment, "the disk is %s", full ? "full" : "roomy again");
    world->broker->context.store->full = full;
}
