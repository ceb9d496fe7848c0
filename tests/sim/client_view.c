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
    picture_close(&client->picture);
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

/* A picture returns where it broke, not where its user went since. */
static void judge_owner(struct client *client, struct machine *machine)
{
    const struct msg_show *view = &client->view;

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
    bool reached = !client->cut && client->unseen_until_ms <= client_timers(client)->mono_ms;
    const char *word = "";
    int exit_code = 147;

    if (reached)
        exit_code =
            picture_open(&client->picture, client->world->hypervisors, &client->view, &word);
    if (exit_code) {
        ends(client, exit_code);
        return;
    }
    judge_owner(client, client->picture.machine);
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
static void judge_view(const struct client *client, const struct msg_show *view)
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

void client_view(void *who, const struct msg_show *view)
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
    picture_close(&client->picture);
    client->stage = VIEW_NONE;
    explicit_bzero(&client->view, sizeof(client->view));
}
