/* log_upload.c - collect the logs and upload them, one chunk per acknowledgement. */
#include "flow/log_upload.h"

#include <stdio.h>

#include "berth/base64.h"

/* Its Base64 fills upload_chunk.data of messages.def, less the NUL. */
#define CHUNK_BYTES 12288
#define ACK_MS 30000

static flow_begin_fn collect, begin, send_chunk;

enum { COLLECT, BEGIN, SEND_CHUNK };

/* clang-format off */
static const struct flow_step log_upload_steps[] = {
    /*               name       begin       finish undo  limit/ms     true when it is behind us                      */
    [COLLECT]    = { "collect", collect,    NULL,  NULL, 30000 },  /* the logs are in memory                         */
    [BEGIN]      = { "begin",   begin,      NULL,  NULL, 0 },      /* upload_begin was sent                          */
    [SEND_CHUNK] = { "chunk",   send_chunk, NULL,  NULL, ACK_MS }, /* a chunk was acknowledged; repeated for the next */
};
/* clang-format on */

static struct agent_flow *agent_of(struct flow *flow)
{
    return container_of(flow, struct agent_flow, log_upload.flow);
}

static int collect(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);

    return flow_await(flow, device_logs_begin(agent->device, &agent->log_upload.logs, &flow->op));
}

static int begin(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    struct log_upload *upload = &agent->log_upload;
    struct msg msg;

    agent_flow_init_message(agent, &msg, MSG_upload_begin);
    msg.upload_begin.command_id = upload->command_id;
    msg.upload_begin.size = (int64_t)upload->logs.size;
    (void)snprintf(msg.upload_begin.name, sizeof(msg.upload_begin.name), "%.40s-logs.txt",
                   agent->terminal.name);
    copy_text(msg.upload_begin.sha256, upload->logs.sha256);
    upload->ack.ref = msg.ref;
    upload->sent = 0;
    if (!agent_flow_send(agent, &msg))
        return flow_fail(flow, BERTH_E_IO, "the link to the broker was lost");
    return SEND_CHUNK;
}

static int send_chunk(struct flow *flow)
{
    struct agent_flow *agent = agent_of(flow);
    struct log_upload *upload = &agent->log_upload;
    size_t left = upload->logs.size - upload->sent;
    size_t size = left < CHUNK_BYTES ? left : CHUNK_BYTES;
    struct msg msg;
    int r;

    if (left == 0)
        return FLOW_DONE; /* every chunk was acknowledged */
    agent_flow_init_message(agent, &msg, MSG_upload_chunk);
    msg.upload_chunk.command_id = upload->command_id;
    msg.upload_chunk.offset = (int64_t)upload->sent;
    base64_encode(upload->logs.data + upload->sent, size, msg.upload_chunk.data);
    upload->sent += size;
    r = event_wait_begin(&upload->ack, &flow->op);
    (void)agent_flow_send(agent, &msg);
    return flow_await_then(flow, r, SEND_CHUNK);
}

static void log_upload_ended(struct flow *flow, const struct berth_error *error)
{
    struct agent_flow *agent = agent_of(flow);
    struct log_upload *upload = &agent->log_upload;
    struct op *op = berth_take(upload->op);

    upload->running = false;
    berth_wipe_free(upload->logs.data, upload->logs.size);
    upload->logs = (struct device_logs){ 0 };
    if (op)
        op_complete(op, error->code ? error->code : (int)upload->sent, error);
}

const struct flow_kind log_upload_kind = {
    .name = "logs",
    .steps = log_upload_steps,
    .count = BERTH_COUNT(log_upload_steps),
    .ended = log_upload_ended,
};

static void log_upload_cancelled(struct op *op)
{
    struct agent_flow *agent = op->handle;

    agent->log_upload.op = NULL;
    flow_cancel(&agent->log_upload.flow, BERTH_E_CANCELLED, "the agent stops");
}

int log_upload_begin(struct agent_flow *agent, uint64_t command_id, struct op *op)
{
    struct log_upload *upload = &agent->log_upload;

    upload->running = true;
    upload->op = op;
    upload->command_id = command_id;
    flow_start(&agent->engine, &upload->flow, &log_upload_kind, "administrator");
    return op_begun(op, log_upload_cancelled, agent);
}

void log_upload_link_lost(struct agent_flow *agent, const struct berth_error *why)
{
    if (agent->log_upload.running)
        flow_cancel(&agent->log_upload.flow, BERTH_E_CANCELLED, "%s", why->text);
}

void log_upload_ack(struct agent_flow *agent, const struct msg *msg)
{
    struct log_upload *upload = &agent->log_upload;

    /* Acknowledgements of upload_begin or of an earlier command do not trigger a chunk. */
    if (msg->upload_ack.command_id == upload->command_id &&
        msg->upload_ack.offset == (int64_t)upload->sent)
        (void)event_wait_end(&upload->ack, 0, NULL);
}
