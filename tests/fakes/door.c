/* door.c - see door.h. */
#include "fakes/door.h"

#include <stdio.h>
#include <string.h>

#define SLOWEST_MS 5
/* A connection that carries nothing for so long is given up by both ends. */
#define DEAF_MOST_MS 15000
/* So long it may take until a connection that has lost something is given up. */
#define TORN_LEAST_MS 200
#define TORN_MOST_MS 15000

/* A message on its way; `bytes` holds as much of the struct msg as its type needs. */
struct letter {
    struct list node;
    struct berth_timer timer;
    struct door_link *link;
    int64_t delay_ms;
    bool up;
    bool overtakes;
    _Alignas(max_align_t) unsigned char bytes[];
};

/* clang-format off */
static terminal_handler_fn *const handlers[MSG_TYPES] = {
    [MSG_join] = handle_join,
    [MSG_announce] = handle_announce,
    [MSG_renew] = handle_renew,
    [MSG_bye] = handle_bye,
    [MSG_sign_on] = handle_sign_on,
    [MSG_sign_on_cancel] = handle_sign_on_cancel,
    [MSG_viewer] = handle_viewer,
    [MSG_sign_off] = handle_sign_off,
    [MSG_disconnect] = handle_disconnect,
    [MSG_profile_applied] = handle_profile_applied,
    [MSG_command_state] = handle_command_state,
    [MSG_renew_certificate] = handle_renew_certificate,
};
/* clang-format on */

void door_init(struct door *door, struct outside *outside)
{
    *door = (struct door){ .outside = outside, .slowest_ms = SLOWEST_MS };
    map_init(&door->links, random_map_key(&outside->dice));
    list_init(&door->open);
    list_init(&door->piled);
}

static void letter_free(struct letter *letter)
{
    timer_stop(&letter->link->door->outside->timers, &letter->timer);
    list_remove(&letter->node);
    free(letter);
}

static void link_free(struct door_link *link)
{
    struct berth_timers *timers = &link->door->outside->timers;

    list_each (&link->door->piled, node) {
        struct letter *letter = list_entry(node, struct letter, node);

        if (letter->link == link)
            letter_free(letter);
    }
    list_each (&link->letters, node)
        letter_free(list_entry(node, struct letter, node));
    list_each (&link->kept, node)
        letter_free(list_entry(node, struct letter, node));
    timer_stop(timers, &link->opens);
    timer_stop(timers, &link->closes);
    timer_stop(timers, &link->tears);
    (void)map_take_id(&link->door->links, link->peer);
    list_remove(&link->node);
    free(link);
}

void door_free(struct door *door)
{
    list_each (&door->open, node)
        link_free(list_entry(node, struct door_link, node));
    map_clear(&door->links);
}

void door_attach(struct door *door, struct context *context)
{
    door->context = context;
}

static const char *name_of(const struct door_link *link)
{
    return link->visitor ? link->visitor->name : "a terminal that has gone";
}

/* ---- ends ---- */

static void tell_broker_closed(struct door_link *link, const char *why)
{
    struct door *door = link->door;

    if (!door->context || !link->known)
        return;
    link->known = false;
    if (link->joining)
        joiner_closed(door->context, link->peer);
    else
        terminal_closed(door->context, link->peer, why);
}

/* Both ends learn of it, now. */
static void link_breaks(struct berth_timer *timer)
{
    struct door_link *link = container_of(timer, struct door_link, closes);
    struct door_visitor *visitor = link->visitor;
    char why[80];

    if (link->door->frozen && link->door->context) {
        timer_start(&link->door->outside->timers, &link->closes, 100, link_breaks);
        return;
    }
    (void)snprintf(why, sizeof(why), "%s", link->why);
    link->visitor = NULL;
    tell_broker_closed(link, why);
    link_free(link);
    if (visitor)
        visitor->lost(visitor, why);
}

/* At the end of what is on its way already, as TCP does it. */
static void break_later(struct door_link *link, const char *why)
{
    struct outside *outside = link->door->outside;
    int64_t due_ms = outside->timers.mono_ms + 1;

    if (timer_armed(&link->closes))
        return;
    (void)snprintf(link->why, sizeof(link->why), "%s", why);
    if (link->down_due_ms > due_ms)
        due_ms = link->down_due_ms;
    if (link->up_due_ms > due_ms)
        due_ms = link->up_due_ms;
    timer_start(&outside->timers, &link->closes, due_ms - outside->timers.mono_ms, link_breaks);
}

void door_close(struct door_link *link, const char *why)
{
    link->visitor = NULL; /* it hears nothing any more */
    break_later(link, why);
}

void door_detach(struct door *door)
{
    door->context = NULL;
    list_each (&door->open, node) {
        struct door_link *link = list_entry(node, struct door_link, node);

        link->known = false;
        list_each (&link->letters, letter)
            letter_free(list_entry(letter, struct letter, node));
        link->down_due_ms = 0;
        link->up_due_ms = 0;
        if (!link->deaf)
            break_later(link, "the broker is gone");
    }
}

void door_hang_up(void *context, uint64_t peer, int code, const char *why)
{
    struct door *door = context;
    struct door_link *link = map_get_id(&door->links, peer);

    if (!link)
        return;
    outside_note(door->outside, "%s: hung up, %s: %s", name_of(link), berth_error_row(code)->symbol,
                 why);
    break_later(link, why);
}

/* ---- beginnings ---- */

static void link_refused(struct door_link *link, const struct berth_error *error)
{
    struct door_visitor *visitor = link->visitor;
    struct berth_error copy = *error;

    link->visitor = NULL;
    link_free(link);
    if (visitor)
        visitor->refused(visitor, &copy);
}

static void link_opens(struct berth_timer *timer)
{
    struct door_link *link = container_of(timer, struct door_link, opens);
    struct door *door = link->door;
    struct berth_error error = { 0 };
    int r;

    if (!door->context || !link->visitor)
        return; /* its end is on its way */
    if (door->frozen) {
        timer_start(&door->outside->timers, &link->opens, 100, link_opens);
        return;
    }
    link->known = true;
    if (link->joining)
        r = joiner_opened(door->context, link->peer, link->visitor->address, &error);
    else
        r = terminal_opened(door->context, link->peer, link->visitor->address, link->key_hash,
                            &error);
    if (r < 0) {
        link->known = false;
        link_refused(link, &error);
        return;
    }
    link->in = link->joining ? IN_JOINING : IN_OPEN;
    link->visitor->open(link->visitor);
}

struct door_link *door_connect(struct door *door, struct door_visitor *visitor,
                               const char *key_hash, bool joining)
{
    struct door_link *link;

    if (!door->context)
        return NULL;
    link = berth_new(struct door_link);
    link->door = door;
    link->peer = ++door->last_peer;
    link->visitor = visitor;
    link->joining = joining;
    (void)snprintf(link->key_hash, sizeof(link->key_hash), "%s", key_hash);
    list_init(&link->letters);
    list_init(&link->kept);
    list_append(&door->open, &link->node);
    map_put_id(&door->links, link->peer, link);
    timer_start(&door->outside->timers, &link->opens, outside_draw_ms(door->outside, 2, 10),
                link_opens);
    return link;
}

/* ---- letters ---- */

/* What the real door does with a message that is not permitted now. */
static void refuse(struct door_link *link, const struct msg *msg)
{
    struct msg answer = { .type = MSG_refused, .ref = msg->ref };

    link->door->refused++;
    (void)snprintf(answer.refused.about, sizeof(answer.refused.about), "%s",
                   msg_row(msg->type)->name);
    (void)snprintf(answer.refused.code, sizeof(answer.refused.code), "PROTOCOL");
    (void)snprintf(answer.refused.text, sizeof(answer.refused.text), "not permitted now");
    door_tell(link->door, link->peer, &answer);
}

static void deliver_up(struct door_link *link, struct msg *msg)
{
    struct door *door = link->door;

    door->up++;
    if (!door->context || !link->known)
        return;
    if (!(msg_row(msg->type)->in & link->in) || !handlers[msg->type]) {
        refuse(link, msg);
        return;
    }
    handlers[msg->type](door->context, link->peer, msg);
}

static void letter_read(struct letter *letter)
{
    struct door_link *link = letter->link;
    struct msg *msg = (struct msg *)(void *)letter->bytes;
    size_t size = msg_size(msg->type);

    list_remove(&letter->node); /* ours: the link may end inside */
    if (letter->up)
        deliver_up(link, msg);
    else if (link->visitor)
        link->visitor->hears(link->visitor, msg);
    explicit_bzero(msg, size);
    free(letter);
}

static void letter_arrives(struct berth_timer *timer)
{
    struct letter *letter = container_of(timer, struct letter, timer);

    if (letter->up && letter->link->door->frozen) {
        list_remove(&letter->node);
        list_append(&letter->link->door->piled, &letter->node);
        return;
    }
    if (!letter->up && letter->link->held) {
        list_remove(&letter->node);
        list_append(&letter->link->kept, &letter->node);
        return;
    }
    letter_read(letter);
}

void door_thaw(struct door *door)
{
    door->frozen = false;
    while (!list_empty(&door->piled))
        letter_read(list_entry(door->piled.next, struct letter, node));
}

static void send_letter(struct letter *letter)
{
    struct outside *outside = letter->link->door->outside;
    int64_t *due_ms = letter->up ? &letter->link->up_due_ms : &letter->link->down_due_ms;
    int64_t at_ms = outside->timers.mono_ms + letter->delay_ms +
                    outside_draw_ms(outside, 1, letter->link->door->slowest_ms);

    if (!letter->overtakes) {
        if (at_ms < *due_ms)
            at_ms = *due_ms; /* never before the one sent earlier */
        *due_ms = at_ms;
    }
    timer_start(&outside->timers, &letter->timer, at_ms - outside->timers.mono_ms, letter_arrives);
}

static void link_tears(struct berth_timer *timer)
{
    break_later(container_of(timer, struct door_link, tears), "something was lost on the way");
}

/* From here on nothing comes through in this direction, and some time later that shows. */
static void tear(struct door_link *link, bool up)
{
    struct outside *outside = link->door->outside;

    link->torn[up] = true;
    if (!timer_armed(&link->tears))
        timer_start(&outside->timers, &link->tears,
                    outside_draw_ms(outside, TORN_LEAST_MS, TORN_MOST_MS), link_tears);
}

static void post_once(struct door_link *link, const struct msg *msg, bool up,
                      const struct door_fate *fate)
{
    size_t size = msg_size(msg->type);
    struct letter *letter = berth_alloc(sizeof(*letter) + size);

    *letter = (struct letter){
        .link = link, .up = up, .delay_ms = fate->delay_ms, .overtakes = fate->overtakes
    };
    memcpy(letter->bytes, msg, size);
    list_append(&link->letters, &letter->node);
    if (!link->deaf)
        send_letter(letter);
}

static void post(struct door_link *link, const struct msg *msg, bool up)
{
    struct door_fate fate = { 0 };

    if (link->door->weather)
        link->door->weather(link->door->owner, link, up, &fate);
    if (fate.lost)
        tear(link, up);
    if (link->torn[up])
        return;
    post_once(link, msg, up, &fate);
    if (fate.twice)
        post_once(link, msg, up, &fate);
}

void door_deafen(struct door_link *link, bool deaf)
{
    struct outside *outside = link->door->outside;
    bool too_long = link->deaf && outside->timers.mono_ms - link->deaf_since_ms > DEAF_MOST_MS;

    if (deaf && !link->deaf)
        link->deaf_since_ms = outside->timers.mono_ms;
    link->deaf = deaf;
    list_each (&link->letters, node) {
        struct letter *letter = list_entry(node, struct letter, node);

        if (!deaf && !too_long && !timer_armed(&letter->timer))
            send_letter(letter);
    }
    if (!deaf && too_long)
        break_later(link, "nothing came through for too long");
}

void door_hold(struct door_link *link, bool held)
{
    struct door *door = link->door;
    uint64_t peer = link->peer;

    link->held = held;
    /* What it reads may end it. */
    while (!held && (link = map_get_id(&door->links, peer)) != NULL && !list_empty(&link->kept))
        letter_read(list_entry(link->kept.next, struct letter, node));
}

void door_forsake(struct door_link *link)
{
    link->visitor = NULL;
    if (!link->deaf)
        door_deafen(link, true);
}

void door_say(struct door_link *link, const struct msg *msg)
{
    if (link && !timer_armed(&link->closes))
        post(link, msg, true);
}

void door_tell(void *context, uint64_t peer, const struct msg *msg)
{
    struct door *door = context;
    struct door_link *link = map_get_id(&door->links, peer);
    const struct msg_row *row = msg_row(msg->type);

    if (!door->context || !link)
        return;
    if (msg->type == MSG_granted && (link->in & IN_OPEN))
        link->in = IN_PRESENT;
    if (msg->type == MSG_presence_unknown && (link->in & IN_PRESENT))
        link->in = IN_OPEN;
    if (!(row->direction & DOWN) || !(row->in & link->in))
        outside_fault(door->outside, "%s was told '%s', which is not permitted now", name_of(link),
                      row->name);
    door->down++;
    post(link, msg, false);
}
