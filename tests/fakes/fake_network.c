/* fake_network.c - connections between terminals and the broker, and the messages in flight. */
#include "fakes/fake_network.h"

#include <stdio.h>
#include <string.h>

#define SLOWEST_MS 5
/* Both ends give up a connection that carries nothing for this long. */
#define STALLED_MOST_MS 15000
/* The longest time until a connection that has lost data is given up. */
#define DROP_NOTICED_LEAST_MS 200
#define DROP_NOTICED_MOST_MS 15000

/* A message in flight; `bytes` holds as much of the struct msg as its type needs. */
struct in_transit {
    struct list node;
    struct berth_timer timer;
    struct fake_connection *link;
    int64_t delay_ms;
    bool up;
    bool overtakes;
    _Alignas(max_align_t) unsigned char bytes[];
};

void fake_network_init(struct fake_network *network, struct environment *environment)
{
    *network = (struct fake_network){ .environment = environment, .slowest_ms = SLOWEST_MS };
    map_init(&network->links, random_map_key(&environment->random));
    list_init(&network->open);
    list_init(&network->backlog);
}

static void in_transit_free(struct in_transit *message)
{
    timer_stop(&message->link->network->environment->timers, &message->timer);
    list_remove(&message->node);
    free(message);
}

static void link_free(struct fake_connection *link)
{
    struct berth_timers *timers = &link->network->environment->timers;

    list_each (&link->network->backlog, node) {
        struct in_transit *message = list_entry(node, struct in_transit, node);

        if (message->link == link)
            in_transit_free(message);
    }
    list_each (&link->in_transit, node)
        in_transit_free(list_entry(node, struct in_transit, node));
    list_each (&link->unread, node)
        in_transit_free(list_entry(node, struct in_transit, node));
    timer_stop(timers, &link->opens);
    timer_stop(timers, &link->closes);
    timer_stop(timers, &link->drop_timer);
    (void)map_take_id(&link->network->links, link->peer);
    list_remove(&link->node);
    free(link);
}

void fake_network_free(struct fake_network *network)
{
    list_each (&network->open, node)
        link_free(list_entry(node, struct fake_connection, node));
    map_clear(&network->links);
}

void fake_network_attach(struct fake_network *network, struct context *context)
{
    network->context = context;
}

static const char *name_of(const struct fake_connection *link)
{
    return link->network_client ? link->network_client->name : "a terminal that has gone";
}

/* ---- ends ---- */

static void notify_broker_closed(struct fake_connection *link, const char *why)
{
    struct fake_network *network = link->network;

    if (!network->context || !link->known)
        return;
    link->known = false;
    if (link->joining)
        joiner_closed(network->context, link->peer);
    else
        terminal_closed(network->context, link->peer, why);
}

/* Tell both ends now. */
static void link_breaks(struct berth_timer *timer)
{
    struct fake_connection *link = container_of(timer, struct fake_connection, closes);
    struct network_client *network_client = link->network_client;
    char why[80];

    if (link->network->frozen && link->network->context) {
        timer_start(&link->network->environment->timers, &link->closes, 100, link_breaks);
        return;
    }
    (void)snprintf(why, sizeof(why), "%s", link->why);
    link->network_client = NULL;
    notify_broker_closed(link, why);
    link_free(link);
    if (network_client)
        network_client->lost(network_client, why);
}

/* After what is in flight already, as TCP does it. */
static void break_later(struct fake_connection *link, const char *why)
{
    struct environment *environment = link->network->environment;
    int64_t due_ms = environment->timers.mono_ms + 1;

    if (timer_armed(&link->closes))
        return;
    (void)snprintf(link->why, sizeof(link->why), "%s", why);
    if (link->down_due_ms > due_ms)
        due_ms = link->down_due_ms;
    if (link->up_due_ms > due_ms)
        due_ms = link->up_due_ms;
    timer_start(&environment->timers, &link->closes, due_ms - environment->timers.mono_ms,
                link_breaks);
}

void fake_connection_close(struct fake_connection *link, const char *why)
{
    link->network_client = NULL; /* it receives nothing any more */
    break_later(link, why);
}

void fake_network_detach(struct fake_network *network)
{
    network->context = NULL;
    list_each (&network->open, node) {
        struct fake_connection *link = list_entry(node, struct fake_connection, node);

        link->known = false;
        list_each (&link->in_transit, message)
            in_transit_free(list_entry(message, struct in_transit, node));
        link->down_due_ms = 0;
        link->up_due_ms = 0;
        if (!link->stalled)
            break_later(link, "the broker is gone");
    }
}

void fake_network_hang_up(void *context, uint64_t peer, int code, const char *why)
{
    struct fake_network *network = context;
    struct fake_connection *link = map_get_id(&network->links, peer);

    if (!link)
        return;
    environment_note(network->environment, "%s: hung up, %s: %s", name_of(link),
                     berth_error_row(code)->symbol, why);
    break_later(link, why);
}

/* ---- connecting ---- */

static void link_refused(struct fake_connection *link, const struct berth_error *error)
{
    struct network_client *network_client = link->network_client;
    struct berth_error copy = *error;

    link->network_client = NULL;
    link_free(link);
    if (network_client)
        network_client->refused(network_client, &copy);
}

static void link_opens(struct berth_timer *timer)
{
    struct fake_connection *link = container_of(timer, struct fake_connection, opens);
    struct fake_network *network = link->network;
    struct berth_error error = { 0 };
    int r;

    if (!network->context || !link->network_client)
        return; /* it is closing already */
    if (network->frozen) {
        timer_start(&network->environment->timers, &link->opens, 100, link_opens);
        return;
    }
    link->known = true;
    if (link->joining)
        r = joiner_opened(network->context, link->peer, link->network_client->address, &error);
    else
        r = terminal_opened(network->context, link->peer, link->network_client->address,
                            link->key_hash, &error);
    if (r < 0) {
        link->known = false;
        link_refused(link, &error);
        return;
    }
    link->in = link->joining ? IN_JOINING : IN_OPEN;
    link->network_client->open(link->network_client);
}

struct fake_connection *fake_network_connect(struct fake_network *network,
                                             struct network_client *network_client,
                                             const char *key_hash, bool joining)
{
    struct fake_connection *link;

    if (!network->context)
        return NULL;
    link = berth_new(struct fake_connection);
    link->network = network;
    link->peer = ++network->last_peer;
    link->network_client = network_client;
    link->joining = joining;
    (void)snprintf(link->key_hash, sizeof(link->key_hash), "%s", key_hash);
    list_init(&link->in_transit);
    list_init(&link->unread);
    list_append(&network->open, &link->node);
    map_put_id(&network->links, link->peer, link);
    timer_start(&network->environment->timers, &link->opens,
                environment_draw_ms(network->environment, 2, 10), link_opens);
    return link;
}

/* ---- messages ---- */

/* What the real link does with a message that is not permitted now. */
static void refuse(struct fake_connection *link, const struct msg *msg)
{
    struct msg answer = { .type = MSG_refused, .ref = msg->ref };

    link->network->refused++;
    (void)snprintf(answer.refused.about, sizeof(answer.refused.about), "%s",
                   msg_row(msg->type)->name);
    (void)snprintf(answer.refused.code, sizeof(answer.refused.code), "PROTOCOL");
    (void)snprintf(answer.refused.text, sizeof(answer.refused.text), "not permitted now");
    fake_network_tell(link->network, link->peer, &answer);
}

static void deliver_to_broker(struct fake_connection *link, struct msg *msg)
{
    struct fake_network *network = link->network;

    network->up++;
    if (!network->context || !link->known)
        return;
    if (!(msg_row(msg->type)->in & link->in) || !handle_message(network->context, link->peer, msg))
        refuse(link, msg);
}

static void in_transit_deliver(struct in_transit *message)
{
    struct fake_connection *link = message->link;
    struct msg *msg = (struct msg *)(void *)message->bytes;
    size_t size = msg_size(msg->type);

    list_remove(&message->node); /* first: the link may end inside the handler */
    if (message->up)
        deliver_to_broker(link, msg);
    else if (link->network_client)
        link->network_client->received(link->network_client, msg);
    explicit_bzero(msg, size);
    free(message);
}

static void in_transit_due(struct berth_timer *timer)
{
    struct in_transit *message = container_of(timer, struct in_transit, timer);

    if (message->up && message->link->network->frozen) {
        list_remove(&message->node);
        list_append(&message->link->network->backlog, &message->node);
        return;
    }
    if (!message->up && message->link->stopped_reading) {
        list_remove(&message->node);
        list_append(&message->link->unread, &message->node);
        return;
    }
    in_transit_deliver(message);
}

void fake_network_thaw(struct fake_network *network)
{
    network->frozen = false;
    while (!list_empty(&network->backlog))
        in_transit_deliver(list_entry(network->backlog.next, struct in_transit, node));
}

static void schedule(struct in_transit *message)
{
    struct environment *environment = message->link->network->environment;
    int64_t *due_ms = message->up ? &message->link->up_due_ms : &message->link->down_due_ms;
    int64_t at_ms = environment->timers.mono_ms + message->delay_ms +
                    environment_draw_ms(environment, 1, message->link->network->slowest_ms);

    if (!message->overtakes) {
        if (at_ms < *due_ms)
            at_ms = *due_ms; /* never before the one sent earlier */
        *due_ms = at_ms;
    }
    timer_start(&environment->timers, &message->timer, at_ms - environment->timers.mono_ms,
                in_transit_due);
}

static void drop_noticed(struct berth_timer *timer)
{
    break_later(container_of(timer, struct fake_connection, drop_timer),
                "something was lost on the way");
}

/* From here on nothing passes in this direction; the ends notice some time later. */
static void start_dropping(struct fake_connection *link, bool up)
{
    struct environment *environment = link->network->environment;

    link->dropping[up] = true;
    if (!timer_armed(&link->drop_timer))
        timer_start(&environment->timers, &link->drop_timer,
                    environment_draw_ms(environment, DROP_NOTICED_LEAST_MS, DROP_NOTICED_MOST_MS),
                    drop_noticed);
}

static void send_once(struct fake_connection *link, const struct msg *msg, bool up,
                      const struct network_effect *effect)
{
    size_t size = msg_size(msg->type);
    struct in_transit *message = berth_alloc(sizeof(*message) + size);

    *message = (struct in_transit){
        .link = link, .up = up, .delay_ms = effect->delay_ms, .overtakes = effect->overtakes
    };
    memcpy(message->bytes, msg, size);
    list_append(&link->in_transit, &message->node);
    if (!link->stalled)
        schedule(message);
}

static void send_message(struct fake_connection *link, const struct msg *msg, bool up)
{
    struct network_effect effect = { 0 };

    if (link->network->effect_of)
        link->network->effect_of(link->network->owner, link, up, &effect);
    if (effect.lost)
        start_dropping(link, up);
    if (link->dropping[up])
        return;
    send_once(link, msg, up, &effect);
    if (effect.twice)
        send_once(link, msg, up, &effect);
}

void fake_connection_stall(struct fake_connection *link, bool stalled)
{
    struct environment *environment = link->network->environment;
    bool too_long =
        link->stalled && environment->timers.mono_ms - link->stalled_since_ms > STALLED_MOST_MS;

    if (stalled && !link->stalled)
        link->stalled_since_ms = environment->timers.mono_ms;
    link->stalled = stalled;
    list_each (&link->in_transit, node) {
        struct in_transit *message = list_entry(node, struct in_transit, node);

        if (!stalled && !too_long && !timer_armed(&message->timer))
            schedule(message);
    }
    if (!stalled && too_long)
        break_later(link, "nothing came through for too long");
}

void fake_connection_stop_reading(struct fake_connection *link, bool stopped_reading)
{
    struct fake_network *network = link->network;
    uint64_t peer = link->peer;

    link->stopped_reading = stopped_reading;
    /* A message that it reads may end it. */
    while (!stopped_reading && (link = map_get_id(&network->links, peer)) != NULL &&
           !list_empty(&link->unread))
        in_transit_deliver(list_entry(link->unread.next, struct in_transit, node));
}

void fake_connection_abandon(struct fake_connection *link)
{
    link->network_client = NULL;
    if (!link->stalled)
        fake_connection_stall(link, true);
}

void fake_connection_send(struct fake_connection *link, const struct msg *msg)
{
    if (link && !timer_armed(&link->closes))
        send_message(link, msg, true);
}

void fake_network_tell(void *context, uint64_t peer, const struct msg *msg)
{
    struct fake_network *network = context;
    struct fake_connection *link = map_get_id(&network->links, peer);
    const struct msg_row *row = msg_row(msg->type);

    if (!network->context || !link)
        return;
    if (msg->type == MSG_granted && (link->in & IN_OPEN))
        link->in = IN_PRESENT;
    if (msg->type == MSG_presence_unknown && (link->in & IN_PRESENT))
        link->in = IN_OPEN;
    if (!(row->direction & DOWN) || !(row->in & link->in))
        environment_fault(network->environment, "%s was told '%s', which is not permitted now",
                          name_of(link), row->name);
    network->down++;
    send_message(link, msg, false);
}
