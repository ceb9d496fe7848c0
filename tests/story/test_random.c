/* test_random.c - a ward with random events, and what must hold after every turn.
 *
 * One seed is one run. STORY_SEEDS=N runs N seeds (default 200) from STORY_FIRST=F on (default 1),
 * STORY_SEED=N only that one, STORY_HOURS=H lets each run for so many simulated hours (default 1).
 */
#include "berth/log.h"

#include "core/index.h"
#include "core/placement.h"
#include "flow/context.h"
#include "flow/sign_on_state.h"

#include "story.h"

#define USERS 6
#define TERMINALS 6
#define HOSTS 2
#define OPS 64
#define RESTED_MS 1200000
#define SESSIONS_WATCHED 64
#define SLOWEST_COMMIT_MS 8000
#define PREPARED_MS 60000 /* longer than a few writes take one after the other */

/* Since when no flow works on a session that is not ready. */
struct unattended {
    uint64_t session_id;
    int64_t since_ms;
};

static const char site[] =
    "place ward-3\n"
    "host kvm1 max 8 starting 3\n"
    "host kvm2 max 8 starting 3\n"
    "image debian\n"
    "pool float floating image debian max 4 spare 1 disconnected 900 limit 60\n"
    "pool own dedicated image debian max 3 spare 1 limit 60\n"
    "pool stay floating image debian max 3 spare 1 roam disconnected-only idle 600\n"
    "user u0 password secret12\n"
    "user u1 password secret12\n"
    "user u2 password secret12\n"
    "user u3 password secret12\n"
    "user u4 password secret12\n"
    "user u5 password secret12\n"
    "entitle everyone float priority 1\n"
    "entitle user u1 own priority 5\n"
    "entitle user u2 own priority 5\n"
    "entitle user u3 stay priority 5\n"
    "entitle user u4 stay priority 5\n"
    "terminal t0 place ward-3\n"
    "terminal t1 place ward-3\n"
    "terminal t2 place ward-3\n"
    "terminal t3 place ward-3\n"
    "terminal t4 place ward-3\n"
    "terminal t5 place ward-3\n";

/* What a run carries. */
struct run {
    struct world *w;
    struct op ops[OPS]; /* requests of administrators whose outcome does not matter */
    uint64_t call_records_judged;
    int64_t down_until_ms; /* of the broker */
    bool asked_by_admin;   /* an administrator ordered work on machines since the start */
    struct unattended unattended[SESSIONS_WATCHED]; /* by session id */
};

static struct run run;

static uint64_t draw(uint64_t sides)
{
    return random_below(&run.w->environment.random, sides);
}

static const char *terminal_named(uint64_t number)
{
    static char name[8];

    (void)snprintf(name, sizeof(name), "t%u", (unsigned)number);
    return name;
}

static const char *user_named(uint64_t number)
{
    static char name[8];

    (void)snprintf(name, sizeof(name), "u%u", (unsigned)number);
    return name;
}

static const char *host_named(uint64_t number)
{
    return number ? "kvm2" : "kvm1";
}

/* ---- what must hold after every turn ---- */

static void judge_screen(struct world *w, const struct fake_terminal *terminal)
{
    const struct row_session *row = disk_row(w->disk, ENTITY_session, terminal->show.session_id);

    if (terminal->viewer == VIEWER_NONE)
        return;
    if (!row || row->epoch < terminal->show.epoch) {
        environment_fault(&w->environment,
                          "%s was told session %llu epoch %lld, which is not on disk (I2)",
                          terminal->name, (unsigned long long)terminal->show.session_id,
                          (long long)terminal->show.epoch);
        return;
    }
    list_each (&w->terminals, node) {
        const struct fake_terminal *other = list_entry(node, struct fake_terminal, node);

        if (other != terminal && other->viewer == VIEWER_ACTIVE &&
            terminal->viewer == VIEWER_ACTIVE &&
            other->show.session_id == terminal->show.session_id)
            environment_fault(&w->environment, "%s and %s show one session (I5)", terminal->name,
                              other->name);
    }
}

/* In the recovery window the broker destroys nothing by itself. */
static void judge_calls(struct world *w)
{
    const struct fake_hypervisors *hypervisors = w->hypervisors;

    for (; run.call_records_judged < hypervisors->call_records_count; run.call_records_judged++) {
        const struct call_record *call_record =
            &hypervisors->call_records[run.call_records_judged % CALL_RECORDS_MAX];

        if (call_record->life != w->lives || run.asked_by_admin || w->lives == 1)
            continue;
        if ((call_record->call == VIRT_refresh || call_record->call == VIRT_delete ||
             call_record->call == VIRT_stop) &&
            call_record->at_ms < w->started_ms + w->recovery_ms)
            environment_fault(&w->environment, "%s of a machine in the recovery window (I12)",
                              virt_call_row(call_record->call)->name);
    }
}

static void judge_owners(struct world *w)
{
    struct core *core = w->broker->context.core;

    list_each (core_all(core, ENTITY_desktop), node) {
        struct desktop *desktop = container_of(entity_of(node), struct desktop, base);
        const struct slot *slot = slot_of(core, desktop->row.id, 0);

        if (index_count(core, ASSIGNMENTS_OF_DESKTOP, desktop->row.id) > 1)
            environment_fault(&w->environment, "desktop %s has two owners (I1)", desktop->row.name);
        if (!slot)
            environment_fault(&w->environment, "desktop %s has no slot", desktop->row.name);
    }
    list_each (core_all(core, ENTITY_session), node) {
        const struct session *session = container_of(entity_of(node), struct session, base);
        const struct slot *slot = slot_of(core, session->row.desktop_id, session->row.slot);

        if (session->row.state == session_ENDED)
            continue;
        if (!slot || slot->row.epoch != session->row.epoch)
            environment_fault(&w->environment,
                              "session %llu lives with an older epoch than its slot (I6)",
                              (unsigned long long)session->row.id);
        if (strstr(session->row.reason, "vanished") && session->row.state == session_ENDING)
            environment_fault(&w->environment,
                              "session %llu ends because a terminal vanished (I11)",
                              (unsigned long long)session->row.id);
    }
}

/* Another sign-on of the user goes on that may still take it; one that has no pool yet is waiting.
 */
static bool may_be_taken(struct world *w, const struct session *session)
{
    struct list *same = map_get_id(&w->broker->context.signing_on, session->row.user_id);

    if (!same)
        return false;
    list_each (same, node) {
        const struct sign_on *sign_on = list_entry(node, struct sign_on, same_user);

        if (sign_on->claim.pool_id == 0 || sign_on->claim.pool_id == session->row.pool_id)
            return true;
    }
    return false;
}

/* Preparing, without a flow? */
static bool is_left_alone(struct world *w, const struct session *session)
{
    return session->row.state == session_PREPARING && !session->flow &&
           !context_recovering(&w->broker->context) && !w->broker->context.store->full &&
           !may_be_taken(w, session);
}

/* Whatever is on its way has something that works on it, or a time at which that begins (I29). */
static void judge_work(struct world *w)
{
    list_each (core_all(w->broker->context.core, ENTITY_session), node) {
        const struct session *session = container_of(entity_of(node), struct session, base);
        struct unattended *alone = &run.unattended[session->row.id % SESSIONS_WATCHED];

        if (session->row.state == session_ENDING && !session->flow &&
            !timer_armed(&session->release_retry))
            environment_fault(&w->environment,
                              "session %llu is ending and nobody works on it (I29)",
                              (unsigned long long)session->row.id);
        if (!is_left_alone(w, session)) {
            if (alone->session_id == session->row.id)
                alone->session_id = 0;
            continue;
        }
        if (alone->session_id != session->row.id)
            *alone = (struct unattended){ session->row.id, world_now_ms(w) };
        if (world_now_ms(w) - alone->since_ms > PREPARED_MS)
            environment_fault(&w->environment,
                              "session %llu is preparing and nobody works on it (I29)",
                              (unsigned long long)session->row.id);
    }
}

static void judge(struct world *w)
{
    list_each (&w->terminals, node)
        judge_screen(w, list_entry(node, struct fake_terminal, node));
    judge_calls(w);
    if (!w->broker)
        return;
    judge_owners(w);
    if (w->broker->context.reactor) /* it is not there while a broker begins or ends */
        judge_work(w);
}

/* ---- what happens ---- */

static void forget(struct op *op, int result)
{
    (void)op;
    (void)result;
}

/* A free operation for a request whose outcome does not matter; NULL when all are busy. */
static struct op *admin_op(void)
{
    for (int i = 0; i < OPS; i++) {
        if (run.ops[i].in_flight)
            continue;
        op_init(&run.ops[i], &run.w->broker->timers, forget);
        return &run.ops[i];
    }
    return NULL;
}

static void kill_broker(void)
{
    world_crash(run.w);
    for (int i = 0; i < OPS; i++)
        run.ops[i].in_flight = false;
    run.down_until_ms = world_now_ms(run.w) + (int64_t)draw(30000);
}

static struct desktop *some_desktop(void)
{
    struct list *all = core_all(world_core(run.w), ENTITY_desktop);
    size_t count = run.w->broker->context.core->of[ENTITY_desktop].count;
    size_t wanted = count ? (size_t)draw(count) : 0;

    list_each (all, node) {
        if (wanted-- == 0)
            return container_of(entity_of(node), struct desktop, base);
    }
    return NULL;
}

static struct machine *some_machine(void)
{
    const struct desktop *desktop = some_desktop();

    return desktop ? machine_by_uuid(run.w->hypervisors, desktop->row.uuid) : NULL;
}

static void person_acts(void)
{
    const char *terminal = terminal_named(draw(TERMINALS));
    struct fake_terminal *at = world_terminal(run.w, terminal);

    switch (draw(10)) {
    case 0:
        if (at->viewer != VIEWER_NONE)
            terminal_sign_off(at);
        break;
    case 1:
        if (at->viewer != VIEWER_NONE)
            terminal_disconnect(at);
        break;
    case 2:
        if (at->signing_on)
            terminal_cancel(at);
        break;
    case 3: /* two places at once */
        terminal_sign_on(world_terminal(run.w, terminal_named(draw(TERMINALS))), user_named(0),
                         "secret12", "");
        terminal_sign_on(at, user_named(0), "secret12", "");
        break;
    case 4:
        terminal_sign_on(at, user_named(draw(USERS)), "secret13", "");
        break;
    case 5:
        at->hands_off_ms = at->hands_off_ms ? 0 : world_now_ms(run.w);
        break;
    default:
        terminal_sign_on(at, user_named(draw(USERS)), "secret12", draw(4) ? "" : "float");
        break;
    }
}

static void terminal_fails(void)
{
    struct fake_terminal *at = world_terminal(run.w, terminal_named(draw(TERMINALS)));

    switch (draw(6)) {
    case 0:
        terminal_power(at, !at->on);
        break;
    case 1:
        world_cut(run.w, at->name, !at->cut);
        break;
    case 2:
        terminal_break(at);
        break;
    case 3:
        terminal_bye(at);
        terminal_power(at, false);
        at->silent = false;
        break;
    case 4:
        terminal_renew_key(at);
        break;
    default:
        world_cut(run.w, at->name, false);
        terminal_power(at, true);
        break;
    }
}

/* A terminal speaks of what is not its own: nothing of it may count. */
static void terminal_forges(void)
{
    struct fake_terminal *hostile = world_terminal(run.w, terminal_named(draw(TERMINALS)));
    const struct fake_terminal *victim = world_terminal(run.w, terminal_named(draw(TERMINALS)));
    struct msg msg = { 0 };

    if (hostile == victim)
        return;
    switch (draw(5)) {
    case 0:
        msg.type = MSG_sign_off;
        msg.sign_off.session_id = victim->show.session_id;
        msg.sign_off.epoch = victim->show.epoch + (int64_t)draw(2);
        break;
    case 1:
        msg.type = MSG_disconnect;
        msg.disconnect.session_id = victim->show.session_id;
        msg.disconnect.epoch = victim->show.epoch;
        break;
    case 2:
        msg.type = MSG_viewer;
        msg.viewer.session_id = victim->show.session_id;
        msg.viewer.epoch = victim->show.epoch;
        msg.viewer.connection_id = victim->show.connection_id;
        msg.viewer.state = draw(2) ? viewer_state_ENDED : viewer_state_ACTIVE;
        break;
    case 3:
        msg.type = MSG_renew;
        (void)snprintf(msg.renew.presence_id, sizeof(msg.renew.presence_id), "%s",
                       victim->presence_id);
        msg.renew.seq = INT64_MAX;
        msg.renew.screen = screen_state_DESKTOP;
        break;
    default:
        msg.type = MSG_command_state;
        msg.command_state.command_id = draw(500);
        msg.command_state.state = command_DONE;
        break;
    }
    terminal_say(hostile, &msg);
}

/* Wall clocks jump; nothing that must hold depends on them (I27). */
static void clock_jumps(void)
{
    int64_t day_ms = INT64_C(24) * 3600 * 1000;

    environment_note(&run.w->environment, "the wall clock jumps");
    run.w->environment.timers.wall_ms += ((int64_t)draw(60) - 30) * day_ms;
}

static void host_fails(void)
{
    const char *name = host_named(draw(HOSTS));
    struct hypervisor *host = world_host(run.w, name);
    struct machine *machine = some_machine();

    switch (draw(12)) {
    case 0:
        world_host_down(run.w, name, host->up);
        break;
    case 1:
        world_host_hangs(run.w, name, !host->hung);
        break;
    case 2:
        if (machine)
            machine_kill(machine, "crashed");
        break;
    case 3:
        if (machine && draw(4) == 0)
            machine_lose(machine);
        break;
    case 4:
        host->fail_starts = (int)draw(3);
        break;
    case 5:
        host->silent_boots = (int)draw(2);
        break;
    case 6:
        host->slow_ms = draw(3) ? 0 : (int64_t)draw(40000);
        break;
    case 7:
        if (machine)
            machine->hidden = !machine->hidden;
        break;
    case 8:
        if (machine)
            machine_guest_logs_off(machine);
        break;
    default:
        if (!host->up)
            world_host_down(run.w, name, false);
        if (host->hung)
            world_host_hangs(run.w, name, false);
        break;
    }
}

static void broker_fails(void)
{
    switch (draw(7)) {
    case 0:
        kill_broker();
        break;
    case 1:
        world_crash_at(run.w, (enum store_crash)(1 + draw(3)), 1 + draw(4));
        break;
    case 2:
        world_freeze(run.w, 500 + (int64_t)draw(20000));
        break;
    case 3:
        world_disk_full(run.w, !run.w->broker->context.store->full);
        break;
    case 4:
        run.w->broker->context.store->slowest_ms =
            20 + (int64_t)draw(draw(2) ? 400 : SLOWEST_COMMIT_MS);
        break;
    default:
        run.w->broker->context.store->slowest_ms = 20;
        world_disk_full(run.w, false);
        break;
    }
}

static void admin_changes_desktop(struct context *context, struct op *op)
{
    const struct desktop *desktop = some_desktop();
    struct desktop_action action = { .act = (enum desktop_act)draw(7),
                                     .why = "a whim",
                                     .force = draw(4) == 0 };

    if (!desktop)
        return;
    action.desktop_id = desktop->row.id;
    run.asked_by_admin = true;
    (void)!admin_desktop(context, world_actor(), &action, op);
}

static void admin_sets(struct context *context, struct op *op)
{
    if (draw(2)) {
        struct row_user row = world_user(run.w, user_named(draw(USERS)))->row;

        row.disabled = !row.disabled;
        (void)!admin_set(context, world_actor(), ENTITY_user, &row, op);
    } else {
        struct row_pool row = world_pool(run.w, "float")->row;

        row.max = 1 + (int64_t)draw(5);
        (void)!admin_set(context, world_actor(), ENTITY_pool, &row, op);
    }
}

static void admin_acts(void)
{
    struct context *context = &run.w->broker->context;
    const struct session *session = world_session(run.w, user_named(draw(USERS)));
    struct op *op = admin_op();
    struct entity *host;

    if (!op)
        return;
    switch (draw(5)) {
    case 0:
        if (session)
            (void)!admin_session_sign_off(context, world_actor(), session->row.id, "a whim", op);
        break;
    case 1:
        if (session)
            (void)!admin_session_disconnect(context, world_actor(), session->row.id, "a whim", op);
        break;
    case 2:
        host = core_find_name(context->core, ENTITY_host, host_named(draw(HOSTS)));
        (void)!admin_host_mode(context, world_actor(),
                               container_of(host, struct host, base)->row.id,
                               (enum host_mode)(1 + draw(3)), op);
        break;
    case 3:
        admin_changes_desktop(context, op);
        break;
    default:
        admin_sets(context, op);
        break;
    }
}

static void something_happens(void)
{
    uint64_t what = draw(100);

    if (!run.w->broker) {
        if (world_now_ms(run.w) >= run.down_until_ms) {
            run.asked_by_admin = false;
            world_restart(run.w);
        } else if (what < 60) {
            person_acts();
        }
        return;
    }
    if (what < 62)
        person_acts();
    else if (what < 70)
        terminal_fails();
    else if (what < 73)
        terminal_forges();
    else if (what < 74)
        clock_jumps();
    else if (what < 86)
        host_fails();
    else if (what < 92)
        broker_fails();
    else
        admin_acts();
}

/* ---- the end: everything works again, and everything comes to rest ---- */

static void heal_people(struct world *w)
{
    for (uint64_t i = 0; i < USERS; i++) {
        struct row_user row = world_user(w, user_named(i))->row;

        row.disabled = false;
        if (world_await(w, admin_set(&w->broker->context, world_actor(), ENTITY_user, &row,
                                     world_op(w))) < 0)
            environment_fault(&w->environment, "%s cannot be enabled: %s", row.name,
                              world_await_text());
    }
    for (uint64_t i = 0; i < TERMINALS; i++) {
        world_cut(w, terminal_named(i), false);
        world_terminal(w, terminal_named(i))->hands_off_ms = 0;
        terminal_power(world_terminal(w, terminal_named(i)), true);
    }
}

static void heal(struct world *w)
{
    struct row_pool row;

    if (!w->broker)
        world_restart(w);
    w->broker->context.store->crash = CRASH_NEVER;
    w->broker->context.store->slowest_ms = 20;
    world_disk_full(w, false);
    for (uint64_t i = 0; i < HOSTS; i++) {
        struct hypervisor *host = world_host(w, host_named(i));
        struct entity *entity = core_find_name(world_core(w), ENTITY_host, host_named(i));

        host->fail_starts = 0;
        host->silent_boots = 0;
        host->slow_ms = 0;
        list_each (&host->machines, node)
            list_entry(node, struct machine, node)->hidden = false;
        world_host_down(w, host->name, false);
        if (host->hung)
            world_host_hangs(w, host->name, false);
        if (world_await(w, admin_host_mode(&w->broker->context, world_actor(),
                                           container_of(entity, struct host, base)->row.id,
                                           host_mode_ACTIVE, world_op(w))) < 0)
            environment_fault(&w->environment, "%s cannot be made active: %s", host->name,
                              world_await_text());
    }
    row = world_pool(w, "float")->row;
    row.max = 5;
    if (world_await(
            w, admin_set(&w->broker->context, world_actor(), ENTITY_pool, &row, world_op(w))) < 0)
        environment_fault(&w->environment, "the pool cannot be made larger: %s",
                          world_await_text());
    heal_people(w);
}

/* What the broker believes and what is on the screens is the same. */
static void judge_rest(struct world *w)
{
    struct core *core = world_core(w);

    list_each (&w->broker->context.engine.flows, node) {
        const struct flow *flow = list_entry(node, struct flow, node);

        /* A sign-on may wait in a queue; every other flow must have ended. */
        if (strcmp(flow_step_name(flow), "choose") != 0)
            environment_fault(&w->environment, "flow %s of %s is still in step %s",
                              flow->kind->name, flow->who, flow_step_name(flow));
    }
    list_each (core_all(core, ENTITY_session), node) {
        const struct session *session = container_of(entity_of(node), struct session, base);
        const struct terminal *terminal = terminal_find(core, session->row.terminal_id);
        const struct fake_terminal *at = terminal ? world_terminal(w, terminal->row.name) : NULL;
        bool shown = at && at->viewer == VIEWER_ACTIVE && at->show.session_id == session->row.id &&
                     at->show.epoch == session->row.epoch;

        if (session->row.state == session_PREPARING || session->row.state == session_ENDING)
            environment_fault(&w->environment, "session %llu is %s for ever",
                              (unsigned long long)session->row.id,
                              session_state_names[session->row.state]);
        if ((session->row.state == session_ACTIVE) != shown && session->row.state != session_ENDED)
            environment_fault(&w->environment, "session %llu is %s, and %s shows %s",
                              (unsigned long long)session->row.id,
                              session_state_names[session->row.state], at ? at->name : "nobody",
                              at ? world_screen(w, at->name) : "");
    }
    for (uint64_t i = 0; i < TERMINALS; i++) {
        const struct fake_terminal *at = world_terminal(w, terminal_named(i));
        const struct session *session = session_find(core, at->show.session_id);

        if (strcmp(world_presence(w, at->name), "present") != 0)
            environment_fault(&w->environment, "%s is %s", at->name, world_presence(w, at->name));
        if (at->viewer == VIEWER_ACTIVE && (!session || session->row.epoch != at->show.epoch ||
                                            session->row.state != session_ACTIVE))
            environment_fault(&w->environment, "%s shows what the broker does not know of",
                              at->name);
    }
}

static void judge_machines(struct world *w)
{
    struct core *core = world_core(w);

    for (uint64_t i = 0; i < HOSTS; i++) {
        list_each (&world_host(w, host_named(i))->machines, node) {
            const struct machine *machine = list_entry(node, struct machine, node);
            const struct desktop *desktop = desktop_by_uuid(core, machine->uuid);

            if (!desktop && !machine->from_dead_broker)
                environment_fault(&w->environment, "machine %s belongs to no desktop (I13)",
                                  machine->name);
            else if (desktop && machine->running && desktop->state == desktop_OFF)
                environment_fault(&w->environment, "machine %s runs and its desktop is off (I13)",
                                  machine->name);
        }
    }
    list_each (core_all(core, ENTITY_desktop), node) {
        const struct desktop *desktop = container_of(entity_of(node), struct desktop, base);
        const struct machine *machine = machine_by_uuid(w->hypervisors, desktop->row.uuid);

        if (desktop->state == desktop_READY && (!machine || !machine->running))
            environment_fault(&w->environment,
                              "desktop %s is ready and its machine does not run (I13)",
                              desktop->row.name);
        /* A planned one may wait: its pool got another meanwhile. */
        if (desktop->state == desktop_STARTING || desktop->state == desktop_STOPPING)
            environment_fault(&w->environment, "desktop %s is %s for ever", desktop->row.name,
                              desktop_state_names[desktop->state]);
    }
}

/* Every user gets a desktop: from each pool as many as it has room for. */
static void judge_service(struct world *w)
{
    static const char *const pools[] = { "float", "own", "stay" };

    for (size_t i = 0; i < BERTH_COUNT(pools); i++) {
        const struct pool *pool = world_pool(w, pools[i]);
        struct placement_count count;
        char why[160];

        placement_count(world_core(w), pool, &count);
        /* Quarantined machines keep their place on a host until an administrator acts. */
        if (count.spare < 1 && count.total < pool->row.max && !pool->backoff_until_ms &&
            placement_host(world_core(w), pool, why, sizeof(why)))
            environment_fault(&w->environment,
                              "pool %s has %d of %d desktops, no spare and no reason", pools[i],
                              count.total, (int)pool->row.max);
    }
    world_sign_on(w, "t0", "u5", "secret12");
    world_run_s(w, 20);
    if (strncmp(world_screen(w, "t0"), "u5 on ", 6) != 0 &&
        !(world_terminal(w, "t0")->signing_on && world_terminal(w, "t0")->queue_place))
        environment_fault(&w->environment, "u5 gets no desktop: %s: %s", world_screen(w, "t0"),
                          world_said(w, "t0"));
}

static void play(uint64_t seed, int64_t hours)
{
    uint64_t forbidden = log_count(EV_STATE_FORBIDDEN);
    struct world *w = world_new(seed, site);
    int64_t end_ms = world_now_ms(w) + hours * 3600000;

    memset(&run, 0, sizeof(run));
    run.w = w;
    w->each_turn = judge;
    for (uint64_t i = 0; i < HOSTS; i++) {
        world_host(w, host_named(i))->late = (unsigned)draw(30);
        world_host(w, host_named(i))->twice = (unsigned)draw(30);
    }
    while (world_now_ms(w) < end_ms && !w->environment.faults) {
        something_happens();
        world_run_ms(w, (int64_t)draw(draw(4) ? 3000 : 60000));
        if (!w->broker)
            for (int i = 0; i < OPS; i++)
                run.ops[i].in_flight = false;
    }
    if (!w->environment.faults) {
        run.asked_by_admin = true; /* healing may well order things */
        heal(w);
        world_run_ms(w, RESTED_MS);
        judge_rest(w);
        judge_machines(w);
        judge_service(w);
    }
    if (log_count(EV_STATE_FORBIDDEN) != forbidden)
        environment_fault(&w->environment, "a forbidden transition was asked for");
    if (w->environment.faults)
        (void)fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
    THE_END(w);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

TEST(random, whatever_happens_what_must_hold_holds)
{
    uint64_t only = setting("STORY_SEED", 0);
    uint64_t first = only ? only : setting("STORY_FIRST", 1);
    uint64_t seeds = only ? 1 : setting("STORY_SEEDS", 200);
    int64_t hours = (int64_t)setting("STORY_HOURS", 1);

    for (uint64_t i = 0; i < seeds; i++)
        play(first + i, hours);
}

TEST_MAIN()
