/* uplink_tls.c - resolve the broker's name, try its addresses in turn, exchange frames over TLS. */
#include "link/uplink_tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "berth/frame.h"
#include "berth/log.h"
#include "berth/tls.h"

#define ALPN_LINK "berth/1"
#define ALPN_JOIN "berth-join/1"
/* Limit for each address, within the flow's limit of 15 s for the dial. */
#define HANDSHAKE_MS 10000
/* TCP_USER_TIMEOUT: the network is down when data is not acknowledged for this long. */
#define USER_TIMEOUT_MS 15000

/* A name may have several addresses, the first of which may be unreachable: "localhost" is ::1. */
#define ADDRESSES_MAX 8
#define ADDRESS_SIZE 64

/* One connection. A new dial drops it; it is freed when its stream is closed. */
struct uplink_connection {
    struct tls_peer peer;
    struct frame_reader reader;
    struct uplink *uplink; /* NULL: dropped */
};

struct uplink {
    struct berth_loop *loop;
    const struct uplink_events *events;
    void *owner;
    struct uplink_connection *connection; /* dialling or open */
    SSL_CTX *context;
    uv_getaddrinfo_t *resolving;
    enum uplink_listener listener;
    int port;
    struct op *op;                               /* of the dial */
    char addresses[ADDRESSES_MAX][ADDRESS_SIZE]; /* of the name that is dialled */
    size_t addresses_known, addresses_tried;
    struct berth_error error; /* of the addresses that were tried: note_failure */
};

/* Complete the dial, if one is in flight. */
static bool answer(struct uplink *uplink, int result, const struct berth_error *error)
{
    struct op *op = berth_take(uplink->op);

    if (!op)
        return false;
    op_complete(op, result, error);
    return true;
}

/* ---- frames ---- */

static int handle_frame(void *context, const char *frame, size_t size)
{
    struct uplink_connection *connection = context;
    struct msg msg;
    int r;

    if (!connection->uplink)
        return BERTH_E_CANCELLED;
    r = msg_decode(frame, size, DOWN, &msg, &connection->peer.error);
    if (r < 0) {
        /* A newer broker may send messages that this agent does not know: skip them. */
        log_failure(EV_MESSAGE_REFUSED, &connection->peer.error, "from the broker");
        connection->peer.error = (struct berth_error){ 0 };
        return 0;
    }
    connection->uplink->events->message(connection->uplink->owner, &msg);
    msg_wipe(&msg);
    return connection->uplink ? 0 : BERTH_E_CANCELLED;
}

static bool connection_open(struct tls_peer *peer)
{
    struct uplink_connection *connection = container_of(peer, struct uplink_connection, peer);
    const unsigned timeout_ms = USER_TIMEOUT_MS;
    uv_os_fd_t descriptor;

    if (!connection->uplink)
        return false;
    if (uv_fileno((const uv_handle_t *)&peer->tcp, &descriptor) == 0)
        (void)setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
                         sizeof(timeout_ms));
    (void)answer(connection->uplink, 0, NULL);
    return connection->uplink != NULL;
}

static int connection_bytes(struct tls_peer *peer, const void *bytes, size_t size)
{
    struct uplink_connection *connection = container_of(peer, struct uplink_connection, peer);

    return frame_feed(&connection->reader, bytes, size, handle_frame, connection, &peer->error);
}

static void try_next(struct uplink *uplink);

/* Keep the most useful error: one from a server that answered rather than "cannot connect". */
static void note_failure(struct uplink *uplink, const struct berth_error *error)
{
    if (uplink->error.code == 0 || uplink->error.code == BERTH_E_IO)
        uplink->error = *error;
}

static void connection_closed(struct tls_peer *peer, const struct berth_error *why)
{
    struct uplink_connection *connection = container_of(peer, struct uplink_connection, peer);
    struct uplink *uplink = connection->uplink;
    struct berth_error error = *why;

    if (error.code == 0)
        (void)berth_fail(&error, BERTH_E_IO, "the broker closed the connection");
    if (uplink)
        uplink->connection = NULL;
    frame_reader_free(&connection->reader);
    free(connection);
    if (!uplink)
        return;
    if (uplink->op) {
        note_failure(uplink, &error);
        try_next(uplink);
    } else {
        uplink->events->lost(uplink->owner, &error);
    }
}

static const struct tls_events connection_events = {
    .open = connection_open,
    .bytes = connection_bytes,
    .closed = connection_closed,
};

/* ---- dialling ---- */

/* Drop the connection and the name lookup, if there are any. */
static void drop_connection(struct uplink *uplink)
{
    struct uplink_connection *connection = berth_take(uplink->connection);

    if (uplink->resolving) {
        uplink->resolving->data = NULL;
        (void)uv_cancel((uv_req_t *)uplink->resolving);
        uplink->resolving = NULL;
    }
    if (connection) {
        connection->uplink = NULL;
        tls_close(&connection->peer, BERTH_E_CANCELLED, "dropped");
    }
    SSL_CTX_free(berth_take(uplink->context));
}

static void dial_cancelled(struct op *op)
{
    struct uplink *uplink = op->handle;

    uplink->op = NULL;
    drop_connection(uplink);
}

static int connect_to(struct uplink *uplink, const char *address, struct berth_error *reterr)
{
    struct uplink_connection *connection = berth_new(struct uplink_connection);
    int r;

    connection->uplink = uplink;
    frame_reader_init(&connection->reader,
                      uplink->listener == UPLINK_JOIN ? FRAME_MAX_JOINING : FRAME_MAX);
    uplink->connection = connection;
    r = tls_connect(uplink->loop, uplink->context,
                    &(struct tls_target){ address, uplink->port, HANDSHAKE_MS, NULL },
                    &connection_events, &connection->peer, reterr);
    if (r == 0)
        return 0;
    uplink->connection = NULL;
    frame_reader_free(&connection->reader);
    free(connection);
    return r;
}

static void try_next(struct uplink *uplink)
{
    struct berth_error error;

    while (uplink->addresses_tried < uplink->addresses_known) {
        error = (struct berth_error){ 0 };
        if (connect_to(uplink, uplink->addresses[uplink->addresses_tried++], &error) == 0)
            return;
        note_failure(uplink, &error);
    }
    error = uplink->error;
    drop_connection(uplink);
    (void)answer(uplink, error.code, &error);
}

static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct uplink *uplink = request->data;

    free(request);
    if (uplink) {
        uplink->resolving = NULL;
        for (struct addrinfo *at = found; at && uplink->addresses_known < ADDRESSES_MAX;
             at = at->ai_next)
            if (uv_ip_name(at->ai_addr, uplink->addresses[uplink->addresses_known], ADDRESS_SIZE) ==
                0)
                uplink->addresses_known++;
        if (!uplink->addresses_known)
            (void)berth_fail(&uplink->error, BERTH_E_NOT_FOUND,
                             "the broker's name cannot be resolved: %s",
                             status < 0 ? uv_strerror(status) : "no address");
        try_next(uplink);
    }
    uv_freeaddrinfo(found);
}

static int resolve(struct uplink *uplink, const char *host, struct berth_error *reterr)
{
    static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    uv_getaddrinfo_t *request = berth_new(uv_getaddrinfo_t);
    int r;

    request->data = uplink;
    r = uv_getaddrinfo(&uplink->loop->uv, request, resolved, host, NULL, &hints);
    if (r < 0) {
        free(request);
        return berth_fail(reterr, BERTH_E_IO, "'%s': %s", host, uv_strerror(r));
    }
    uplink->resolving = request;
    return 0;
}

static bool is_numeric(const char *host)
{
    struct sockaddr_storage scratch;

    return uv_ip4_addr(host, 0, (struct sockaddr_in *)&scratch) == 0 ||
           uv_ip6_addr(host, 0, (struct sockaddr_in6 *)&scratch) == 0;
}

int uplink_dial_begin(struct uplink *uplink, const struct uplink_target *target, struct op *op)
{
    const bool join = target->listener == UPLINK_JOIN;
    const struct tls_setup setup = {
        .side = TLS_CLIENT,
        .certificate = join ? NULL : target->certificate,
        .key = join ? NULL : target->key,
        .authority = join ? NULL : target->authority,
        .authority_hash = join ? target->authority_hash : NULL,
        .alpn = join ? ALPN_JOIN : ALPN_LINK,
        .now_ms = target->now_ms,
    };
    int r;

    drop_connection(uplink);
    uplink->context = tls_context(&setup, &op->error);
    if (!uplink->context)
        return op->error.code;
    uplink->listener = target->listener;
    uplink->port = target->port;
    uplink->addresses_known = uplink->addresses_tried = 0;
    uplink->error = (struct berth_error){ 0 };
    r = is_numeric(target->host) ? connect_to(uplink, target->host, &op->error)
                                 : resolve(uplink, target->host, &op->error);
    if (r < 0)
        return r;
    uplink->op = op;
    return op_begun(op, dial_cancelled, uplink);
}

/* ---- the port ---- */

struct uplink *uplink_new(struct berth_loop *loop)
{
    struct uplink *uplink = berth_new(struct uplink);

    uplink->loop = loop;
    return uplink;
}

void uplink_free(struct uplink *uplink)
{
    drop_connection(uplink);
    free(uplink);
}

void uplink_set_events(struct uplink *uplink, const struct uplink_events *events, void *owner)
{
    uplink->events = events;
    uplink->owner = owner;
}

int uplink_send(struct uplink *uplink, const struct msg *msg, struct berth_error *reterr)
{
    char *text;
    char *frame;
    size_t size;
    int r;

    if (!uplink_is_open(uplink))
        return berth_fail(reterr, BERTH_E_STATE, "not connected to the broker");
    text = msg_encode(msg, &size);
    frame = berth_alloc(FRAME_HEADER + size); /* one record, one packet */
    frame_header((unsigned char *)frame, size);
    memcpy(frame + FRAME_HEADER, text, size);
    berth_wipe_free(text, size);
    r = tls_write(&uplink->connection->peer, frame, FRAME_HEADER + size);
    berth_wipe_free(frame, FRAME_HEADER + size);
    if (r < 0)
        return berth_fail(reterr, r, "%s was not sent", msg_row(msg->type)->name);
    return 0;
}

void uplink_close(struct uplink *uplink)
{
    drop_connection(uplink);
}

bool uplink_is_open(const struct uplink *uplink)
{
    return uplink->connection && uplink->connection->peer.open && !uplink->connection->peer.closing;
}
