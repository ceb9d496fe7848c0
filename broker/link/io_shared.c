/* io_shared.c - what connections use of their I/O thread: mail to the core, admission, the end. */
#include <string.h>

#include "io_thread.h"

struct admission *io_thread_admission(const struct io_thread *io, enum listener_kind kind)
{
    switch (kind) {
    case LISTENER_JOINING:
        return io->shared->joining;
    case LISTENER_API:
        return io->shared->api;
    case LISTENER_TERMINALS:
    case LISTENER_KINDS:
        break;
    }
    return io->shared->terminals;
}

void io_thread_maybe_stop(struct io_thread *io)
{
    if (io->closing && io->listening == 0 && list_empty(&io->all) &&
        list_empty(&io->api_connections))
        loop_stop(&io->loop);
}

/* ---- mail to the core ---- */

struct up_mail *up_new(struct io_thread *io, enum up_kind kind, uint64_t peer,
                       const struct msg *msg)
{
    size_t size = offsetof(struct up_mail, msg) + (msg ? msg_size(msg->type) : 0);
    struct up_mail *mail = berth_alloc(size);

    mail->mail.run = io->shared->receive_mail;
    mail->shared = io->shared;
    mail->kind = kind;
    mail->peer = peer;
    mail->io_number = io->number;
    mail->size = size;
    if (msg)
        memcpy(&mail->msg, msg, msg_size(msg->type));
    return mail;
}

static void send_up(struct io_thread *io)
{
    int64_t now_us = (int64_t)(uv_hrtime() / 1000);

    timer_stop(&io->loop.timers, &io->batch_delay);
    list_each (&io->batched, node)
        container_of(node, struct up_mail, mail.node)->posted_us = now_us;
    loop_post_all(io->shared->core, &io->batched);
}

void up_post(struct io_thread *io, struct up_mail *mail)
{
    list_append(&io->batched, &mail->mail.node);
    send_up(io);
}

static void batch_delay_over(struct berth_timer *timer)
{
    send_up(container_of(timer, struct io_thread, batch_delay));
}

void up_post_batched(struct io_thread *io, struct up_mail *mail)
{
    list_append(&io->batched, &mail->mail.node);
    if (!timer_armed(&io->batch_delay))
        timer_start(&io->loop.timers, &io->batch_delay, IO_BATCH_DELAY_MS, batch_delay_over);
}

void up_free(struct up_mail *mail)
{
    berth_wipe_free(mail, mail->size);
}
