/* proxy_pair.c - one connection through berth-proxy: two streams and the data between them. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "berth/base.h"

#include "proxy.h"

/* Stop reading from a stream while so much of it waits: the sender feels the slow link. */
#define WAITING_MAX 262144
#define CHUNK_BYTES 16384
#define NS_PER_MS UINT64_C(1000000)

struct piece {
    struct list node;
    uint64_t due_ns;
    bool last; /* then reset the connection */
    size_t size;
    char bytes[];
};

struct pair;

/* One direction: read from `from`, write to `to`. */
struct flowing {
    struct pair *pair;
    enum proxy_direction direction;
    struct list pieces;
    size_t waiting;
    uint64_t free_ns; /* when the slow link is free again; also keeps the order */
    uv_timer_t timer;
    bool reading, ended; /* ended: the sender closed; close after the last piece */
};

union stream {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct pair {
    struct list node;
    struct proxy *proxy;
    union stream ends
        [PROXY_DIRECTIONS]; /* by direction of the bytes that it sends: the client, the target */
    struct flowing flows[PROXY_DIRECTIONS];
    uv_connect_t connect;
    char buffer[CHUNK_BYTES];
    bool closing;
    int handles;
};

static void flow_on(struct flowing *flow);

static union stream *from_of(struct flowing *flow)
{
    return &flow->pair->ends[flow->direction];
}

static union stream *to_of(struct flowing *flow)
{
    return &flow->pair->ends[flow->direction == PROXY_UP ? PROXY_DOWN : PROXY_UP];
}

/* ---- the end ---- */

static void handle_closed(uv_handle_t *handle)
{
    struct pair *pair = handle->data;

    if (--pair->handles > 0)
        return;
    for (int direction = 0; direction < PROXY_DIRECTIONS; direction++)
        list_each (&pair->flows[direction].pieces, node)
            free(list_entry(node, struct piece, node));
    list_remove(&pair->node);
    pair->proxy->open--;
    free(pair);
}

static void close_pair(struct pair *pair, bool reset)
{
    const struct linger abrupt = { .l_onoff = 1 };

    if (pair->closing)
        return;
    pair->closing = true;
    for (int direction = 0; direction < PROXY_DIRECTIONS; direction++) {
        uv_os_fd_t descriptor;

        if (reset && uv_fileno(&pair->ends[direction].handle, &descriptor) == 0)
            (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
        uv_close(&pair->ends[direction].handle, handle_closed);
        uv_close((uv_handle_t *)&pair->flows[direction].timer, handle_closed);
    }
    pair->proxy->counts.resets += reset;
}

/* ---- out ---- */

struct parcel {
    uv_write_t request;
    struct flowing *flow;
    struct piece *piece;
};

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret);
static void heard(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer);

static void read_on(struct flowing *flow)
{
    if (flow->reading || flow->ended || flow->waiting > WAITING_MAX || flow->pair->closing)
        return;
    flow->reading = uv_read_start(&from_of(flow)->stream, give_room, heard) == 0;
}

static void written(uv_write_t *request, int status)
{
    struct parcel *parcel = container_of(request, struct parcel, request);
    struct flowing *flow = parcel->flow;

    flow->waiting -= parcel->piece->size;
    free(parcel->piece);
    free(parcel);
    if (status < 0)
        close_pair(flow->pair, true);
    else
        read_on(flow);
}

static void shut(uv_shutdown_t *request, int status)
{
    (void)status; /* the other side is closed as well */
    free(request);
}

static void send_piece(struct flowing *flow, struct piece *piece)
{
    struct parcel *parcel = berth_new(struct parcel);
    uv_buf_t buffer = uv_buf_init(piece->bytes, (unsigned)piece->size);

    parcel->flow = flow;
    parcel->piece = piece;
    flow->pair->proxy->counts.pieces++;
    if (uv_write(&parcel->request, &to_of(flow)->stream, &buffer, 1, written) < 0) {
        flow->waiting -= piece->size;
        free(piece);
        free(parcel);
        close_pair(flow->pair, true);
    }
}

static void finish(struct flowing *flow)
{
    struct flowing *other = &flow->pair->flows[flow->direction == PROXY_UP ? PROXY_DOWN : PROXY_UP];
    uv_shutdown_t *request = berth_new(uv_shutdown_t);

    if (uv_shutdown(request, &to_of(flow)->stream, shut) < 0)
        free(request);
    if (other->ended && other->waiting == 0)
        close_pair(flow->pair, false);
}

static void due(uv_timer_t *timer)
{
    flow_on(container_of(timer, struct flowing, timer));
}

/* Send what is due; come back when the next piece is. */
static void flow_on(struct flowing *flow)
{
    struct pair *pair = flow->pair;

    if (pair->proxy->rules.frozen[flow->direction])
        return;
    while (!pair->closing && !list_empty(&flow->pieces)) {
        struct piece *piece = list_entry(flow->pieces.next, struct piece, node);
        uint64_t now_ns = uv_hrtime();
        bool last = piece->last;

        if (piece->due_ns > now_ns) {
            (void)uv_timer_start(&flow->timer, due, (piece->due_ns - now_ns) / NS_PER_MS + 1, 0);
            return;
        }
        list_remove(&piece->node);
        send_piece(flow, piece);
        if (last)
            close_pair(pair, true);
    }
    if (!pair->closing && flow->ended)
        finish(flow);
}

/* ---- in ---- */

static bool happens(struct proxy *proxy, int64_t permille)
{
    return permille > 0 && (int64_t)random_below(&proxy->random, 1000) < permille;
}

static uint64_t delay_ns(struct proxy *proxy)
{
    const struct proxy_rules *rules = &proxy->rules;
    int64_t ms = rules->delay_ms;

    if (rules->jitter_ms > 0)
        ms += (int64_t)random_below(&proxy->random, (uint64_t)rules->jitter_ms + 1);
    if (happens(proxy, rules->hold_permille)) {
        ms += rules->hold_ms;
        proxy->counts.held++;
    }
    return (uint64_t)ms * NS_PER_MS;
}

/* Not before the piece ahead of it, and not faster than the slow link permits. */
static void queue(struct flowing *flow, const char *bytes, size_t size, uint64_t due_ns, bool last)
{
    struct piece *piece = berth_alloc(sizeof(*piece) + size);
    int64_t rate = flow->pair->proxy->rules.rate;

    if (due_ns < flow->free_ns)
        due_ns = flow->free_ns;
    if (rate > 0)
        due_ns += size * UINT64_C(1000000000) / (uint64_t)rate;
    flow->free_ns = due_ns;
    piece->due_ns = due_ns;
    piece->last = last;
    piece->size = size;
    memcpy(piece->bytes, bytes, size);
    list_append(&flow->pieces, &piece->node);
    flow->waiting += size;
}

static void take_chunk(struct flowing *flow, const char *bytes, size_t size)
{
    struct proxy *proxy = flow->pair->proxy;
    size_t split = proxy->rules.split > 0 ? (size_t)proxy->rules.split : size;
    uint64_t due_ns = uv_hrtime() + delay_ns(proxy);
    bool torn = happens(proxy, proxy->rules.truncate_permille);

    proxy->counts.chunks++;
    proxy->counts.bytes += (int64_t)size;
    if (torn) {
        proxy->counts.torn++;
        size = 1 + (size_t)random_below(&proxy->random, size);
    }
    for (size_t at = 0; at < size; at += split) {
        size_t part = size - at < split ? size - at : split;

        queue(flow, bytes + at, part, due_ns, torn && at + part == size);
    }
    flow_on(flow);
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    struct pair *pair = handle->data;

    (void)wanted;
    *ret = uv_buf_init(pair->buffer, sizeof(pair->buffer));
}

static void heard(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct pair *pair = stream->data;
    struct flowing *flow =
        &pair->flows[stream == &pair->ends[PROXY_UP].stream ? PROXY_UP : PROXY_DOWN];

    if (size > 0) {
        take_chunk(flow, buffer->base, (size_t)size);
        if (flow->waiting > WAITING_MAX && !pair->closing) {
            (void)uv_read_stop(stream);
            flow->reading = false;
        }
    } else if (size == UV_EOF) {
        flow->ended = true;
        flow_on(flow);
    } else if (size < 0 && !pair->proxy->rules.frozen[flow->direction]) {
        close_pair(pair, true);
    }
}

/* ---- new connections ---- */

static void connected(uv_connect_t *connect, int status)
{
    struct pair *pair = container_of(connect, struct pair, connect);

    if (pair->closing)
        return;
    if (status < 0) {
        close_pair(pair, true);
        return;
    }
    if (!pair->proxy->target.local)
        (void)uv_tcp_nodelay(&pair->ends[PROXY_DOWN].tcp, 1);
    for (int direction = 0; direction < PROXY_DIRECTIONS; direction++)
        read_on(&pair->flows[direction]);
}

static int init_stream(struct pair *pair, union stream *stream, bool local)
{
    uv_loop_t *loop = &pair->proxy->loop;
    int r = local ? uv_pipe_init(loop, &stream->pipe, 0) : uv_tcp_init(loop, &stream->tcp);

    stream->handle.data = pair;
    pair->handles++;
    return r;
}

static int lead_on(struct pair *pair)
{
    struct proxy_place *target = &pair->proxy->target;
    union stream *there = &pair->ends[PROXY_DOWN];

    if (target->local) {
        uv_pipe_connect(&pair->connect, &there->pipe, target->path, connected);
        return 0;
    }
    return uv_tcp_connect(&pair->connect, &there->tcp, (const struct sockaddr *)&target->at,
                          connected);
}

void proxy_take(struct proxy *proxy, uv_stream_t *listener, bool local)
{
    struct pair *pair = berth_new(struct pair);
    int r;

    pair->proxy = proxy;
    proxy->counts.connections++;
    proxy->open++;
    list_append(&proxy->pairs, &pair->node);
    for (int direction = 0; direction < PROXY_DIRECTIONS; direction++) {
        struct flowing *flow = &pair->flows[direction];

        flow->pair = pair;
        flow->direction = (enum proxy_direction)direction;
        list_init(&flow->pieces);
        (void)uv_timer_init(&proxy->loop, &flow->timer);
        flow->timer.data = pair;
        pair->handles++;
    }
    r = init_stream(pair, &pair->ends[PROXY_UP], local);
    if (r == 0)
        r = init_stream(pair, &pair->ends[PROXY_DOWN], proxy->target.local);
    if (r == 0)
        r = uv_accept(listener, &pair->ends[PROXY_UP].stream);
    if (r == 0 && !local)
        (void)uv_tcp_nodelay(&pair->ends[PROXY_UP].tcp, 1);
    if (r < 0 || proxy->rules.refuse) {
        proxy->counts.refused++;
        close_pair(pair, true);
    } else if (proxy->rules.swallow) {
        proxy->counts.swallowed++;
    } else if (lead_on(pair) < 0) {
        close_pair(pair, true);
    }
}

void proxy_reset_all(struct proxy *proxy)
{
    list_each (&proxy->pairs, node)
        close_pair(list_entry(node, struct pair, node), true);
}

void proxy_thaw(struct proxy *proxy)
{
    list_each (&proxy->pairs, node) {
        struct pair *pair = list_entry(node, struct pair, node);

        for (int direction = 0; direction < PROXY_DIRECTIONS; direction++)
            flow_on(&pair->flows[direction]);
    }
}
