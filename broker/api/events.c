/* events.c - server-sent events that can be resumed.
 *
 * Durable changes are read from the store's feed, never taken from the core's notices, so that each
 * has its own rev and a client that resumes misses nothing. One reader (the tail) serves all live
 * streams; a stream that resumes reads its own pages until it has caught up. Observed facts
 * (desktops, hosts, presence) are sent as they happen and cannot be resumed: they have no id.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "berth/log.h"

#include "api/table/value.h"

#include "api_internal.h"

#define PAGE 200
/* Bytes that may wait for a slow reader before its stream is closed. */
#define QUEUE_MAX ((size_t)256 * 1024)
#define RETRY_MS 3000
#define HEARTBEAT_SWEEPS 3 /* sweeps of 5 s between heartbeats */
#define BLOCK 4096

struct stream {
    struct list node;
    struct api *api;
    struct MHD_Connection *connection; /* NULL when it was closed */
    int descriptor;
    struct caller caller;
    uid_t uid; /* at the Unix socket without a token */
    bool suspended;
    bool ended;   /* it ends without further events */
    bool last;    /* it ends after the queued bytes */
    bool follows; /* live: served by the tail; else it reads its own pages */
    int64_t sent_rev;
    char *queue;
    size_t queued, capacity;
    struct op op;
    struct store_page page;
};

static void stream_read(struct stream *stream);

static void stream_free(struct stream *stream)
{
    free(stream->queue);
    free(stream);
}

/* ---- sending ---- */

static void stream_wake(struct stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    MHD_resume_connection(stream->connection);
    http_server_schedule(stream->api);
}

void events_end(struct stream *stream)
{
    stream->ended = true;
    free(berth_take(stream->queue));
    stream->queued = stream->capacity = 0;
    stream_wake(stream);
}

/* May the caller still see events? Its rights may have expired. */
static bool still_holds(struct stream *stream)
{
    if (!stream->ended && !caller_holds(stream->api, &stream->caller))
        events_end(stream);
    return !stream->ended;
}

/* A client that does not keep up is closed; it may reconnect and resume. */
static void drop_slow(struct stream *stream)
{
    log_event(EV_API_REFUSED, "reason", "a client did not read its stream of events", "queued",
              (int64_t)stream->queued);
    stream->api->dropped_slow++;
    (void)shutdown(stream->descriptor, SHUT_RDWR);
    events_end(stream);
}

static void stream_put(struct stream *stream, const char *text, size_t size)
{
    if (!stream->connection || stream->ended || stream->last || size == 0)
        return;
    if (stream->queued + size > QUEUE_MAX) {
        drop_slow(stream);
        return;
    }
    if (!stream->queue || stream->queued + size > stream->capacity) {
        stream->capacity = (stream->queued + size) * 2;
        stream->queue = (char *)berth_realloc(stream->queue, stream->capacity);
    }
    memcpy(stream->queue + stream->queued, text, size);
    stream->queued += size;
    stream_wake(stream);
}

static ssize_t read_queue(void *context, uint64_t position, char *out, size_t max)
{
    struct stream *stream = (struct stream *)context;
    size_t size = stream->queued < max ? stream->queued : max;

    (void)position;
    if (stream->ended || (stream->last && size == 0))
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (size == 0) {
        MHD_suspend_connection(stream->connection);
        stream->suspended = true;
        return 0;
    }
    memcpy(out, stream->queue, size);
    memmove(stream->queue, stream->queue + size, stream->queued - size);
    stream->queued -= size;
    if (stream->queued == 0) { /* free the buffer while idle */
        free(berth_take(stream->queue));
        stream->capacity = 0;
    }
    return (ssize_t)size;
}

struct MHD_Response *events_response(struct stream *stream)
{
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_queue, stream, NULL);
}

/* ---- durable changes ---- */

/* Changes of admins and tokens are sent only to callers that may list them. */
static bool may_receive(const struct stream *stream, enum entity_kind kind)
{
    bool keys = kind == ENTITY_admin || kind == ENTITY_token;

    return !keys || (FOR_AUDIT & ROLE_BIT(stream->caller.actor.role));
}

/* The feed contains the fields that operators may see; remove those that this caller may not. */
static void strip_fields(json_t *row, const struct record *record, unsigned see)
{
    for (size_t i = 0; i < record->count; i++)
        if (!(record->fields[i].see & see))
            (void)json_object_del(row, record->fields[i].name);
}

static void send_item(struct stream *stream, json_t *item)
{
    const char *entity = json_string_value(json_object_get(item, "entity"));
    int64_t rev = json_integer_value(json_object_get(item, "rev"));
    enum entity_kind kind = entity ? entity_kind_of(entity) : ENTITY_NONE;
    json_t *shown;
    char *text;
    char head[64];

    if (rev <= stream->sent_rev)
        return;
    stream->sent_rev = rev;
    if (kind == ENTITY_NONE || !may_receive(stream, kind) || !still_holds(stream))
        return;
    shown = json_deep_copy(item);
    strip_fields(json_object_get(shown, "row"), entity_row(kind)->record, stream->caller.see);
    text = json_text(shown);
    json_decref(shown);
    stream_put(
        stream, head,
        (size_t)snprintf(head, sizeof(head), "id: %lld\nevent: change\ndata: ", (long long)rev));
    stream_put(stream, text, strlen(text));
    stream_put(stream, "\n\n", 2);
    free(text);
    stream->api->events_sent++;
}

static void send_reset(struct stream *stream, int64_t rev)
{
    char text[96];

    stream->sent_rev = rev;
    stream_put(stream, text,
               (size_t)snprintf(text, sizeof(text),
                                "id: %lld\nevent: reset\ndata: {\"rev\":%lld}\n\n", (long long)rev,
                                (long long)rev));
}

/* ---- catching up ---- */

static void page_read(struct op *op, int result)
{
    struct stream *stream = container_of(op, struct stream, op);
    json_t *items = berth_take(stream->page.items);
    size_t count = result < 0 || !stream->connection ? 0 : json_array_size(items);

    for (size_t i = 0; i < count; i++)
        send_item(stream, json_array_get(items, i));
    json_decref(items);
    if (!stream->connection) { /* the client disconnected meanwhile */
        stream_free(stream);
        return;
    }
    if (result == BERTH_E_NOT_FOUND)
        send_reset(stream, stream->api->tail_rev);
    else if (result < 0)
        stream->ended = true; /* the client may reconnect and resume */
    if (stream->ended)
        stream_wake(stream);
    else if (stream->sent_rev >= stream->api->tail_rev)
        stream->follows = true;
    else
        stream_read(stream);
}

static void stream_read(struct stream *stream)
{
    op_init(&stream->op, &stream->api->loop->timers, page_read);
    if (store_feed_begin(stream->api->context->store, stream->sent_rev, PAGE, &stream->page,
                         &stream->op) < 0) {
        stream->ended = true;
        stream_wake(stream);
    }
}

/* ---- the tail ---- */

/* Separate from struct api, because a read may complete after it was freed. */
struct tail {
    struct api *api; /* NULL when the API was freed */
    struct op op;
    struct store_page page;
};

static void tail_read(struct api *api);

static void tail_send(struct api *api, int result, const json_t *items)
{
    if (result == BERTH_E_NOT_FOUND)
        api->tail_rev = (int64_t)api->context->core->rev;
    list_each (&api->streams, node) {
        struct stream *stream = list_entry(node, struct stream, node);

        if (!stream->follows)
            continue;
        if (result == BERTH_E_NOT_FOUND)
            send_reset(stream, api->tail_rev);
        for (size_t i = 0; result >= 0 && i < json_array_size(items); i++)
            send_item(stream, json_array_get(items, i));
    }
}

static void tail_page_read(struct op *op, int result)
{
    struct tail *tail = container_of(op, struct tail, op);
    struct api *api = tail->api;
    json_t *items = berth_take(tail->page.items);

    if (api)
        tail_send(api, result, items);
    json_decref(items);
    if (!api) {
        free(tail);
        return;
    }
    /* After a failure the next change or heartbeat tries again. */
    if (result >= 0) {
        api->tail_rev = tail->page.last;
        tail_read(api);
    }
}

static void tail_read(struct api *api)
{
    struct tail *tail = api->tail;

    if (tail->op.in_flight || list_empty(&api->streams) ||
        (int64_t)api->context->core->rev <= api->tail_rev)
        return;
    if (store_feed_begin(api->context->store, api->tail_rev, PAGE, &tail->page, &tail->op) < 0)
        log_failure(EV_API_REFUSED, &tail->op.error, "reading the feed");
}

static void tail_end(struct api *api)
{
    struct tail *tail = berth_take(api->tail);

    if (!tail)
        return;
    tail->api = NULL;
    if (tail->op.in_flight && tail->op.cancel)
        op_cancel(&tail->op);
    if (!tail->op.in_flight)
        free(tail);
}

/* ---- observed facts ---- */

static void send_observed(struct stream *stream, const struct record *record, const void *view,
                          enum entity_kind kind, uint64_t id)
{
    static const char head[] = "event: observed\ndata: ";
    json_t *json;
    char *text;

    if (!still_holds(stream))
        return;
    json =
        json_pack("{s:s, s:I, s:s, s:o}", "entity", entity_row(kind)->name, "id", (json_int_t)id,
                  "verb", "observed", "runtime", record_encode(record, view, stream->caller.see));
    text = json_text(json);
    stream_put(stream, head, sizeof(head) - 1);
    stream_put(stream, text, strlen(text));
    stream_put(stream, "\n\n", 2);
    free(text);
    json_decref(json);
    stream->api->events_sent++;
}

static void publish_observed(struct api *api, const struct notice *notice)
{
    const struct record *record = collection_runtime(notice->entity);
    struct entity *entity = core_find(api->context->core, notice->entity, notice->id);
    void *view;

    if (!record || !entity || list_empty(&api->streams))
        return;
    view = berth_alloc(record->size);
    if (row_runtime(api->context->core, entity, view)) {
        list_each (&api->streams, node) {
            send_observed(list_entry(node, struct stream, node), record, view, notice->entity,
                          notice->id);
        }
    }
    free(view);
}

static void on_notice(struct notice_listener *listener, const struct notice *notice)
{
    struct api *api = container_of(listener, struct api, notices);

    switch (notice->kind) {
    case NOTICE_CHANGED:
        if (notice->entity == ENTITY_admin)
            caller_sweep(api);
        if (notice->entity == ENTITY_admin || notice->entity == ENTITY_token)
            request_end_lost(api);
        tail_read(api);
        break;
    case NOTICE_OBSERVED:
        publish_observed(api, notice);
        break;
    case NOTICE_FREED:
    case NOTICE_DOUBTED:
        break;
    }
}

/* ---- shares ----
 *
 * Streams with a token and streams at the Unix socket have separate limits, so that tokens cannot
 * block root. Within each, a holder (administrator or uid) has a share, and its newest stream
 * replaces its oldest: a program that leaves streams open does not even block itself.
 */

static bool at_socket(const struct caller *caller)
{
    return caller->admin_id == 0;
}

static bool same_holder(const struct stream *stream, const struct caller *caller, uid_t uid)
{
    return stream->caller.admin_id == caller->admin_id &&
           (!at_socket(caller) || stream->uid == uid);
}

struct holding {
    size_t count;
    struct stream *oldest;
};

/* Number of streams of this holder, without those that are ending. */
static struct holding holding_of(const struct api *api, const struct caller *caller, uid_t uid)
{
    struct holding holding = { 0 };

    list_each (&api->streams, node) {
        struct stream *stream = list_entry(node, struct stream, node);

        if (stream->ended || stream->last || !same_holder(stream, caller, uid))
            continue;
        if (!holding.oldest)
            holding.oldest = stream;
        holding.count++;
    }
    return holding;
}

/* A stream of the holder with the most streams on this side; *ret_all: number of all streams. */
static struct holding largest_holding(const struct api *api, bool socket, size_t *ret_all)
{
    struct holding largest = { 0 };

    *ret_all = 0;
    list_each (&api->streams, node) {
        const struct stream *stream = list_entry(node, struct stream, node);
        struct holding holding;

        if (stream->ended || stream->last || at_socket(&stream->caller) != socket)
            continue;
        ++*ret_all;
        holding = holding_of(api, &stream->caller, stream->uid);
        if (holding.count > largest.count)
            largest = holding;
    }
    return largest;
}

/* Send the reason, because a client would reconnect after an end without one. A stream that has
 * unread data is just closed. */
static void replace(struct stream *stream, const char *by)
{
    static const char why[] = ": ended: a newer stream of '%s' took its place; close streams that "
                              "you do not need\n\n";
    char text[sizeof(why) + sizeof(stream->caller.actor.name)];

    log_event(EV_API_REFUSED, "verb", "events", "who", stream->caller.actor.name, "reason",
              "replaced by a newer stream of events");
    if (stream->queued > 0) {
        events_end(stream);
        return;
    }
    stream_put(stream, text, (size_t)snprintf(text, sizeof(text), why, by));
    stream->last = true;
}

/* Make room for one more stream of the caller. Errors: BUSY. */
static int make_room(const struct request *request, struct berth_error *reterr)
{
    const struct api *api = request->api;
    struct holding own = holding_of(api, &request->caller, request->client->uid);
    size_t all;
    struct holding largest = largest_holding(api, at_socket(&request->caller), &all);

    if (own.count < STREAMS_OF_ONE && all < STREAMS_MAX)
        return 0;
    if (own.count < STREAMS_OF_ONE && largest.count > own.count + 1)
        replace(largest.oldest, request->caller.actor.name);
    else if (own.oldest)
        replace(own.oldest, request->caller.actor.name);
    else
        return berth_fail(reterr, BERTH_E_BUSY,
                          "%d administrators already have a stream of events each; try again when "
                          "one of them has ended",
                          STREAMS_MAX);
    return 0;
}

/* ---- begin and end ---- */

/* Where to resume: the header, which browsers send automatically, has precedence over the
 * parameter. */
static int resume_after(struct request *request, int64_t *ret, bool *ret_given,
                        struct berth_error *reterr)
{
    const struct verb_events *in = request->params;
    const char *header =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Last-Event-ID");
    uint64_t number;

    *ret = in->after;
    *ret_given = in->after > 0;
    if (!header || !*header)
        return 0;
    if (!value_is_number(header, &number))
        return berth_fail(reterr, BERTH_E_INVALID, "Last-Event-ID must be a rev");
    *ret = (int64_t)number;
    *ret_given = true;
    return 0;
}

int do_events(struct request *request, struct berth_error *reterr)
{
    struct api *api = request->api;
    struct stream *stream;
    char hello[64];
    int64_t after;
    bool resume;
    int r = resume_after(request, &after, &resume, reterr);

    if (r == 0)
        r = make_room(request, reterr);
    if (r < 0)
        return r;
    if (list_empty(&api->streams) && !api->tail->op.in_flight)
        api->tail_rev = (int64_t)api->context->core->rev;

    stream = berth_new(struct stream);
    *stream = (struct stream){ .api = api,
                               .connection = request->connection,
                               .descriptor = request->client->descriptor,
                               .caller = request->caller,
                               .uid = request->client->uid,
                               .sent_rev = resume ? after : (int64_t)api->context->core->rev,
                               .follows = !resume };
    list_append(&api->streams, &stream->node);
    api->streams_count++;
    stream_put(stream, hello,
               (size_t)snprintf(hello, sizeof(hello), ": berth\nretry: %d\n\n", RETRY_MS));
    request->answer.stream = stream;
    request->answer.status = MHD_HTTP_OK;
    request->answer.type = "text/event-stream";
    if (resume)
        stream_read(stream);
    return 0;
}

void events_leave(struct stream *stream)
{
    list_remove(&stream->node);
    if (stream->api)
        stream->api->streams_count--;
    stream->connection = NULL;
    if (stream->op.in_flight && stream->op.cancel)
        op_cancel(&stream->op);
    if (!stream->op.in_flight)
        stream_free(stream);
}

void events_heartbeat(struct api *api)
{
    if (++api->heartbeats % HEARTBEAT_SWEEPS != 0)
        return;
    list_each (&api->streams, node)
        stream_put(list_entry(node, struct stream, node), ":\n\n", 3);
    tail_read(api);
}

void events_start(struct api *api)
{
    api->tail = berth_new(struct tail);
    api->tail->api = api;
    op_init(&api->tail->op, &api->loop->timers, tail_page_read);
    api->notices.notify = on_notice;
    core_listen(api->context->core, &api->notices);
}

void events_stop(struct api *api)
{
    list_remove(&api->notices.node);
    tail_end(api);
    list_each (&api->streams, node) {
        struct stream *stream = list_entry(node, struct stream, node);

        stream->ended = true;
        stream_wake(stream);
    }
}
