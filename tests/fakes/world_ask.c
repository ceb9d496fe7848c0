/* world_ask.c - what people do and see in a world, and queries about its state. */
#include <stdio.h>
#include <string.h>

#include "core/index.h"
#include "core/placement.h"
#include "core/presence.h"
#include "fakes/world_internal.h"

#define SCREENS 8

struct fake_terminal *world_terminal(struct world *world, const char *name)
{
    struct fake_terminal *terminal = map_get_text(&world->by_name, name);

    if (!terminal) {
        (void)fprintf(stderr, "this world has no terminal '%s'\n", name);
        abort();
    }
    return terminal;
}

struct hypervisor *world_host(struct world *world, const char *name)
{
    struct hypervisor *hypervisor = hypervisor_by_name(world->hypervisors, name);

    if (!hypervisor) {
        (void)fprintf(stderr, "this world has no host '%s'\n", name);
        abort();
    }
    return hypervisor;
}

void world_sign_on(struct world *world, const char *terminal, const char *user,
                   const char *password)
{
    world_sign_on_to(world, terminal, user, password, "");
}

void world_sign_on_to(struct world *world, const char *terminal, const char *user,
                      const char *password, const char *pool)
{
    terminal_sign_on(world_terminal(world, terminal), user, password, pool);
}

void world_sign_off(struct world *world, const char *terminal)
{
    terminal_sign_off(world_terminal(world, terminal));
}

void world_disconnect(struct world *world, const char *terminal)
{
    terminal_disconnect(world_terminal(world, terminal));
}

void world_hands_off(struct world *world, const char *terminal)
{
    world_terminal(world, terminal)->hands_off_ms = world_now_ms(world);
}

/* Several results may be used in one expression. */
static char *answer_buffer(void)
{
    static char buffers[SCREENS][512];
    static unsigned next;

    return buffers[next++ % SCREENS];
}

const char *world_screen(struct world *world, const char *terminal)
{
    char *out = answer_buffer();

    terminal_screen(world_terminal(world, terminal), out, 512);
    return out;
}

const char *world_said(struct world *world, const char *terminal)
{
    return world_terminal(world, terminal)->said;
}

/* ---- what the broker knows ---- */

struct core *world_core(struct world *world)
{
    if (!world->broker) {
        (void)fprintf(stderr, "the broker is dead\n");
        abort();
    }
    return world->broker->context.core;
}

struct desktop *world_desktop(struct world *world, const char *name)
{
    struct entity *entity = core_find_name(world_core(world), ENTITY_desktop, name);

    return entity ? container_of(entity, struct desktop, base) : NULL;
}

struct pool *world_pool(struct world *world, const char *name)
{
    return pool_by_name(world_core(world), name);
}

struct user *world_user(struct world *world, const char *name)
{
    return user_by_name(world_core(world), name);
}

struct session *world_session(struct world *world, const char *user)
{
    struct user *whose = world_user(world, user);
    struct entity *entity =
        whose ? index_first(world_core(world), SESSIONS_OF_USER, whose->row.id) : NULL;

    return entity ? container_of(entity, struct session, base) : NULL;
}

struct machine *world_machine(struct world *world, const char *desktop)
{
    struct desktop *at = world_desktop(world, desktop);

    return at ? machine_by_uuid(world->hypervisors, at->row.uuid) : NULL;
}

const char *world_owner(struct world *world, const char *desktop)
{
    struct desktop *at = world_desktop(world, desktop);
    struct assignment *assignment = at ? assignment_on(world_core(world), at->row.id, 0) : NULL;
    struct user *user = assignment ? user_find(world_core(world), assignment->row.user_id) : NULL;

    return user ? user->row.name : "";
}

const char *world_desktop_state(struct world *world, const char *desktop)
{
    struct desktop *at = world_desktop(world, desktop);

    return at ? desktop_state_names[at->state] : "none";
}

const char *world_presence(struct world *world, const char *terminal)
{
    struct terminal *at = terminal_by_name(world_core(world), terminal);

    return at ? presence_state_names[at->presence->state] : "none";
}

int world_spares(struct world *world, const char *pool)
{
    struct placement_count count;

    placement_count(world_core(world), world_pool(world, pool), &count);
    return count.spare;
}

int64_t world_epoch(struct world *world, const char *desktop)
{
    struct slot *slot = slot_of(world_core(world), world_desktop(world, desktop)->row.id, 0);

    return slot ? slot->row.epoch : -1;
}

size_t world_flows(struct world *world)
{
    size_t count = 0;

    list_each (&world->broker->context.engine.flows, node)
        count++;
    return count;
}

/* ---- administrators ---- */

static struct op waiting_op;
static struct berth_error waiting_error;

static void outcome(struct op *op, int result)
{
    (void)result;
    waiting_error = op->error;
}

static uint64_t last_request;

void world_new_requests(void)
{
    last_request = 0;
}

const struct admin_actor *world_actor(void)
{
    static struct admin_actor actors[SCREENS];
    struct admin_actor *actor = &actors[++last_request % SCREENS];

    *actor = (struct admin_actor){ .name = "root", .role = role_ADMINISTRATOR };
    (void)snprintf(actor->request_id, sizeof(actor->request_id), "request-%llu",
                   (unsigned long long)last_request);
    (void)snprintf(actor->request_fingerprint, sizeof(actor->request_fingerprint),
                   "request %llu asks for this", (unsigned long long)last_request);
    return actor;
}

struct op *world_op(struct world *world)
{
    op_init(&waiting_op, &world->broker->timers, outcome);
    waiting_error = (struct berth_error){ 0 };
    return &waiting_op;
}

int world_await(struct world *world, int begun)
{
    if (begun < 0) {
        waiting_error = waiting_op.error;
        return begun;
    }
    for (int i = 0; i < 60000 && waiting_op.in_flight; i++)
        world_run_ms(world, 5);
    if (waiting_op.in_flight) {
        environment_fault(&world->environment,
                          "what an administrator asked for has no outcome after 300 s");
        return BERTH_E_TIMEOUT;
    }
    return waiting_op.result;
}

const char *world_await_text(void)
{
    return waiting_error.text;
}

void world_add_terminal(struct world *world, const char *name, const char *invitation)
{
    struct fake_terminal *terminal = world_make_terminal(world, name);

    if (!secret_set(&terminal->invitation, invitation, strlen(invitation)))
        abort();
    terminal_power(terminal, true);
}
