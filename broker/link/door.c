/* door.c - an I/O thread of the link. */
#include "door.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/log.h"

#include "peer.h"
#include "people.h"

/* More at once than this keep the other thread waiting for no gain. */
#define OUTGOING_MAX 32

/* ---- mail ---- */

struct up_mail *up_new(struct door *door, enum up_kind kind, uint64_t peer, const struct msg *msg)
{
    size_t size = offsetof(struct up_mail, msg) + (msg ? msg_size(msg->type) : 0);
    struct up_mail *mail = berth_alloc(size);

    mail->mail.run = door->house->hear;
    mail->house = door->house;
    mail->kind = kind;
    mail->peer = peer;
    mail->door = door->number;
    mail->size = size;
    if (msg)
        memcpy(&mail->msg, msg, msg_size(msg->type));
    return mail;
}

static void send_up(struct door *door)
{
    int64_t now_us = (int64_t)(uv_hrtime() / 1000);

    timer_stop(&door->loop.timers, &door->patience);
    list_each (&door->patient, node)
        container_of(node, struct up_mail, mail.node)->posted_us = now_us;
    loop_post_all(door->house->core, &door->patient);
}

void up_post(struct door *door, struct up_mail *mail)
{
    list_append(&door->patient, &mail->mail.node);
    send_up(door);
}

static void patience_over(struct berth_timer *timer)
{
    send_up(container_of(timer, struct door, patience));
}

void up_post_patiently(struct door *door, struct up_mail *mail)
{
    list_append(&door->patient, &mail->mail.node);
    if (!timer_armed(&door->patience))
        timer_start(&door->loop.timers, &door->patience, DOOR_PATIENCE_MS, patience_over);
}

void up_free(struct up_mail *mail)
{
    berth_wipe_free(mail, mail->size);
}

static void go_down(struct loop_mail *loop_mail)
{
    struct down_mail *mail = container_of(loop_mail, struct down_mail, mail);

    if (mail->hangs_up)
        peer_hang_up(mail->door, mail->peer, mail->code, mail->why);
    else
        peer_tell(mail->door, mail->peer, &mail->msg);
    berth_wipe_free(mail, mail->size);
}

static struct down_mail *down_new(struct door *door, uint64_t peer, size_t msg_bytes)
{
    size_t size = offsetof(struct down_mail, msg) + msg_bytes;
    struct down_mail *mail = berth_alloc(size);

    mail->mail.run = go_down;
    mail->door = door;
    mail->peer = peer;
    mail->size = size;
    return mail;
}

static void send_down(struct door *door)
{
    deferred_cancel(&door->dispatch);
    door->outgoing_count = 0;
    loop_post_all(&door->loop, &door->outgoing);
}

static void turn_ends(struct berth_deferred *deferred)
{
    send_down(container_of(deferred, struct door, dispatch));
}

/* The core may speak while the doors close: the outcome of a job that was under way is told then.
 */
static void add_down(struct door *door, struct loop_mail *mail)
{
    if (door->ended) {
        struct down_mail *late = container_of(mail, struct down_mail, mail);

        berth_wipe_free(late, late->size);
        return;
    }
    if (list_empty(&door->outgoing))
        deferred_add(&door->house->core->timers, &door->dispatch, turn_ends);
    list_append(&door->outgoing, &mail->node);
    if (++door->outgoing_count >= OUTGOING_MAX)
        send_down(door);
}

void down_tell(struct door *door, uint64_t peer, const struct msg *msg)
{
    struct down_mail *mail = down_new(door, peer, msg_size(msg->type));

    memcpy(&mail->msg, msg, msg_size(msg->type));
    add_down(door, &mail->mail);
}

void down_hang_up(struct door *door, uint64_t peer, int code, const char *why)
{
    struct down_mail *mail = down_new(door, peer, 0);

    mail->hangs_up = true;
    mail->code = code;
    (void)snprintf(mail->why, sizeof(mail->why), "%s", why);
    add_down(door, &mail->mail);
}

/* Something small for the door's thread to do. */
struct errand {
    struct loop_mail mail;
    struct door *door;
    SSL_CTX *contexts[DOOR_KINDS];
    enum door_kind kind;
    int descriptor;
};

static void send_errand(struct door *door, struct errand *errand,
                        void (*run)(struct loop_mail *mail))
{
    errand->mail.run = run;
    errand->door = door;
    send_down(door); /* nothing overtakes what was said before */
    loop_post(&door->loop, &errand->mail);
}

/* ---- contexts ---- */

static void take_contexts(struct door *door, SSL_CTX *const contexts[DOOR_KINDS])
{
    for (int kind = 0; kind < DOOR_KINDS; kind++) {
        if (!contexts[kind])
            continue;
        SSL_CTX_free(door->contexts[kind]);
        door->contexts[kind] = contexts[kind];
    }
}

static void run_contexts(struct loop_mail *mail)
{
    struct errand *errand = container_of(mail, struct errand, mail);

    take_contexts(errand->door, errand->contexts);
    free(errand);
}

void door_set_contexts(struct door *door, SSL_CTX *const contexts[DOOR_KINDS])
{
    struct errand *errand;

    if (!door->running) {
        take_contexts(door, contexts);
        return;
    }
    errand = berth_new(struct errand);
    memcpy(errand->contexts, contexts, sizeof(errand->contexts));
    send_errand(door, errand, run_contexts);
}

/* ---- coming in ---- */

/* Another handshake needs the place of this one; by now it may be done, or over. */
struct drop {
    struct loop_mail mail;
    struct door *door;
    uint64_t id;
};

static void run_drop(struct loop_mail *mail)
{
    struct drop *drop = container_of(mail, struct drop, mail);

    if (!peer_drop(drop->door, drop->id))
        person_drop(drop->door, drop->id);
    free(drop);
}

void door_drop(void *owner, uint64_t id)
{
    struct door *door = owner;
    struct drop *drop = berth_new(struct drop);

    drop->mail.run = run_drop;
    drop->door = door;
    drop->id = id;
    loop_post(&door->loop, &drop->mail);
}

struct admission *door_admission(const struct door *door, enum door_kind kind)
{
    switch (kind) {
    case DOOR_JOINING:
        return door->house->joining;
    case DOOR_PEOPLE:
        return door->house->people;
    case DOOR_TERMINALS:
    case DOOR_KINDS:
        break;
    }
    return door->house->terminals;
}

static void turn_away(int descriptor, const char *source, enum refusal refusal)
{
    struct linger abrupt = { .l_onoff = 1 };

    /* A reset leaves nothing behind with us, not even TIME_WAIT. */
    (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
    (void)close(descriptor);
    log_event(EV_PEER_REFUSED, "from", source, "reason", refusal_text(refusal));
}

static void came(struct listener *listener, int descriptor, const struct sockaddr_storage *from)
{
    struct door *door = container_of(listener->loop, struct door, loop);
    enum door_kind kind = (enum door_kind)(listener - door->listeners);
    struct admission_source source;
    struct admission_newcomer newcomer = { .source = &source,
                                           .owner = door,
                                           .id = ++door->house->last_peer,
                                           .descriptor = descriptor,
                                           .chance = random_below(&door->random, 1000) };
    enum refusal refusal;
    struct pass *pass;

    admission_source((const struct sockaddr *)from, &source);
    refusal =
        admission_ask(door_admission(door, kind), &newcomer, door->loop.timers.mono_ms, &pass);
    if (refusal != REFUSAL_NONE)
        turn_away(descriptor, source.name, refusal);
    else if (kind == DOOR_PEOPLE)
        person_begin(door, &newcomer, pass, from);
    else
        peer_begin(door, kind, &newcomer, pass);
}

static void short_of(struct listener *listener)
{
    struct door *door = container_of(listener->loop, struct door, loop);

    door->house->counters.no_descriptors++;
    log_event(EV_NO_DESCRIPTORS, "door", (int64_t)(listener - door->listeners));
}

static void listener_closed(struct listener *listener)
{
    struct door *door = container_of(listener->loop, struct door, loop);

    door->listening--;
    door_maybe_stop(door);
}

int door_listen(struct door *door, enum door_kind kind, int descriptor, struct berth_error *reterr)
{
    struct listener *listener = &door->listeners[kind];

    listener->came = came;
    listener->short_of = short_of;
    listener->closed = listener_closed;
    door->listening++;
    return listener_start(&door->loop, listener, descriptor, reterr);
}

static void run_listen(struct loop_mail *mail)
{
    struct errand *errand = container_of(mail, struct errand, mail);
    struct berth_error error = { 0 };

    if (door_listen(errand->door, errand->kind, errand->descriptor, &error) < 0)
        log_failure(EV_PEER_REFUSED, &error, "listening");
    free(errand);
}

int door_listen_later(struct door *door, enum door_kind kind, int descriptor)
{
    struct errand *errand = berth_new(struct errand);

    errand->kind = kind;
    errand->descriptor = descriptor;
    send_errand(door, errand, run_listen);
    return 0;
}

/* ---- life ---- */

int door_init(struct door *door, struct door_house *house, int number, struct berth_error *reterr)
{
    int r;

    *door = (struct door){ .house = house, .number = number };
    for (int kind = 0; kind < DOOR_KINDS; kind++) {
        door->listeners[kind].descriptor = -1;
        door->listeners[kind].loop = &door->loop;
    }
    list_init(&door->all);
    list_init(&door->people);
    list_init(&door->patient);
    list_init(&door->outgoing);
    random_system(&door->random);
    map_init(&door->peers, random_map_key(&door->random));
    r = loop_init(&door->loop, reterr);
    if (r < 0)
        return r;

    /* A turn may hold dozens of handshakes of a millisecond each: that is this thread's work, not a
     * defect. */
    door->loop.slow_limit_ms = 0;
    return 0;
}

static void run(void *argument)
{
    struct door *door = argument;

    loop_run(&door->loop);
}

int door_start(struct door *door, struct berth_error *reterr)
{
    int r = uv_thread_create(&door->thread, run, door);

    if (r < 0)
        return berth_fail(reterr, BERTH_E_IO, "no thread for the link: %s", uv_strerror(r));
    door->running = true;
    return 0;
}

void door_maybe_stop(struct door *door)
{
    if (door->closing && door->listening == 0 && list_empty(&door->all) &&
        list_empty(&door->people))
        loop_stop(&door->loop);
}

static void close_all(struct door *door)
{
    door->closing = true;
    for (int kind = 0; kind < DOOR_KINDS; kind++)
        if (door->listeners[kind].active)
            listener_close(&door->listeners[kind]);
    list_each (&door->all, node)
        tls_close(list_entry(node, struct tls_peer, node), BERTH_E_CLOSING,
                  "the broker is stopping");
    people_close_all(door);
    door_maybe_stop(door);
}

static void run_close(struct loop_mail *mail)
{
    struct errand *errand = container_of(mail, struct errand, mail);
    struct door *door = errand->door;

    free(errand);
    close_all(door);
}

void door_end(struct door *door)
{
    if (door->running) {
        send_errand(door, berth_new(struct errand), run_close);
        (void)uv_thread_join(&door->thread);
    } else {
        close_all(door);
    }
    door->ended = true;
    deferred_cancel(&door->dispatch);
    loop_post_all(&door->loop,
                  &door->outgoing); /* run, to no effect, and freed by the loop's end */
    loop_close(&door->loop);
    for (int kind = 0; kind < DOOR_KINDS; kind++)
        SSL_CTX_free(door->contexts[kind]);
    map_clear(&door->peers);
}
