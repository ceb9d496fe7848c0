/* client_view.c - the viewer of a thin client, on the fake hypervisors' machines. */
#include <stdio.h>
#include <string.h>

#include "sim/client_internal.h"

#define CONNECT_LEAST_MS 200
#define CONNECT_MOST_MS 800
#define PICTURE_LEAST_MS 50
#define PICTURE_MOST_MS 400
#define END_MOST_MS 40
#define STILL_MS 100 /* interval at which a frozen agent is checked */

static void view_due(struct berth_timer *timer);

static void next_in(struct client *client, int64_t least_ms, int64_t most_ms)
{
    timer_start(client_timers(client), &client->viewing,
                environment_draw_ms(&client->world->environment, least_ms, most_ms), view_due);
}

/* The viewer's process ends by itself or as ordered; its parent is told a little later. */
static void ends(struct client *client, int exit_code)
{
    machine_leave(&client->picture);
    client->stage = VIEW_ENDING;
    client->exit_code = exit_code;
    next_in(client, 1, END_MOST_MS);
}

void client_picture_ended(struct picture *picture, int exit_code, const char *word)
{
    struct client *client = container_of(picture, struct client, picture);

    (void)word;
    ends(client, exit_code);
}

void client_break_picture(struct client *client, int64_t ms)
{
    client->unseen_until_ms = client_timers(client)->mono_ms + ms;
    if (client->stage == VIEW_CONNECTED || client->stage == VIEW_SEEN)
        ends(client, 147);
}

/* What must hold whenever a picture appears. */
static void judge_picture(struct client *client, const struct machine *machine,
                          const char *traces_of)
{
    struct environment *environment = &client->world->environment;
    const struct fake_hypervisors *hypervisors = client->world->hypervisors;

    if (traces_of[0] && strcmp(traces_of, client->view.user) != 0 &&
        !hypervisors->traces_allowed(hypervisors->context, machine))
        environment_fault(environment, "%s sees what %s left on %s (I14)", client->view.user,
                          traces_of, machine->name);
    if (client->view.epoch < machine->epoch)
        environment_fault(environment, "epoch %lld takes %s back from epoch %lld (I6)",
                          (long long)client->view.epoch, machine->name, (long long)machine->epoch);
}

/* A picture returns where it broke, not where its user went since. */
static void judge_owner(struct client *client, struct machine *machine)
{
    const struct agent_view *view = &client->view;

    if (client->answered && machine->shown_session == view->session_id &&
        strcmp(machine->last_terminal, client->name) != 0 && strncmp(view->user, "kiosk", 5) != 0)
        environment_fault(&client->world->environment,
                          "%s takes session %llu away from %s, and nobody signed on (I5)",
                          client->name, (unsigned long long)view->session_id,
                          machine->last_terminal);
    client->answered = true;
    machine->shown_session = view->session_id;
    (void)snprintf(machine->last_terminal, sizeof(machine->last_terminal), "%s", client->name);
}

static void connects(struct client *client)
{
    const struct agent_view *view = &client->view;
    struct fake_hypervisors *hypervisors = client->world->hypervisors;
    struct machine *machine = machine_at(hypervisors, view->host, view->port);
    const char *word = "";
    char fingerprint[72];
    char traces_of[80];
    int exit_code;

    if (!machine || !machine_answers(machine) || client->cut ||
        client->unseen_until_ms > client_timers(client)->mono_ms) {
        ends(client, 147);
        return;
    }
    machine_fingerprint(machine, fingerprint);
    if (strcmp(fingerprint, view->fingerprint) != 0) {
        ends(client, 143);
        return;
    }
    client->picture.session_id = view->session_id;
    client->picture.epoch = view->epoch;
    (void)snprintf(client->picture.user, sizeof(client->picture.user), "%s", view->user);
    (void)snprintf(traces_of, sizeof(traces_of), "%s", machine->traces_of);
    exit_code = machine_log_on(machine, &client->picture, view->account, &view->password, &word);
    if (exit_code) {
        ends(client, exit_code);
        return;
    }
    judge_picture(client, machine, traces_of);
    judge_owner(client, machine);
    if (view->epoch > machine->epoch)
        machine->epoch = view->epoch;
    client->stage = VIEW_CONNECTED;
    if (client_enter(client))
        agent_viewed(client->agent);
    client_after(client);
    if (client->stage == VIEW_CONNECTED)
        next_in(client, PICTURE_LEAST_MS, PICTURE_MOST_MS);
}

static void view_due(struct berth_timer *timer)
{
    struct client *client = container_of(timer, struct client, viewing);

    if (client->frozen) {
        timer_start(client_timers(client), timer, STILL_MS, view_due);
        return;
    }
    switch (client->stage) {
    case VIEW_CONNECTING:
        connects(client);
        return;
    case VIEW_CONNECTED:
        client->stage = VIEW_SEEN;
        if (client_enter(client))
            agent_picture(client->agent);
        client_after(client);
        return;
    case VIEW_ENDING:
        client->stage = VIEW_NONE;
        explicit_bzero(&client->view, sizeof(client->view));
        if (client_enter(client))
            agent_viewer_gone(client->agent, client->exit_code);
        client_after(client);
        return;
    case VIEW_NONE:
    case VIEW_SEEN:
        return;
    }
}

/* However late a message comes: a hidden session is never shown again. */
static void judge_view(const struct client *client, const struct agent_view *view)
{
    /* A kiosk signs on by itself. */
    if (client->left == view->session_id && strncmp(view->user, "kiosk", 5) != 0)
        environment_fault(
            &client->world->environment,
            "%s shows session %llu again, which was left there, and nobody signed on (I5)",
            client->name, (unsigned long long)view->session_id);
    for (size_t i = 0; i < CLIENT_HIDDEN; i++)
        if (client->hidden[i].session_id == view->session_id &&
            client->hidden[i].epoch >= view->epoch)
            environment_fault(&client->world->environment,
                              "%s shows session %llu at epoch %lld, which it was told to hide (I5)",
                              client->name, (unsigned long long)view->session_id,
                              (long long)view->epoch);
}

void client_view(void *who, const struct agent_view *view)
{
    struct client *client = who;

    judge_view(client, view);
    client->view = *view;
    client->stage = VIEW_CONNECTING;
    next_in(client, CONNECT_LEAST_MS, CONNECT_MOST_MS);
}

void client_unview(void *who)
{
    struct client *client = who;

    if (client->stage != VIEW_NONE && client->stage != VIEW_ENDING)
        ends(client, 145);
}

void client_view_dark(struct client *client)
{
    struct history_line line = { .kind = HISTORY_screen,
                                 .at_us = client_timers(client)->mono_ms * 1000,
                                 .screen = { .event = history_screen_event_OFF } };

    timer_stop(client_timers(client), &client->viewing);
    if (client->agent && client->history) {
        (void)snprintf(line.screen.terminal, sizeof(line.screen.terminal), "%s", client->name);
        client->history->take(client->history, &line);
    }
    machine_leave(&client->picture);
    client->stage = VIEW_NONE;
    explicit_bzero(&client->view, sizeof(client->view));
}
