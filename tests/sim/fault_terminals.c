/* fault_terminals.c - faults of terminals and their network, and messages of hostile terminals. */
#include <stdio.h>
#include <string.h>

#include "sim/sim_internal.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static uint32_t number_of(const struct sim *sim, const struct action *action)
{
    return action->who % sim->clients_count;
}

static struct client *client_of(struct sim *sim, const struct action *action)
{
    return &sim->clients[number_of(sim, action)];
}

/* ---- the network ---- */

static struct network_conditions *network_conditions_of(struct sim *sim,
                                                        const struct action *action)
{
    struct network_conditions *network_conditions = &client_of(sim, action)->network_conditions;
    int64_t now_ms = world_now_ms(sim->w);

    if (network_conditions->until_ms <= now_ms)
        *network_conditions = (struct network_conditions){ 0 };
    if (network_conditions->until_ms < now_ms + action->ms)
        network_conditions->until_ms = now_ms + action->ms;
    return network_conditions;
}

void fault_loss(struct sim *sim, const struct action *action)
{
    network_conditions_of(sim, action)->loss = 1 + action->much / 3;
}

void fault_delay(struct sim *sim, const struct action *action)
{
    struct network_conditions *network_conditions = network_conditions_of(sim, action);

    network_conditions->delay = 1 + action->much;
    network_conditions->slowest_ms = 1 + action->what % 12000;
}

void fault_repeat(struct sim *sim, const struct action *action)
{
    network_conditions_of(sim, action)->repeat = 1 + action->much / 2;
}

void fault_reorder(struct sim *sim, const struct action *action)
{
    struct network_conditions *network_conditions = network_conditions_of(sim, action);

    network_conditions->reorder = 1 + action->much / 2;
    network_conditions->delay = 1 + action->much / 2;
    network_conditions->slowest_ms = 1 + action->what % 2000;
    if (action->what % 2) /* where the order matters most */
        person_roams_from(sim, action);
    else
        profile_often(sim, action->what, action->ms % 400);
}

static void uncut(struct sim *sim, uint32_t client)
{
    client_cut(&sim->clients[client], false);
}

static void cut(struct sim *sim, uint32_t client, int64_t ms)
{
    if (sim->clients[client].cut)
        return;
    environment_note(&sim->w->environment, "%s: its network is cut", sim->clients[client].name);
    client_cut(&sim->clients[client], true);
    end_fault_in(sim, ms, uncut, client);
}

void fault_cut(struct sim *sim, const struct action *action)
{
    cut(sim, number_of(sim, action), action->ms);
}

void fault_partition(struct sim *sim, const struct action *action)
{
    for (uint32_t i = action->what % 2; i < sim->clients_count; i += 2)
        cut(sim, i, action->ms);
}

void fault_half_open(struct sim *sim, const struct action *action)
{
    client_vanish(client_of(sim, action));
}

/* ---- the terminal ---- */

static void power_on(struct sim *sim, uint32_t client)
{
    client_power(&sim->clients[client], true);
}

void fault_power(struct sim *sim, const struct action *action)
{
    uint32_t client = number_of(sim, action);

    person_unknown(sim, client);
    client_power(&sim->clients[client], false);
    end_fault_in(sim, action->ms, power_on, client);
}

static void thaw(struct sim *sim, uint32_t client)
{
    client_freeze(&sim->clients[client], false);
}

void fault_freeze(struct sim *sim, const struct action *action)
{
    uint32_t client = number_of(sim, action);

    if (sim->clients[client].frozen)
        return;
    client_freeze(&sim->clients[client], true);
    end_fault_in(sim, action->ms, thaw, client);
}

static void wake(struct sim *sim, uint32_t client)
{
    struct client *at = &sim->clients[client];
    int64_t slept_ms = world_now_ms(sim->w) - at->asleep_since_ms;

    at->asleep = false;
    client_slept(at, slept_ms);
    client_freeze(at, false);
}

void fault_suspend(struct sim *sim, const struct action *action)
{
    struct client *at = client_of(sim, action);

    if (at->frozen || !at->agent)
        return;
    at->asleep = true;
    at->asleep_since_ms = world_now_ms(sim->w);
    client_freeze(at, true);
    end_fault_in(sim, action->ms, wake, number_of(sim, action));
}

void fault_terminal_clock(struct sim *sim, const struct action *action)
{
    client_of(sim, action)->wall_offset_ms = ((int64_t)action->much - 500) * DAY_MS / 10;
}

/* ---- rogues ---- */

/* It repeats an earlier message of its own or of another terminal. */
void fault_rogue_repeat(struct sim *sim, const struct action *action)
{
    struct client *rogue = client_of(sim, action);
    const struct client *other =
        &sim->clients[(action->who + action->what % 2) % sim->clients_count];

    struct agent_snapshot snapshot;

    /* Not a message that it shows nothing: the broker must believe that. */
    if (other != rogue && other->last_said.type == MSG_announce &&
        client_observe(rogue, &snapshot) && snapshot.shows)
        return;
    if (other->last_said.type != MSG_NONE)
        client_say(rogue, &other->last_said);
}

static void forge_claim(struct msg *msg, const struct agent_snapshot *victim, uint32_t what)
{
    switch (what % 4) {
    case 0:
        msg->type = MSG_sign_off;
        msg->sign_off.session_id = victim->session_id;
        msg->sign_off.epoch = victim->epoch + what % 3;
        return;
    case 1:
        msg->type = MSG_disconnect;
        msg->disconnect.session_id = victim->session_id;
        msg->disconnect.epoch = victim->epoch;
        return;
    case 2:
        msg->type = MSG_viewer;
        msg->viewer.session_id = victim->session_id;
        msg->viewer.epoch = victim->epoch;
        msg->viewer.state = what % 8 < 4 ? viewer_state_ENDED : viewer_state_ACTIVE;
        return;
    default:
        msg->type = MSG_command_state;
        msg->command_state.command_id = what % 5000;
        msg->command_state.state = command_DONE;
        return;
    }
}

/* An old terminal sends messages about the session that another one shows. */
void fault_rogue_forge(struct sim *sim, const struct action *action)
{
    struct fake_terminal *rogue = world_terminal(sim->w, action->what % 2 ? "old0" : "old1");
    struct agent_snapshot victim;
    struct msg msg = { 0 };

    (void)client_observe(client_of(sim, action), &victim);
    forge_claim(&msg, &victim, action->much);
    terminal_say(rogue, &msg);
}

/* ---- silence ---- */

#define SENT_MS 2000
#define SHORTEST_MS 5000
#define SILENT_AFTER_MS 30000

static struct fake_terminal *old_terminal(struct sim *sim, uint32_t number)
{
    return world_terminal(sim->w, number % SIM_OLD ? "old1" : "old0");
}

static void speak_again(struct sim *sim, uint32_t number)
{
    terminal_wake(old_terminal(sim, number));
}

/* Long enough to be absent before it sends again, under an expired id. */
void fault_silence(struct sim *sim, const struct action *action)
{
    int64_t want_ms = sim->limits.suspect_ms + SHORTEST_MS + action->much * 10;
    uint32_t number = action->what >> 1;
    struct fake_terminal *old = old_terminal(sim, number);

    if (old->silent)
        return;
    terminal_doze(old, want_ms);
    end_fault_in(sim, want_ms + SILENT_AFTER_MS + action->ms, speak_again, number);
}

void silence_before(struct sim *sim, const struct action *action)
{
    if (action->what % 2 == 0)
        return;
    fault_silence(sim, action);
    world_run_ms(sim->w, SENT_MS); /* until the broker has received it */
}

#define BREAK_MOST_MS 40000
#define WALK_MOST_MS 15000

/* The next client, from that of the action on, that shows a desktop. */
static uint32_t shown(struct sim *sim, const struct action *action)
{
    struct agent_snapshot snapshot;

    for (uint32_t i = 0; i < sim->clients_count; i++) {
        uint32_t client = (number_of(sim, action) + i) % sim->clients_count;

        if (client_observe(&sim->clients[client], &snapshot) && snapshot.shows)
            return client;
    }
    return number_of(sim, action);
}

/* Half of the time the person there goes to the next terminal meanwhile. */
void fault_picture_breaks(struct sim *sim, const struct action *action)
{
    uint32_t client = shown(sim, action);

    client_break_picture(&sim->clients[client],
                         action->what % 2 ? 0 : (int64_t)(action->what % BREAK_MOST_MS));
    for (uint32_t person = 0; action->much % 2 && person < sim->people_count; person++)
        if (sim->people[person].at == client)
            end_fault_in(sim, 1 + action->ms % WALK_MOST_MS, person_signs_on_next, person);
}
