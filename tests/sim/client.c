/* client.c - power, clocks, network and agent of a thin client; its viewer is in client_view.c. */
#include "sim/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/client_internal.h"

#define BOOT_MOST_MS 500
#define REFUSED_MS 10
#define IDLE_REPORT_INTERVAL_MS 60000
#define YEAR_MS (INT64_C(365) * 24 * 3600 * 1000)

static struct client *client_of(struct network_client *network_client)
{
    return container_of(network_client, struct client, network_client);
}

struct berth_timers *client_timers(const struct client *client)
{
    return &client->world->environment.timers;
}

/* ---- its clocks ---- */

static void turn_due(struct berth_timer *timer);

bool client_enter(struct client *client)
{
    const struct berth_timers *timers = client_timers(client);

    if (!client->agent || client->frozen)
        return false;
    agent_clock(client->agent, timers->mono_ms - client->slept_ms,
                timers->wall_ms + client->wall_offset_ms);
    return true;
}

/* A timer that fires too early is armed again then: cheaper than moving it with every message. */
void client_after(struct client *client)
{
    struct berth_timers *timers = client_timers(client);
    int64_t next_ms;

    if (!client->agent || client->frozen)
        return;
    next_ms = agent_next(client->agent);
    if (next_ms < 0)
        return;
    if (timer_armed(&client->turn) && client->turn_at_ms <= timers->mono_ms + next_ms)
        return;
    client->turn_at_ms = timers->mono_ms + next_ms;
    timer_start(timers, &client->turn, next_ms, turn_due);
}

static void turn_due(struct berth_timer *timer)
{
    struct client *client = container_of(timer, struct client, turn);
    const struct berth_timers *timers = client_timers(client);

    if (!client->agent || client->frozen)
        return;
    agent_turn(client->agent, timers->mono_ms - client->slept_ms,
               timers->wall_ms + client->wall_offset_ms);
    client_after(client);
}

/* ---- its connection ---- */

static void dial_refused(struct berth_timer *timer)
{
    struct client *client = container_of(timer, struct client, dialled);

    if (client_enter(client))
        agent_dialled(client->agent, BERTH_E_IO, "nobody answers");
    client_after(client);
}

static void dial(void *who, bool joining, const char *key)
{
    struct client *client = who;
    char key_hash[72] = "";

    if (client->cut)
        return; /* no answer; the agent has its own limits */
    if (!joining)
        fake_digest(key, key_hash);
    client->link =
        fake_network_connect(&client->world->network, &client->network_client, key_hash, joining);
    if (!client->link)
        timer_start(client_timers(client), &client->dialled, REFUSED_MS, dial_refused);
}

static void let_go(struct client *client, const char *why)
{
    struct fake_connection *link = berth_take(client->link);

    timer_stop(client_timers(client), &client->dialled);
    if (!link)
        return;
    if (client->cut)
        fake_connection_abandon(link);
    else
        fake_connection_close(link, why);
}

static void hang_up(void *who)
{
    let_go(who, "the agent closed it");
}

static void send(void *who, const struct msg *msg)
{
    struct client *client = who;

    if (client->link)
        fake_connection_send(client->link, msg);
    if (msg->type != MSG_renew && msg->type != MSG_sign_on && msg->type != MSG_join)
        memcpy(&client->last_said, msg, msg_size(msg->type));
}

static void opened(struct network_client *network_client)
{
    struct client *client = client_of(network_client);

    if (client_enter(client))
        agent_dialled(client->agent, 0, "");
    client_after(client);
}

static void lost(struct network_client *network_client, const char *why)
{
    struct client *client = client_of(network_client);

    client->link = NULL;
    if (client_enter(client))
        agent_lost(client->agent, why);
    client_after(client);
}

/* The handshake succeeds, then the link refuses with a reason and closes. */
static void refused(struct network_client *network_client, const struct berth_error *error)
{
    struct client *client = client_of(network_client);
    struct msg msg = { .type = MSG_refused };

    client->link = NULL;
    if (!client_enter(client))
        return;
    (void)snprintf(msg.refused.about, sizeof(msg.refused.about), "connection");
    (void)snprintf(msg.refused.code, sizeof(msg.refused.code), "%s",
                   berth_error_row(error->code)->symbol);
    (void)snprintf(msg.refused.text, sizeof(msg.refused.text), "%s", error->text);
    agent_dialled(client->agent, 0, "");
    agent_receive(client->agent, &msg);
    agent_lost(client->agent, error->text);
    client_after(client);
}

static void note_hidden(struct client *client, const struct msg_hide *hide)
{
    client->hidden[client->hidden_count++ % CLIENT_HIDDEN] =
        (struct client_hidden){ .session_id = hide->session_id, .epoch = hide->epoch };
}

static void received(struct network_client *network_client, const struct msg *msg)
{
    struct client *client = client_of(network_client);

    if (client_enter(client) && msg->type == MSG_hide)
        note_hidden(client, &msg->hide);
    if (client_enter(client))
        agent_receive(client->agent, msg);
    client_after(client);
}

void client_network_effect(void *context, struct fake_connection *link, bool up,
                           struct network_effect *effect)
{
    struct client *client;
    struct environment *environment;

    (void)context;
    (void)up;
    if (!link->network_client || link->network_client->open != opened)
        return;
    client = client_of(link->network_client);
    environment = &client->world->environment;
    if (client->network_conditions.until_ms <= environment->timers.mono_ms)
        return;
    effect->lost = random_below(&environment->random, 1000) < client->network_conditions.loss;
    effect->twice = random_below(&environment->random, 1000) < client->network_conditions.repeat;
    effect->overtakes =
        random_below(&environment->random, 1000) < client->network_conditions.reorder;
    if (random_below(&environment->random, 1000) < client->network_conditions.delay)
        effect->delay_ms =
            environment_draw_ms(environment, 0, client->network_conditions.slowest_ms);
}

/* ---- power ---- */

static void reboot(void *who)
{
    ((struct client *)who)->reboots = true;
}

static void sign(const char *key, const char *request, char *out, size_t size)
{
    fake_ca_signature(out, size, key, request);
}

static void news(void *who, enum agent_news what, const struct berth_error *why)
{
    struct client *client = who;

    if (client->news)
        client->news(client->context, client, what, why);
}

static void take(struct history *history, const struct history_line *line)
{
    struct client *client = container_of(history, struct client, said);
    struct history_line copy = *line;

    copy.at_us = client_timers(client)->mono_ms * 1000;
    client->history->take(client->history, &copy);
}

void client_init(struct client *client, struct world *world, uint64_t number, const char *name,
                 struct history *history)
{
    *client = (struct client){ .world = world, .number = number, .history = history };
    (void)snprintf(client->name, sizeof(client->name), "%s", name);
    (void)snprintf(client->address, sizeof(client->address), "10.100.%u.%u",
                   (unsigned)(number >> 8) & 255, (unsigned)number & 255);
    client->network_client = (struct network_client){ .name = client->name,
                                                      .address = client->address,
                                                      .open = opened,
                                                      .lost = lost,
                                                      .refused = refused,
                                                      .received = received };
    client->said.take = take;
    client->picture.ended = client_picture_ended;
    (void)snprintf(client->picture.terminal, sizeof(client->picture.terminal), "%s", name);
    client->memory.known = true;
    client->memory.accepted_ms = world->environment.timers.wall_ms;
    client->memory.not_after_ms = world->environment.timers.wall_ms + YEAR_MS;
    (void)snprintf(client->memory.key, sizeof(client->memory.key), "%s", name);
    (void)snprintf(client->memory.terminal, sizeof(client->memory.terminal), "%s", name);
}

void client_certified(struct client *client)
{
    struct agent_memory *memory = &client->memory;
    char key_hash[72];

    fake_digest(memory->key, key_hash);
    (void)snprintf(memory->certificate, sizeof(memory->certificate), "certificate %s %s %" PRId64,
                   client->name, key_hash, memory->not_after_ms);
}

void client_clear(struct client *client)
{
    client_power(client, false);
    free(client->memory.profile);
    explicit_bzero(&client->memory, sizeof(client->memory));
}

static void booted(struct berth_timer *timer)
{
    struct client *client = container_of(timer, struct client, boot);
    const struct berth_timers *timers = client_timers(client);
    const struct agent_callbacks callbacks = { .dial = dial,
                                               .hang_up = hang_up,
                                               .send = send,
                                               .view = client_view,
                                               .unview = client_unview,
                                               .reboot = reboot,
                                               .sign = sign,
                                               .news = news,
                                               .who = client };
    char boot_id[64];

    memset(client->hidden, 0, sizeof(client->hidden));
    (void)snprintf(boot_id, sizeof(boot_id), "%s-%u", client->name, ++client->boots);
    client->agent = agent_new(
        &callbacks, &client->memory, boot_id, random_u64(&client->world->environment.random),
        timers->mono_ms - client->slept_ms, timers->wall_ms + client->wall_offset_ms);
    agent_start(client->agent, &client->said);
    client_after(client);
}

void client_power(struct client *client, bool on)
{
    struct berth_timers *timers = client_timers(client);

    if (on) {
        if (!client->agent && !timer_armed(&client->boot))
            timer_start(timers, &client->boot,
                        environment_draw_ms(&client->world->environment, 0, BOOT_MOST_MS), booted);
        return;
    }
    timer_stop(timers, &client->boot);
    timer_stop(timers, &client->turn);
    timer_stop(timers, &client->idling);
    client_view_dark(client);
    let_go(client, "it was switched off");
    if (client->agent)
        agent_free(berth_take(client->agent));
    client->frozen = false;
    client->reboots = false;
    client->hands_off_ms = 0;
}

void client_cut(struct client *client, bool cut)
{
    client->cut = cut;
    if (client->link)
        fake_connection_stall(client->link, cut);
}

void client_freeze(struct client *client, bool frozen)
{
    if (!client->agent || client->frozen == frozen)
        return;
    client->frozen = frozen;
    if (client->link)
        fake_connection_stop_reading(client->link, frozen);
    if (frozen)
        timer_stop(client_timers(client), &client->turn);
    else
        client_after(client);
}

void client_slept(struct client *client, int64_t ms)
{
    if (!client->agent)
        return;
    client->slept_ms += ms;
    agent_slept(client->agent, ms);
    client_after(client);
}

void client_vanish(struct client *client)
{
    struct fake_connection *link = berth_take(client->link);

    if (link)
        fake_connection_abandon(link);
    if (client_enter(client))
        agent_lost(client->agent, "the connection was reset");
    client_after(client);
}

void client_forget(struct client *client, const struct secret *invitation)
{
    struct agent_memory *memory = &client->memory;

    client_power(client, false);
    free(berth_take(memory->profile));
    memory->known = false;
    memory->next_key[0] = '\0';
    memory->certificate[0] = '\0';
    memory->invitation = *invitation;
    client_power(client, true);
}

/* ---- people ---- */

bool client_sign_on(struct client *client, const char *user, const char *password)
{
    bool begun;

    if (!client_enter(client))
        return false;
    client->hands_off_ms = 0;
    client->left = 0;
    client->answered = false;
    agent_key(client->agent);
    begun = agent_sign_on(client->agent, user, password, "");
    client_after(client);
    return begun;
}

bool client_leave(struct client *client, bool sign_off)
{
    struct agent_snapshot snapshot;
    bool left;

    if (!client_enter(client))
        return false;
    agent_observe(client->agent, &snapshot);
    left = agent_leave(client->agent, sign_off);
    if (left)
        client->left = snapshot.session_id;
    client_after(client);
    return left;
}

void client_cancel(struct client *client)
{
    if (client_enter(client))
        agent_cancel(client->agent);
    client_after(client);
}

void client_touch(struct client *client)
{
    if (!client_enter(client))
        return;
    client->hands_off_ms = 0;
    agent_key(client->agent);
    agent_idle(client->agent, 0);
    agent_pick(client->agent);
    client_after(client);
}

/* The terminal will lock itself: the end of its picture is expected. */
static void record_lock(struct client *client, const struct agent_snapshot *snapshot,
                        int64_t idle_ms)
{
    struct history_line line = { .kind = HISTORY_invoke,
                                 .invoke = { .what = history_request_DISCONNECT,
                                             .op = client->world->environment.timers.mono_ms,
                                             .id = snapshot->session_id } };

    if (!snapshot->shows || !snapshot->idle_limit_ms || idle_ms < snapshot->idle_limit_ms)
        return;
    (void)snprintf(line.invoke.client, sizeof(line.invoke.client), "lock %.16s", client->name);
    (void)snprintf(line.invoke.terminal, sizeof(line.invoke.terminal), "%s", client->name);
    environment_record(&client->world->environment, &line);
    line = (struct history_line){ .kind = HISTORY_result,
                                  .result = { .op = client->world->environment.timers.mono_ms,
                                              .outcome = history_outcome_UNKNOWN } };
    (void)snprintf(line.result.client, sizeof(line.result.client), "lock %.16s", client->name);
    environment_record(&client->world->environment, &line);
}

/* The greeter reports once a minute how long there was no input, until nothing is shown. */
static void idle_due(struct berth_timer *timer)
{
    struct client *client = container_of(timer, struct client, idling);
    struct berth_timers *timers = client_timers(client);
    struct agent_snapshot snapshot, after;

    if (!client->hands_off_ms || !client_observe(client, &snapshot))
        return;
    timer_start(timers, timer, IDLE_REPORT_INTERVAL_MS, idle_due);
    if (client_enter(client)) {
        record_lock(client, &snapshot, timers->mono_ms - client->hands_off_ms);
        agent_idle(client->agent, timers->mono_ms - client->hands_off_ms);
        if (snapshot.shows && client_observe(client, &after) && !after.shows)
            client->left = snapshot.session_id;
    }
    client_after(client);
    if (!snapshot.shows)
        timer_stop(timers, timer);
}

void client_walk_away(struct client *client)
{
    struct berth_timers *timers = client_timers(client);

    if (!client->agent || client->hands_off_ms)
        return;
    client->hands_off_ms = timers->mono_ms;
    timer_start(timers, &client->idling, IDLE_REPORT_INTERVAL_MS, idle_due);
}

void client_say(struct client *client, const struct msg *msg)
{
    if (client->link && !client->frozen)
        fake_connection_send(client->link, msg);
}

bool client_observe(const struct client *client, struct agent_snapshot *ret)
{
    if (!client->agent) {
        *ret = (struct agent_snapshot){ .state = "off", .choice = "" };
        return false;
    }
    agent_observe(client->agent, ret);
    return true;
}
