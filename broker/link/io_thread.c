/* io_thread.c - an I/O thread of the link. */
#include "io_thread.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/log.h"

#include "api_connection.h"
#include "peer.h"

/* Larger batches only delay the receiving thread. */
#define OUTGOING_MAX 32

/* ---- mail from the core ---- */

static void go_down(struct loop_mail *loop_mail)
{
    struct down_mail *mail = container_of(loop_mail, struct down_mail, mail);

    if (mail->hangs_up)
        peer_hang_up(mail->io, mail->peer, mail->code, mail->why);
    else
        peer_tell(mail->io, mail->peer, &mail->msg);
    berth_wipe_free(mail, mail->size);
}

static struct down_mail *down_new(struct io_thread *io, uint64_t peer, size_t msg_bytes)
{
    size_t size = offsetof(struct down_mail, msg) + msg_bytes;
    struct down_mail *mail = berth_alloc(size);

    mail->mail.run = go_down;
    mail->io = io;
    mail->peer = peer;
    mail->size = size;
    return mail;
}

static void send_down(struct io_thread *io)
{
    deferred_cancel(&io->dispatch);
    io->outgoing_count = 0;
    loop_post_all(&io->loop, &io->outgoing);
}

static void send_outgoing(struct berth_deferred *deferred)
{
    send_down(container_of(deferred, struct io_thread, dispatch));
}

/* The core may send while the I/O threads end, such as the outcome of a job. */
static void add_down(struct io_thread *io, struct loop_mail *mail)
{
    if (io->ended) {
        struct down_mail *late = container_of(mail, struct down_mail, mail);

        berth_wipe_free(late, late->size);
        return;
    }
    if (list_empty(&io->outgoing))
        deferred_add(&io->shared->core->timers, &io->dispatch, send_outgoing);
    list_append(&io->outgoing, &mail->node);
    if (++io->outgoing_count >= OUTGOING_MAX)
        send_down(io);
}

void down_tell(struct io_thread *io, uint64_t peer, const struct msg *msg)
{
    struct down_mail *mail = down_new(io, peer, msg_size(msg->type));

    memcpy(&mail->msg, msg, msg_size(msg->type));
    add_down(io, &mail->mail);
}

void down_hang_up(struct io_thread *io, uint64_t peer, int code, const char *why)
{
    struct down_mail *mail = down_new(io, peer, 0);

    mail->hangs_up = true;
    mail->code = code;
    copy_text(mail->why, why);
    add_down(io, &mail->mail);
}

/* A request of the core to the I/O thread. */
struct io_task {
    struct loop_mail mail;
    struct io_thread *io;
    SSL_CTX *contexts[LISTENER_KINDS];
    enum listener_kind kind;
    int descriptor;
};

static void post_task(struct io_thread *io, struct io_task *task,
                      void (*run)(struct loop_mail *mail))
{
    task->mail.run = run;
    task->io = io;
    send_down(io); /* keep the order with earlier mail */
    loop_post(&io->loop, &task->mail);
}

/* ---- contexts ---- */

static void take_contexts(struct io_thread *io, SSL_CTX *const contexts[LISTENER_KINDS])
{
    for (int kind = 0; kind < LISTENER_KINDS; kind++) {
        if (!contexts[kind])
            continue;
        SSL_CTX_free(io->contexts[kind]);
        io->contexts[kind] = contexts[kind];
    }
}

static void run_contexts(struct loop_mail *mail)
{
    struct io_task *task = container_of(mail, struct io_task, mail);

    take_contexts(task->io, task->contexts);
    free(task);
}

void io_thread_set_contexts(struct io_thread *io, SSL_CTX *const contexts[LISTENER_KINDS])
{
    struct io_task *task;

    if (!io->running) {
        take_contexts(io, contexts);
        return;
    }
    task = berth_new(struct io_task);
    memcpy(task->contexts, contexts, sizeof(task->contexts));
    post_task(io, task, run_contexts);
}

/* ---- accepting connections ---- */

/* A new connection needs the place of this handshake, which may be completed or closed by now. */
struct drop {
    struct loop_mail mail;
    struct io_thread *io;
    uint64_t id;
};

static void run_drop(struct loop_mail *mail)
{
    struct drop *drop = container_of(mail, struct drop, mail);

    if (!peer_drop(drop->io, drop->id))
        api_connection_drop(drop->io, drop->id);
    free(drop);
}

void io_thread_drop(void *owner, uint64_t id)
{
    struct io_thread *io = owner;
    struct drop *drop = berth_new(struct drop);

    drop->mail.run = run_drop;
    drop->io = io;
    drop->id = id;
    loop_post(&io->loop, &drop->mail);
}

static void refuse_connection(int descriptor, const char *source, enum refusal refusal)
{
    struct linger abrupt = { .l_onoff = 1 };

    /* A reset leaves no state here, not even TIME_WAIT. */
    (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
    (void)close(descriptor);
    log_event(EV_PEER_REFUSED, "from", source, "reason", refusal_text(refusal));
}

static void accepted(struct listener *listener, int descriptor, const struct sockaddr_storage *from)
{
    struct io_thread *io = container_of(listener->loop, struct io_thread, loop);
    enum listener_kind kind = (enum listener_kind)(listener - io->listeners);
    struct admission_source source;
    struct admission_candidate candidate = { .source = &source,
                                             .owner = io,
                                             .id = ++io->shared->last_peer,
                                             .descriptor = descriptor,
                                             .chance = random_below(&io->random, 1000) };
    enum refusal refusal;
    struct admission_slot *slot;

    admission_source((const struct sockaddr *)from, &source);
    refusal =
        admission_admit(io_thread_admission(io, kind), &candidate, io->loop.timers.mono_ms, &slot);
    if (refusal != REFUSAL_NONE)
        refuse_connection(descriptor, source.name, refusal);
    else if (kind == LISTENER_API)
        api_connection_begin(io, &candidate, slot, from);
    else
        peer_begin(io, kind, &candidate, slot);
}

static void out_of_descriptors(struct listener *listener)
{
    struct io_thread *io = container_of(listener->loop, struct io_thread, loop);

    io->shared->counters.no_descriptors++;
    log_event(EV_NO_DESCRIPTORS, "listener", (int64_t)(listener - io->listeners));
}

static void listener_closed(struct listener *listener)
{
    struct io_thread *io = container_of(listener->loop, struct io_thread, loop);

    io->listening--;
    io_thread_maybe_stop(io);
}

int io_thread_listen(struct io_thread *io, enum listener_kind kind, int descriptor,
                     struct berth_error *reterr)
{
    struct listener *listener = &io->listeners[kind];

    listener->accepted = accepted;
    listener->out_of_descriptors = out_of_descriptors;
    listener->closed = listener_closed;
    io->listening++;
    return listener_start(&io->loop, listener, descriptor, reterr);
}

static void run_listen(struct loop_mail *mail)
{
    struct io_task *task = container_of(mail, struct io_task, mail);
    struct berth_error error = { 0 };

    if (io_thread_listen(task->io, task->kind, task->descriptor, &error) < 0)
        log_failure(EV_PEER_REFUSED, &error, "listening");
    free(task);
}

int io_thread_listen_later(struct io_thread *io, enum listener_kind kind, int descriptor)
{
    struct io_task *task = berth_new(struct io_task);

    task->kind = kind;
    task->descriptor = descriptor;
    post_task(io, task, run_listen);
    return 0;
}

/* ---- start and end ---- */

int io_thread_init(struct io_thread *io, struct io_shared *shared, int number,
                   struct berth_error *reterr)
{
    int r;

    *io = (struct io_thread){ .shared = shared, .number = number };
    for (int kind = 0; kind < LISTENER_KINDS; kind++) {
        io->listeners[kind].descriptor = -1;
        io->listeners[kind].loop = &io->loop;
    }
    list_init(&io->all);
    list_init(&io->api_connections);
    list_init(&io->batched);
    list_init(&io->outgoing);
    random_system(&io->random);
    map_init(&io->peers, random_map_key(&io->random));
    r = loop_init(&io->loop, reterr);
    if (r < 0)
        return r;

    /* Turns are not watched: dozens of handshakes of a millisecond each are normal here. */
    io->loop.slow_limit_ms = 0;
    return 0;
}

static void run(void *argument)
{
    struct io_thread *io = argument;

    loop_run(&io->loop);
}

int io_thread_start(struct io_thread *io, struct berth_error *reterr)
{
    int r = uv_thread_create(&io->thread, run, io);

    if (r < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot start an I/O thread: %s", uv_strerror(r));
    io->running = true;
    return 0;
}

static void close_all(struct io_thread *io)
{
    io->closing = true;
    for (int kind = 0; kind < LISTENER_KINDS; kind++)
        if (io->listeners[kind].active)
            listener_close(&io->listeners[kind]);
    list_each (&io->all, node)
        tls_close(list_entry(node, struct tls_peer, node), BERTH_E_CLOSING,
                  "the broker is stopping");
    api_connections_close(io);
    io_thread_maybe_stop(io);
}

static void run_close(struct loop_mail *mail)
{
    struct io_task *task = container_of(mail, struct io_task, mail);
    struct io_thread *io = task->io;

    free(task);
    close_all(io);
}

void io_thread_end(struct io_thread *io)
{
    if (io->running) {
        post_task(io, berth_new(struct io_task), run_close);
        (void)uv_thread_join(&io->thread);
    } else {
        close_all(io);
    }
    io->ended = true;
    deferred_cancel(&io->dispatch);
    /* they have no effect and are freed when the loop is closed */
    loop_post_all(&io->loop, &io->outgoing);
    loop_close(&io->loop);
    for (int kind = 0; kind < LISTENER_KINDS; kind++)
        SSL_CTX_free(io->contexts[kind]);
    map_clear(&io->peers);
}
