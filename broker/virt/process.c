/* process.c - a running berth-virt in berthd. */
#include "virt/process.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virt/wire.h"

struct process {
    struct list node;
    struct child child;
    uv_pipe_t socket;
    struct frame_reader reader;
    const struct process_events *events;
    void *owner; /* NULL when abandoned or lost */
    bool child_closed, socket_closed;
};

struct sending {
    uv_write_t request;
    unsigned char *frame;
    size_t size;
};

static void free_when_closed(struct process *process)
{
    if (!process->child_closed || !process->socket_closed)
        return;
    list_remove(&process->node);
    frame_reader_free(&process->reader);
    free(process);
}

static void child_freed(struct child *child)
{
    struct process *process = container_of(child, struct process, child);

    process->child_closed = true;
    free_when_closed(process);
}

static void socket_closed(uv_handle_t *handle)
{
    struct process *process = handle->data;

    process->socket_closed = true;
    free_when_closed(process);
}

void process_abandon(struct process *process)
{
    process->owner = NULL;
    child_end(&process->child, 0);
    if (!uv_is_closing((uv_handle_t *)&process->socket))
        uv_close((uv_handle_t *)&process->socket, socket_closed);
}

static void lost(struct process *process, const char *why)
{
    void *owner = process->owner;

    process_abandon(process);
    if (owner)
        process->events->lost(owner, why);
}

static void child_ended(struct child *child, berth_unused int exit_code, berth_unused int signal)
{
    struct process *process = container_of(child, struct process, child);

    lost(process, "the process ended");
    child_free(child, child_freed);
}

static int feed(void *context, const char *frame, size_t size)
{
    struct process *process = context;

    process->events->frame(process->owner, frame, size);
    return process->owner ? 0 : BERTH_E_CANCELLED;
}

static void give_buffer(uv_handle_t *handle, berth_unused size_t wanted, uv_buf_t *buffer)
{
    struct process *process = handle->data;

    *buffer = uv_buf_init(process->child.loop->read_buffer, LOOP_READ_BUFFER);
}

static void bytes_received(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct process *process = stream->data;
    struct berth_error error = { 0 };

    if (!process->owner || size == 0)
        return;
    if (size < 0)
        lost(process, "it closed its socket");
    else if (frame_feed(&process->reader, buffer->base, (size_t)size, feed, process, &error) < 0)
        lost(process, berth_error_text(&error)); /* no effect when it was abandoned meanwhile */
}

/* Our socket, and the descriptor of the child. */
static int open_socket(struct berth_loop *loop, struct process *process, int *ret_theirs,
                       struct berth_error *reterr)
{
    int pair[2];
    int r;

    (void)uv_pipe_init(&loop->uv, &process->socket, 0);
    process->socket.data = process;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot create a socket pair: %s", strerror(errno));
    r = uv_pipe_open(&process->socket, pair[0]);
    if (r < 0) {
        (void)close(pair[0]);
        (void)close(pair[1]);
        return berth_fail(reterr, BERTH_E_IO, "cannot create a socket pair: %s", uv_strerror(r));
    }
    *ret_theirs = pair[1];
    return 0;
}

/* It inherits our descriptor 2, so that its messages are logged; 3 is the socket. */
static int start_child(struct berth_loop *loop, struct process *process,
                       const struct process_setup *setup, struct berth_error *reterr)
{
    const char *argv[] = { setup->program, setup->name, setup->history, NULL };
    int descriptors[WIRE_DESCRIPTOR + 1] = { -1, -1, STDERR_FILENO, -1 };
    const struct child_setup child = { .argv = argv,
                                       .descriptors = descriptors,
                                       .descriptor_count = BERTH_COUNT(descriptors),
                                       .die_with_parent = true,
                                       .new_group = true };
    int r;

    r = open_socket(loop, process, &descriptors[WIRE_DESCRIPTOR], reterr);
    if (r < 0)
        return r;
    r = child_start(loop, &process->child, &child, reterr);
    (void)close(descriptors[WIRE_DESCRIPTOR]);
    return r;
}

int process_start(struct berth_loop *loop, const struct process_setup *setup, struct process **ret,
                  struct berth_error *reterr)
{
    struct process *process = berth_new(struct process);
    int r;

    process->events = setup->events;
    process->child.ended = child_ended;
    frame_reader_init(&process->reader, FRAME_MAX);
    list_append(setup->all, &process->node);
    r = start_child(loop, process, setup, reterr);
    if (r < 0) {
        process->child_closed = true;
        uv_close((uv_handle_t *)&process->socket, socket_closed);
        return r;
    }
    process->owner = setup->owner;
    (void)uv_read_start((uv_stream_t *)&process->socket, give_buffer, bytes_received);
    *ret = process;
    return 0;
}

static void sent(uv_write_t *request, berth_unused int status)
{
    struct sending *sending = container_of(request, struct sending, request);

    /* On failure the socket reports its end. */
    berth_wipe_free(sending->frame, sending->size);
    free(sending);
}

void process_send(struct process *process, unsigned char *frame, size_t size)
{
    struct sending *sending = berth_new(struct sending);
    uv_buf_t buffer = uv_buf_init((char *)frame, (unsigned)size);
    int r;

    sending->frame = frame;
    sending->size = size;
    r = uv_write(&sending->request, (uv_stream_t *)&process->socket, &buffer, 1, sent);
    if (r < 0)
        sent(&sending->request, r);
}

int process_pid(const struct process *process)
{
    return process->child.pid;
}
