/* test_days.c - two hundred days on a ward with random events of people, terminals, hosts, disk and
 * broker; invariants are checked after every turn. A failure prints its seed; BERTH_SEED repeats
 * it.
 */
#include <inttypes.h>

#include "core/desktop_class.h"
#include "core/index.h"

#include "random_seeded.h"
#include "story.h"

#define SEEDS 200
#define ACTIONS 120
#define TERMINALS 5
#define USERS 4
#define EPOCH_DESKTOPS 256

static const char *const terminals[TERMINALS] = { "t1", "t2", "t3", "t4", "t5" };
static const char *const users[USERS] = { "anna", "bob", "carl", "dora" };

/* What the invariants remember from turn to turn. */
struct watch {
    uint64_t seed;
    char broken[200];              /* the first one that does not hold */
    int64_t shown[EPOCH_DESKTOPS]; /* highest epoch that any terminal was told, by slot of the map
                                      below */
    uint64_t session[EPOCH_DESKTOPS];
    size_t sessions;
};

static void broken(struct watch *watch, const char *what, const char *who)
{
    if (!watch->broken[0])
        (void)snprintf(watch->broken, sizeof(watch->broken), "seed %" PRIu64 ": %s (%s)",
                       watch->seed, what, who);
}

/* ---- what must hold at any time ---- */

/* A terminal was told of a claim: it is on disk, whatever crashed since (I2), and it never sinks
 * (I6). */
static void claims_are_durable(struct world *w, struct watch *watch,
                               const struct fake_terminal *terminal)
{
    const struct row_session *row =
        terminal->show.session_id ? disk_row(w->disk, ENTITY_session, terminal->show.session_id)
                                  : NULL;

    if (!terminal->show.session_id)
        return;
    if (!row)
        broken(watch, "a session that was shown is not on disk", terminal->name);
    else if (row->epoch < terminal->show.epoch)
        broken(watch, "an epoch that a terminal was told is not on disk", terminal->name);
}

/* One screen per session: of two terminals that show it at most one has the picture (I5). */
static void one_screen(struct world *w, struct watch *watch)
{
    list_each (&w->terminals, a_) {
        const struct fake_terminal *a = list_entry(a_, struct fake_terminal, node);

        list_each (&w->terminals, b_) {
            const struct fake_terminal *b = list_entry(b_, struct fake_terminal, node);

            if (a != b && a->picture.machine && a->picture.machine == b->picture.machine)
                broken(watch, "two screens show one machine", a->name);
        }
    }
}

/* What is in memory is what was decided: no dirty desktop is a spare (I14), no desktop has two
 * owners (I1). */
static void memory_is_sane(struct world *w, struct watch *watch)
{
    struct core *core = world_core(w);

    list_each (core_all(core, ENTITY_desktop), node) {
        const struct desktop *desktop = entity_at(node, desktop);

        if (index_count(core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id) > 1)
            broken(watch, "a desktop has two owners", desktop->row.name);
        if (desktop->class == CLASS_SPARE &&
            (desktop->reserved || desktop_must_refresh(desktop) || desktop->state != desktop_READY))
            broken(watch, "something is a spare that is none", desktop->row.name);
    }
    list_each (core_all(core, ENTITY_session), node) {
        const struct session *session = entity_at(node, session);
        const struct slot *slot = slot_of(core, session->row.desktop_id, session->row.slot);

        if (session->row.state != session_ENDED && (!slot || slot->row.epoch < session->row.epoch))
            broken(watch, "a session is ahead of its slot", "session");
    }
}

static void each_turn(struct world *w)
{
    struct watch *watch = w->context;

    list_each (&w->terminals, node)
        claims_are_durable(w, watch, list_entry(node, struct fake_terminal, node));
    one_screen(w, watch);
    if (w->broker)
        memory_is_sane(w, watch);
}

/* ---- what they do ---- */

static const char *any(struct berth_random *random, const char *const *names, size_t count)
{
    return names[random_below(random, count)];
}

static void somebody_acts(struct world *w, struct berth_random *random)
{
    const char *terminal = any(random, terminals, TERMINALS);

    switch (random_below(random, 8)) {
    case 0:
    case 1:
    case 2:
    case 3:
        world_sign_on(w, terminal, any(random, users, USERS), "secret12");
        return;
    case 4:
        world_sign_off(w, terminal);
        return;
    case 5:
        world_disconnect(w, terminal);
        return;
    case 6:
        terminal_cancel(world_terminal(w, terminal));
        return;
    default: /* in the same millisecond at two places */
        world_sign_on(w, terminal, users[0], "secret12");
        world_sign_on(w, any(random, terminals, TERMINALS), users[0], "secret12");
        return;
    }
}

static void a_terminal_fails(struct world *w, struct berth_random *random)
{
    const char *terminal = any(random, terminals, TERMINALS);

    switch (random_below(random, 4)) {
    case 0:
        world_power(w, terminal, !world_terminal(w, terminal)->on);
        return;
    case 1:
        world_cut(w, terminal, !world_terminal(w, terminal)->cut);
        return;
    case 2:
        terminal_break(world_terminal(w, terminal));
        return;
    default: /* an orderly end */
        terminal_bye(world_terminal(w, terminal));
        world_run_ms(w, 20);
        world_power(w, terminal, false);
        world_terminal(w, terminal)->silent = false; /* it speaks again when it is switched on */
        return;
    }
}

static void a_machine_dies(struct world *w, struct berth_random *random)
{
    struct hypervisor *host = world_host(w, random_below(random, 2) ? "kvm1" : "kvm2");
    uint64_t which = random_below(random, 4);

    list_each (&host->machines, node) {
        struct machine *machine = list_entry(node, struct machine, node);

        if (machine->running && which-- == 0) {
            machine_kill(machine, "crashed");
            return;
        }
    }
}

static void a_host_fails(struct world *w, struct berth_random *random)
{
    const char *name = random_below(random, 2) ? "kvm1" : "kvm2";
    struct hypervisor *host = world_host(w, name);

    switch (random_below(random, 5)) {
    case 0:
        world_host_down(w, name, host->up);
        return;
    case 1:
        world_host_hangs(w, name, !host->hung);
        return;
    case 2:
        host->fail_starts = 1;
        return;
    case 3:
        host->late = host->twice = 30;
        return;
    default:
        a_machine_dies(w, random);
        return;
    }
}

static void the_broker_fails(struct world *w, struct berth_random *random)
{
    switch (random_below(random, 5)) {
    case 0:
        world_crash(w);
        world_run_ms(w, (int64_t)random_below(random, 3000));
        world_restart(w);
        return;
    case 1: /* between a promise and its disk, at the worst moment */
        world_crash_at(w, (enum store_crash)(CRASH_BEFORE_COMMIT + random_below(random, 3)),
                       1 + random_below(random, 3));
        return;
    case 2:
        world_freeze(w, (int64_t)random_below(random, 5000));
        return;
    case 3:
        world_disk_full(w, true);
        world_run_ms(w, (int64_t)random_below(random, 4000));
        if (w->broker)
            world_disk_full(w, false);
        return;
    default:
        world_stop(w);
        world_restart(w);
        return;
    }
}

static void something_happens(struct world *w, struct berth_random *random)
{
    uint64_t what = random_below(random, 20);

    if (what < 13)
        somebody_acts(w, random);
    else if (what < 16)
        a_terminal_fails(w, random);
    else if (what < 18)
        a_host_fails(w, random);
    else
        the_broker_fails(w, random);
    world_run_ms(w, (int64_t)random_below(random, random_below(random, 3) ? 1500 : 30000));
    if (!w->broker)
        world_restart(w);
}

/* ---- when everything works again ---- */

static uint64_t next_quarantined(struct world *w, uint64_t after)
{
    list_each (core_all(world_core(w), ENTITY_desktop), node) {
        const struct desktop *desktop = entity_at(node, desktop);

        if (desktop->row.quarantined && desktop->row.id > after)
            return desktop->row.id;
    }
    return 0;
}

/* What is in quarantine waits for a person, who lets it go. */
static void somebody_looks(struct world *w)
{
    uint64_t id = 0;

    while ((id = next_quarantined(w, id)) != 0) {
        const struct desktop_action action = { .desktop_id = id,
                                               .act = DESKTOP_RELEASE,
                                               .why = "it works again" };

        (void)world_await(w,
                          admin_desktop(&w->broker->context, world_actor(), &action, world_op(w)));
    }
}

static void calm_down(struct world *w)
{
    static const char *const hosts[] = { "kvm1", "kvm2" };

    for (size_t i = 0; i < BERTH_COUNT(hosts); i++) {
        struct hypervisor *host = world_host(w, hosts[i]);

        if (host->hung)
            world_host_hangs(w, hosts[i], false);
        if (!host->up)
            world_host_down(w, hosts[i], false);
        host->fail_starts = host->silent_boots = 0;
        host->late = host->twice = 0;
    }
    for (size_t i = 0; i < TERMINALS; i++) {
        if (world_terminal(w, terminals[i])->cut)
            world_cut(w, terminals[i], false);
        if (!world_terminal(w, terminals[i])->on)
            world_power(w, terminals[i], true);
    }
    w->broker->context.store->crash = CRASH_NEVER; /* one that was ordered and did not come */
    world_run_s(w, 700);
    somebody_looks(w);
    world_run_s(w, 800);
}

/* Memory and disk say the same; what was over when the broker started is on the disk only. */
static void compare(void *context, const void *row)
{
    struct world *w = ((struct world **)context)[0];
    struct watch *watch = w->context;
    enum entity_kind kind = *(enum entity_kind *)((void **)context)[1];
    const struct entity *entity = core_find(world_core(w), kind, ((const union row *)row)->id);

    if (!entity && core_has_ended(kind, row))
        return;
    if (!entity || ((const union row *)entity_row_of_const(entity))->version !=
                       ((const union row *)row)->version)
        broken(watch, "memory and disk differ", entity_row(kind)->name);
}

/* Nothing is left over: no work goes on, no session hangs between states, no machine is unknown
 * (I13). */
static void nothing_is_left(struct world *w, struct watch *watch)
{
    struct core *core = world_core(w);

    if (world_flows(w))
        broken(watch, "work goes on for ever",
               list_entry(w->broker->context.engine.flows.next, struct flow, node)->who);
    list_each (core_all(core, ENTITY_session), node) {
        const struct session *session = entity_at(node, session);

        if (session->row.state == session_PREPARING || session->row.state == session_ENDING)
            broken(watch, "a session hangs", session_state_names[session->row.state]);
    }
    list_each (&w->hypervisors->all, host) {
        list_each (&list_entry(host, struct hypervisor, node)->machines, node) {
            const struct machine *machine = list_entry(node, struct machine, node);

            if (machine->running && !desktop_by_uuid(core, machine->uuid))
                broken(watch, "a machine has leaked", machine->name);
        }
    }
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        enum entity_kind of = (enum entity_kind)kind;
        void *context[2] = { w, &of };

        disk_each(w->disk, of, compare, context);
    }
}

/* Every user gets a desktop: after any history the ward can work. */
static void everybody_signs_on(struct world *w, struct watch *watch)
{
    for (size_t i = 0; i < USERS; i++) {
        char wanted[32];
        bool there = false;

        (void)snprintf(wanted, sizeof(wanted), "%s on ", users[i]);
        world_sign_on(w, terminals[i], users[i], "secret12");
        for (int s = 0; s < 300 && !there; s++) {
            world_run_s(w, 1);
            there = strncmp(world_screen(w, terminals[i]), wanted, strlen(wanted)) == 0;
        }
        if (!there)
            broken(watch, "somebody gets no desktop any more", world_screen(w, terminals[i]));
    }
}

#define RANDOM_WARD                                                      \
    "place ward-3\n"                                                     \
    "host kvm1 max 20\n"                                                 \
    "host kvm2 max 20\n"                                                 \
    "image debian\n"                                                     \
    "user anna password secret12\n"                                      \
    "user bob password secret12\n"                                       \
    "user carl password secret12\n"                                      \
    "user dora password secret12\n"                                      \
    "terminal t1 place ward-3\n"                                         \
    "terminal t2 place ward-3\n"                                         \
    "terminal t3 place ward-3\n"                                         \
    "terminal t4 place ward-3\n"                                         \
    "terminal t5 place ward-3\n"                                         \
    "pool ward-3 floating image debian max 4 spare 1 disconnected 600\n" \
    "pool own dedicated image debian max 2 spare 0\n"                    \
    "entitle everyone ward-3\n"                                          \
    "entitle user dora own priority 5\n"

static void tell(uint64_t seed)
{
    struct watch watch = { .seed = seed };
    struct world *w = world_new(seed, RANDOM_WARD);
    struct berth_random random;
    bool failed;

    random_seeded(&random, seed * 7919);
    w->each_turn = each_turn;
    w->context = &watch;
    world_run_s(w, 70);
    for (int i = 0; i < ACTIONS && !watch.broken[0]; i++)
        something_happens(w, &random);
    if (!watch.broken[0]) {
        calm_down(w);
        nothing_is_left(w, &watch);
        everybody_signs_on(w, &watch);
    }
    failed = watch.broken[0] || w->environment.faults;
    if (failed)
        environment_print(&w->environment);
    if (!watch.broken[0] && w->environment.faults)
        (void)snprintf(watch.broken, sizeof(watch.broken), "seed %" PRIu64 ": %.150s", seed,
                       w->environment.fault);
    (void)world_free(w);
    EXPECT_STR(watch.broken, "");
}

TEST(days, two_hundred)
{
    const char *only = getenv("BERTH_SEED");
    const char *more = getenv("BERTH_SEEDS"); /* so many, instead of the two hundred of every run */
    uint64_t last = more ? strtoull(more, NULL, 10) : SEEDS;

    if (only) {
        tell(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= last; seed++)
        tell(seed);
}

TEST_MAIN()
