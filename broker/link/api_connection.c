/* api_connection.c - connections of the management API. */
#include "api_connection.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

/* Encrypted bytes that may wait for a slow client before the HTTP server is not read any more. */
#define AHEAD_MAX ((size_t)65536)

/* While bytes wait for the client, it is checked this many times in link_api_setup.unread_ms
 * whether the client took at least TAKEN_MIN of them. Fewer count as none: otherwise a client that
 * takes a byte now and then could keep the connection for ever. */
#define UNREAD_CHECKS 6
/* After the server has closed, fewer checks. At 64 kbit/s a reader that took 64 KiB takes nothing
 * for 8 s, so one check is not enough. */
#define HUNG_UP_CHECKS 2
#define TAKEN_MIN 512

struct api_connection {
    struct tls_peer tls; /* tls.owner is the I/O thread, tls.node in io->api_connections */
    uint64_t id;
    struct admission_slot *slot;
    char source[ADMISSION_SOURCE_TEXT];
    struct sockaddr_storage from;
    uv_pipe_t pair; /* our end of the pair */
    bool paired;    /* the handle must be closed */
    bool handed;    /* the core has the other end */
    bool ending;    /* the server has closed: close after the last byte */
    bool tls_closed;
    size_t waiting; /* plain bytes that the pair has not taken yet */

    struct berth_timer check; /* runs while bytes wait for the client */
    size_t left;              /* bytes that it had not taken at the last check */
    size_t added;             /* bytes added since then */
    int stalled_checks;
};

struct plain_write {
    uv_write_t request;
    struct api_connection *connection;
    size_t size;
    char bytes[];
};

static struct io_thread *io_thread_of(const struct api_connection *connection)
{
    return connection->tls.owner;
}

static void maybe_free(struct api_connection *connection)
{
    struct io_thread *io = io_thread_of(connection);

    if (connection->paired || !connection->tls_closed)
        return;
    list_remove(&connection->tls.node);
    free(connection);
    io_thread_maybe_stop(io);
}

static void pair_closed(uv_handle_t *handle)
{
    struct api_connection *connection =
        container_of((uv_pipe_t *)(void *)handle, struct api_connection, pair);

    connection->paired = false;
    maybe_free(connection);
}

static void close_pair(struct api_connection *connection)
{
    if (connection->paired && !uv_is_closing((uv_handle_t *)&connection->pair))
        uv_close((uv_handle_t *)&connection->pair, pair_closed);
}

/* ---- from the client to the server ---- */

static void plain_written(uv_write_t *request, int status)
{
    struct plain_write *write = container_of(request, struct plain_write, request);
    struct api_connection *connection = write->connection;

    connection->waiting -= write->size;
    berth_wipe_free(write, sizeof(*write) + write->size);
    if (status < 0)
        tls_close(&connection->tls, BERTH_OK, "the server closed");
    else if (connection->waiting == 0)
        tls_resume(&connection->tls);
}

static int on_bytes(struct tls_peer *tls, const void *bytes, size_t size)
{
    struct api_connection *connection = container_of(tls, struct api_connection, tls);
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)size);
    int sent = connection->waiting ? 0 : uv_try_write((uv_stream_t *)&connection->pair, &buffer, 1);
    struct plain_write *write;
    size_t rest;

    if (sent < 0 && sent != UV_EAGAIN)
        return berth_fail(&tls->error, BERTH_E_IO, "the server closed its end: %s",
                          uv_strerror(sent));
    rest = size - (size_t)(sent > 0 ? sent : 0);
    if (rest == 0)
        return 0;

    write = berth_alloc(sizeof(*write) + rest);
    write->connection = connection;
    write->size = rest;
    memcpy(write->bytes, (const char *)bytes + (size - rest), rest);
    buffer = uv_buf_init(write->bytes, (unsigned)rest);
    if (uv_write(&write->request, (uv_stream_t *)&connection->pair, &buffer, 1, plain_written) <
        0) {
        berth_wipe_free(write, sizeof(*write) + rest);
        return berth_fail(&tls->error, BERTH_E_IO, "the server closed its end");
    }
    connection->waiting += rest;
    tls_pause(tls);
    return 0;
}

/* ---- from the server to the client ---- */

static void give_buffer(uv_handle_t *handle, berth_unused size_t suggested, uv_buf_t *ret)
{
    struct api_connection *connection =
        container_of((uv_pipe_t *)(void *)handle, struct api_connection, pair);

    *ret = uv_buf_init(io_thread_of(connection)->loop.read_buffer, LOOP_READ_BUFFER);
}

/* Bytes that the client's kernel has not acknowledged: those in our queue and in our kernel. The
 * kernel alone holds megabytes, and accepts more only when much of it was sent. */
static size_t unsent_bytes(struct api_connection *connection)
{
    size_t left = uv_stream_get_write_queue_size((uv_stream_t *)&connection->tls.tcp);
    uv_os_fd_t descriptor;
    int in_kernel = 0;

    if (uv_fileno((uv_handle_t *)&connection->tls.tcp, &descriptor) == 0 &&
        ioctl(descriptor, TIOCOUTQ, &in_kernel) == 0 && in_kernel > 0)
        left += (size_t)in_kernel;
    return left;
}

/* While the pair is not read its end is not reported. */
static bool server_has_hung_up(const struct api_connection *connection)
{
    struct pollfd facts = { .events = POLLRDHUP };

    return connection->ending ||
           (uv_fileno((const uv_handle_t *)&connection->pair, &facts.fd) == 0 &&
            poll(&facts, 1, 0) > 0 && facts.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void schedule_check(struct api_connection *connection);

static void check_due(struct berth_timer *timer)
{
    struct api_connection *connection = container_of(timer, struct api_connection, check);
    size_t left = unsent_bytes(connection);

    connection->stalled_checks++;
    if (connection->left + connection->added >= left + TAKEN_MIN)
        connection->stalled_checks = 0;
    if (connection->stalled_checks >=
        (server_has_hung_up(connection) ? HUNG_UP_CHECKS : UNREAD_CHECKS)) {
        io_thread_of(connection)->shared->counters.slow_readers++;
        tls_close(&connection->tls, BERTH_E_TIMEOUT, "%s does not read its answer",
                  connection->source);
        return;
    }
    connection->left = left;
    schedule_check(connection);
}

static void schedule_check(struct api_connection *connection)
{
    struct io_thread *io = io_thread_of(connection);

    connection->added = 0;
    timer_start(&io->loop.timers, &connection->check, io->shared->api_unread_ms / UNREAD_CHECKS + 1,
                check_due);
}

/* Send to the client; if it does not take all at once, check its progress until it did. */
static void give(struct api_connection *connection, const char *bytes, size_t size)
{
    bool watched = connection->tls.queued > 0;

    if (tls_write(&connection->tls, bytes, size) < 0 || connection->tls.queued == 0)
        return;
    connection->added += size;
    if (watched)
        return;
    connection->left = unsent_bytes(connection);
    connection->stalled_checks = 0;
    schedule_check(connection);
}

static void pair_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct api_connection *connection =
        container_of((uv_pipe_t *)(void *)stream, struct api_connection, pair);

    if (got == 0 || connection->tls.closing)
        return;
    if (got < 0) {
        (void)uv_read_stop(stream);
        connection->ending = true;
        if (connection->tls.queued == 0)
            tls_close(&connection->tls, BERTH_OK, "the server closed");
        return;
    }
    give(connection, buffer->base, (size_t)got);
    if (connection->tls.queued > AHEAD_MAX)
        (void)uv_read_stop(stream);
    explicit_bzero(buffer->base, (size_t)got); /* answers may contain secrets */
}

static void on_drained(struct tls_peer *tls)
{
    struct api_connection *connection = container_of(tls, struct api_connection, tls);

    timer_stop(&tls->loop->timers, &connection->check);
    if (connection->ending)
        tls_close(tls, BERTH_OK, "the server closed");
    else if (connection->paired && !uv_is_closing((uv_handle_t *)&connection->pair))
        (void)uv_read_start((uv_stream_t *)&connection->pair, give_buffer, pair_read);
}

/* ---- begin and end ---- */

static void hand_over(struct api_connection *connection, int descriptor)
{
    struct io_shared *shared = io_thread_of(connection)->shared;
    struct api_connection_mail *mail = berth_new(struct api_connection_mail);

    mail->mail.run = shared->api_accepted;
    mail->shared = shared;
    mail->descriptor = descriptor;
    mail->from = connection->from;
    connection->handed = true;
    loop_post(shared->core, &mail->mail);
}

static bool on_open(struct tls_peer *tls)
{
    struct api_connection *connection = container_of(tls, struct api_connection, tls);
    struct io_thread *io = io_thread_of(connection);
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return false;
    if (uv_pipe_init(&io->loop.uv, &connection->pair, 0) < 0) {
        (void)close(pair[0]);
        (void)close(pair[1]);
        return false;
    }
    connection->paired = true;
    if (uv_pipe_open(&connection->pair, pair[0]) < 0 ||
        uv_read_start((uv_stream_t *)&connection->pair, give_buffer, pair_read) < 0) {
        (void)close(pair[1]);
        return false;
    }
    admission_established(io->shared->api, connection->slot);
    io->shared->counters.api_connections++;
    hand_over(connection, pair[1]);
    return true;
}

static void on_closed(struct tls_peer *tls, const struct berth_error *why)
{
    struct api_connection *connection = container_of(tls, struct api_connection, tls);
    struct io_thread *io = io_thread_of(connection);
    bool innocent = connection->handed || why->code == BERTH_E_CLOSING;

    timer_stop(&io->loop.timers, &connection->check);
    admission_release(io->shared->api, connection->slot, peer_penalty(why->code, innocent),
                      clock_mono_ms());
    if (connection->handed)
        io->shared->counters.api_connections--;
    else if (!innocent)
        peer_note_failure(io, connection->source, why);
    connection->tls_closed = true;
    close_pair(connection);
    maybe_free(connection);
}

static const struct tls_events events = {
    .open = on_open, .bytes = on_bytes, .drained = on_drained, .closed = on_closed
};

void api_connection_begin(struct io_thread *io, const struct admission_candidate *candidate,
                          struct admission_slot *slot, const struct sockaddr_storage *from)
{
    struct berth_error error = { 0 };
    struct api_connection *connection = berth_new(struct api_connection);

    connection->tls.owner = io;
    connection->id = candidate->id;
    connection->slot = slot;
    connection->from = *from;
    copy_text(connection->source, candidate->source->name);
    list_append(&io->api_connections, &connection->tls.node);
    if (tls_accept(&io->loop, io->contexts[LISTENER_API], candidate->descriptor,
                   io->shared->handshake_ms, &events, &connection->tls, &error) == 0)
        return;
    admission_release(io->shared->api, slot, PENALTY_NONE, clock_mono_ms());
    peer_note_failure(io, connection->source, &error);
    list_remove(&connection->tls.node);
    free(connection);
}

void api_connection_drop(struct io_thread *io, uint64_t id)
{
    list_each (&io->api_connections, node) {
        struct api_connection *connection = container_of(node, struct api_connection, tls.node);

        if (connection->id == id && !connection->handed)
            tls_close(&connection->tls, BERTH_E_BUSY,
                      "%s made no progress and was closed for a new connection",
                      connection->source);
    }
}

void api_connections_close(struct io_thread *io)
{
    list_each (&io->api_connections, node)
        tls_close(list_entry(node, struct tls_peer, node), BERTH_E_CLOSING,
                  "the broker is stopping");
}
