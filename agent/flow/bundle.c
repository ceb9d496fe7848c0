/* bundle.c - see bundle.h. */
#include "flow/bundle.h"

#include <stdio.h>

#include "berth/base64.h"

#include "flow/orders.h"

/* Base64 of it fills upload_chunk.data of messages.def but for its NUL. */
#define CHUNK 12288
#define ACK_MS 30000

static flow_step_fn collect, begin, chunk, stored;

enum { COLLECT, BEGIN, CHUNK_, STORED };

/* clang-format off */
static const struct flow_step bundle_steps[] = {
    /*             name        step      undo  limit/ms    true when it is behind us           */
    [COLLECT] = { "collect", collect, NULL, 30000 },  /* the logs are in memory                */
    [BEGIN]   = { "begin",   begin,   NULL, 0 },      /* the broker knows what comes           */
    [CHUNK_]  = { "chunk",   chunk,   NULL, ACK_MS }, /* a piece was acknowledged; again       */
    [STORED]  = { "stored",  stored,  NULL, 0 },      /* the broker has the whole              */
};
/* clang-format on */

static struct station *station_of(struct flow *flow)
{
    return container_of(flow, struct station, bundle.flow);
}

static int collect(struct flow *flow)
{
    struct station *station = station_of(flow);

    return flow_await(flow, device_logs_begin(station->device, &station->bundle.logs, &flow->op),
                      BEGIN);
}

static int begin(struct flow *flow)
{
    struct station *station = station_of(flow);
    struct bundle *bundle = &station->bundle;
    struct msg msg;

    station_message(station, &msg, MSG_upload_begin);
    msg.upload_begin.command_id = bundle->command_id;
    msg.upload_begin.size = (int64_t)bundle->logs.size;
    (void)snprintf(msg.upload_begin.name, sizeof(msg.upload_begin.name), "%.40s-logs.txt",
                   station->terminal.name);
    (void)snprintf(msg.upload_begin.sha256, sizeof(msg.upload_begin.sha256), "%s", bundle->logs.sha256);
    bundle->ack.ref = msg.ref;
    bundle->sent = 0;
    if (!station_send(station, &msg))
        return flow_fail(flow, BERTH_E_IO, "the broker went away");
    return CHUNK_;
}

static int chunk(struct flow *flow)
{
    struct station *station = station_of(flow);
    struct bundle *bundle = &station->bundle;
    size_t left = bundle->logs.size - bundle->sent;
    size_t size = left < CHUNK ? left : CHUNK;
    struct msg msg;
    int r;

    if (left == 0)
        return STORED;
    station_message(station, &msg, MSG_upload_chunk);
    msg.upload_chunk.command_id = bundle->command_id;
    msg.upload_chunk.offset = (int64_t)bundle->sent;
    base64_encode(bundle->logs.data + bundle->sent, size, msg.upload_chunk.data);
    bundle->sent += size;
    r = awaited_begin(&bundle->ack, &flow->op);
    (void)station_send(station, &msg);
    return flow_await(flow, r, CHUNK_);
}

static int stored(struct flow *flow)
{
    (void)flow;
    return FLOW_DONE;
}

static void bundle_ended(struct flow *flow, const struct berth_error *error)
{
    struct station *station = station_of(flow);
    struct bundle *bundle = &station->bundle;
    char text[80];

    bundle->running = false;
    (void)snprintf(text, sizeof(text), "%zu bytes were sent", bundle->logs.size);
    berth_wipe_free(bundle->logs.data, bundle->logs.size);
    bundle->logs = (struct device_logs){ 0 };
    if (!station->stopping)
        orders_ended(station, bundle->command_id, error, text);
}

const struct flow_kind bundle_kind = {
    .name = "logs",
    .steps = bundle_steps,
    .count = BERTH_COUNT(bundle_steps),
    .ended = bundle_ended,
};

void bundle_begin(struct station *station, uint64_t command_id)
{
    struct bundle *bundle = &station->bundle;
    struct berth_error error = { 0 };

    if (bundle->running) {
        (void)berth_fail(&error, BERTH_E_BUSY, "logs are being sent already");
        orders_ended(station, command_id, &error, "");
        return;
    }
    bundle->running = true;
    bundle->command_id = command_id;
    flow_start(&station->engine, &bundle->flow, &bundle_kind, "administrator");
}

void bundle_link_lost(struct station *station, const struct berth_error *why)
{
    if (station->bundle.running)
        flow_cancel(&station->bundle.flow, BERTH_E_CANCELLED, "%s", why->text);
}

void bundle_stop(struct station *station)
{
    if (station->bundle.running)
        flow_cancel(&station->bundle.flow, BERTH_E_CANCELLED, "the agent stops");
}

void bundle_ack(struct station *station, const struct msg *msg)
{
    struct bundle *bundle = &station->bundle;

    /* An acknowledgement of the beginning, or of an earlier command, asks for nothing. */
    if (msg->upload_ack.command_id == bundle->command_id &&
        msg->upload_ack.offset == (int64_t)bundle->sent)
        (void)awaited_end(&bundle->ack, 0, NULL);
}

void bundle_refused(struct station *station, const struct msg_refused *refused)
{
    struct berth_error error = { 0 };
    int code = berth_error_code(refused->code);

    (void)berth_fail(&error, code ? code : BERTH_E_DENIED, "%s", refused->text);
    (void)awaited_end(&station->bundle.ack, error.code, &error);
}
