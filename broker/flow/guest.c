/* guest.c - the flow that asks a guest for the state of its session. */
#include "flow/guest.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"
#include "berth/wait.h"

#include "flow/release.h"

struct question {
    struct flow flow;
    struct context *context;
    uint64_t session_id;
    int64_t epoch;
    int asked;
    struct virt_args args;
    struct virt_result result;
    struct delay delay;
};

static flow_begin_fn wait_delay, ask;
static flow_finish_fn judge;

enum { WAIT_DELAY, ASK, STEPS };

/* clang-format off */
static const struct flow_step steps[STEPS] = {
    /*               name    begin       finish undo  limit/ms       true after it */
    [WAIT_DELAY] = { "wait", wait_delay, NULL,  NULL, 10000 },       /* the guest had time to notice */
    [ASK]        = { "ask",  ask,        judge, NULL, FLOW_QUEUED }, /* its answer is known */
};
/* clang-format on */

/* Delays before each question, after the viewer's end. */
static const int64_t delays_ms[] = { 500, 1500, 4000 };

static struct question *question_of(struct flow *flow)
{
    return container_of(flow, struct question, flow);
}

/* The session, while it has the same claim and is not being signed on to or ended; else NULL. */
static struct session *session_of(const struct question *question)
{
    struct session *session = session_find(question->context->core, question->session_id);

    if (!session || session->row.epoch != question->epoch ||
        (session->row.state != session_DISCONNECTED && session->row.state != session_ACTIVE))
        return NULL;
    return session;
}

static int wait_delay(struct flow *flow)
{
    struct question *question = question_of(flow);

    return flow_await(flow, delay_begin(&question->delay, delays_ms[question->asked++], &flow->op));
}

static int ask(struct flow *flow)
{
    struct question *question = question_of(flow);
    const struct session *session = session_of(question);
    const struct desktop *desktop =
        session ? desktop_find(question->context->core, session->row.desktop_id) : NULL;

    if (!desktop)
        return FLOW_DONE;
    copy_text(question->args.uuid, desktop->row.uuid);
    return flow_await(flow,
                      virt_begin(question->context->virt, desktop->row.host_id, VIRT_guest_state,
                                 &question->args, &question->result, &flow->op));
}

static int judge(struct flow *flow)
{
    struct question *question = question_of(flow);
    const struct session *session = session_of(question);
    const struct ending ending = { .action = "session.guest_ended",
                                   .reason = "signed-off",
                                   .why = "The session was signed off inside the desktop",
                                   .actor = "broker",
                                   .role = "broker",
                                   .epoch = question->epoch };

    if (!session || flow->op.result < 0)
        return FLOW_DONE; /* a guest that cannot be asked keeps its session until a limit */
    if (strncmp(question->result.text, "ended", 5) == 0) {
        session_end_retried(question->context, session->row.id, &ending);
        return FLOW_DONE;
    }
    return question->asked < (int)BERTH_COUNT(delays_ms) ? WAIT_DELAY : FLOW_DONE;
}

static void ended(struct flow *flow, const struct berth_error *error)
{
    struct question *question = question_of(flow);

    if (error->code && error->code != BERTH_E_CLOSING)
        log_failure(EV_FLOW_FAILED, error, flow->who);
    free(question);
}

static const struct flow_kind question_kind = {
    .name = "ask-guest", .steps = steps, .count = STEPS, .ended = ended
};

void guest_ask(struct context *context, const struct session *session)
{
    const struct desktop *desktop = desktop_find(context->core, session->row.desktop_id);
    const struct host *host = desktop ? host_find(context->core, desktop->row.host_id) : NULL;
    struct question *question;
    char who[96];

    if (!host || !(host->capabilities & VIRT_CAN_AGENT) || context->stopping)
        return;
    question = berth_new(struct question);
    question->context = context;
    question->session_id = session->row.id;
    question->epoch = session->row.epoch;
    (void)snprintf(who, sizeof(who), "session %llu on %s", (unsigned long long)session->row.id,
                   desktop->row.name);
    flow_start(&context->engine, &question->flow, &question_kind, who);
}
