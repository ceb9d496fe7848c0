/* people.c - what the people of a ward do: come, roam, walk away, tap twice, mistype the password.
 */
#include <stdio.h>
#include <string.h>

#include "sim/sim_internal.h"

static struct person *person_of(struct sim *sim, const struct action *action)
{
    return &sim->people[action->who % sim->people_count];
}

static struct client *client_at(struct sim *sim, uint32_t number)
{
    return &sim->clients[number % sim->clients_count];
}

/* ---- the history ---- */

static void put_name(char *out, size_t size, const struct sim *sim, uint32_t person)
{
    (void)snprintf(out, size, "%s", sim->people[person].name);
}

static void invoked(struct sim *sim, uint32_t client, uint32_t person)
{
    struct waiter *waiter = &sim->waiters[client];
    struct history_line line = { .kind = HISTORY_invoke };

    person_unknown(sim, client);
    *waiter = (struct waiter){ .waits = true, .person = person, .op = ++sim->last_op };
    line.invoke.op = waiter->op;
    line.invoke.what = history_request_SIGN_ON;
    line.invoke.user_id = sim->people[person].user_id;
    put_name(line.invoke.client, sizeof(line.invoke.client), sim, person);
    (void)snprintf(line.invoke.terminal, sizeof(line.invoke.terminal), "%s",
                   sim->clients[client].name);
    environment_record(&sim->w->environment, &line);
}

static void resulted(struct sim *sim, uint32_t client, enum history_outcome outcome,
                     const struct berth_error *why)
{
    struct waiter *waiter = &sim->waiters[client];
    struct history_line line = { .kind = HISTORY_result };
    struct agent_snapshot snapshot;

    if (!waiter->waits)
        return;
    waiter->waits = false;
    line.result.op = waiter->op;
    line.result.outcome = outcome;
    put_name(line.result.client, sizeof(line.result.client), sim, waiter->person);
    if (why && why->code)
        (void)snprintf(line.result.code, sizeof(line.result.code), "%s",
                       berth_error_row(why->code)->symbol);
    if (outcome == history_outcome_OK && client_observe(&sim->clients[client], &snapshot)) {
        line.result.session_id = snapshot.session_id;
        line.result.epoch = snapshot.epoch;
    }
    environment_record(&sim->w->environment, &line);
}

void person_unknown(struct sim *sim, uint32_t client)
{
    resulted(sim, client, history_outcome_UNKNOWN, NULL);
}

/* Refusals that the broker gives before it decides anything. */
static bool binds(int code)
{
    return code == BERTH_E_CREDENTIALS || code == BERTH_E_DISABLED || code == BERTH_E_TOO_MANY ||
           code == BERTH_E_DENIED || code == BERTH_E_PASSWORD_NEEDED || code == BERTH_E_NO_SPACE;
}

void person_news(void *context, struct client *client, enum agent_news what,
                 const struct berth_error *why)
{
    struct sim *sim = context;
    uint32_t number = (uint32_t)client->number;

    switch (what) {
    case AGENT_SHOWN:
        resulted(sim, number, history_outcome_OK, why);
        return;
    case AGENT_REFUSED:
        resulted(sim, number,
                 why && binds(why->code) ? history_outcome_FAIL : history_outcome_UNKNOWN, why);
        return;
    case AGENT_ENDED:
        person_unknown(sim, number);
        return;
    }
}

/* ---- what they do ---- */

void person_walk_away(struct sim *sim, const struct action *action)
{
    client_walk_away(client_at(sim, person_of(sim, action)->at));
}

/* It has no answer: the picture ends at once, with or without the broker. */
static void leave(struct sim *sim, uint32_t person, uint32_t client, bool sign_off)
{
    struct history_line line = { .kind = HISTORY_invoke };
    struct agent_snapshot snapshot;

    if (!client_observe(client_at(sim, client), &snapshot) || !snapshot.shows)
        return;
    line.invoke.op = ++sim->last_op;
    line.invoke.what = sign_off ? history_request_SIGN_OFF : history_request_DISCONNECT;
    line.invoke.user_id = sim->people[person].user_id;
    line.invoke.id = snapshot.session_id;
    put_name(line.invoke.client, sizeof(line.invoke.client), sim, person);
    (void)snprintf(line.invoke.terminal, sizeof(line.invoke.terminal), "%s",
                   client_at(sim, client)->name);
    environment_record(&sim->w->environment, &line);
    (void)client_leave(client_at(sim, client), sign_off);
    line = (struct history_line){ .kind = HISTORY_result };
    line.result.op = sim->last_op;
    line.result.outcome = history_outcome_UNKNOWN;
    put_name(line.result.client, sizeof(line.result.client), sim, person);
    environment_record(&sim->w->environment, &line);
}

void person_disconnect(struct sim *sim, const struct action *action)
{
    leave(sim, action->who % sim->people_count, person_of(sim, action)->at, false);
}

void person_sign_off(struct sim *sim, const struct action *action)
{
    leave(sim, action->who % sim->people_count, person_of(sim, action)->at, true);
}

static void sign_on_at(struct sim *sim, uint32_t person, uint32_t client, const char *password)
{
    struct client *at = client_at(sim, client);

    client %= sim->clients_count;
    if (!at->agent)
        return;
    leave(sim, person, client, false); /* the person before leaves */
    /* Record it before it begins: its result must come after it. */
    invoked(sim, client, person);
    if (!client_sign_on(at, sim->people[person].name, password))
        person_unknown(sim, client);
    sim->people[person].at = client;
}

void person_come(struct sim *sim, const struct action *action)
{
    sign_on_at(sim, action->who % sim->people_count, action->what, "secret12");
}

void person_call_off(struct sim *sim, const struct action *action)
{
    uint32_t at = person_of(sim, action)->at;
    struct agent_snapshot snapshot;

    if (!client_observe(client_at(sim, at), &snapshot) || !snapshot.waits)
        return;
    person_unknown(sim, at);
    client_cancel(client_at(sim, at));
}

void person_mistype(struct sim *sim, const struct action *action)
{
    sign_on_at(sim, action->who % sim->people_count, action->what, "secret13");
}

void person_two_taps(struct sim *sim, const struct action *action)
{
    uint32_t person = action->who % sim->people_count;

    sign_on_at(sim, person, action->what, "secret12");
    sign_on_at(sim, person, action->what + 1 + action->much, "secret12");
}

void person_signs_on_next(struct sim *sim, uint32_t person)
{
    sign_on_at(sim, person, sim->people[person].at + 1, "secret12");
}

#define ROAMS_AFTER_MS 4000

void person_roams_from(struct sim *sim, const struct action *action)
{
    uint32_t person = action->much % sim->people_count;

    sign_on_at(sim, person, action->who % sim->clients_count, "secret12");
    end_fault_in(sim, action->ms % ROAMS_AFTER_MS, person_signs_on_next, person);
}

void person_touch(struct sim *sim, const struct action *action)
{
    client_touch(client_at(sim, person_of(sim, action)->at));
}

void person_tap_badge(struct sim *sim, const struct action *action)
{
    struct fake_terminal *old = world_terminal(sim->w, action->what % SIM_OLD ? "old1" : "old0");

    if (old->viewer != VIEWER_NONE)
        terminal_disconnect(old);
    terminal_badge(old, person_of(sim, action)->badge, "secret12");
}
