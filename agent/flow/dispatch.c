/* dispatch.c - the tables of handlers and of requests, and the check that an answer is current. */
#include "flow/dispatch.h"

#include <string.h>

#include "berth/log.h"

#include "flow/certificate_renewal.h"
#include "flow/commands.h"
#include "flow/dial.h"
#include "flow/join_request.h"
#include "flow/log_upload.h"
#include "flow/presence.h"
#include "flow/profile.h"
#include "flow/sign_on_request.h"
#include "flow/viewer_session.h"

typedef void message_handler_fn(struct agent_flow *agent, const struct msg *msg);

/* What follows from a refusal beside the end of the wait. code: of the refusal, 0 if unknown. False:
 * the wait does not end. */
typedef bool refusal_handler_fn(struct agent_flow *agent, const struct msg_refused *refused,
                                int code);

#define WAIT_OF(member) offsetof(struct agent_flow, member)

enum { REQUEST_JOIN, REQUEST_ANNOUNCE };

/* For each request to the broker: the handler of its refusal, or NULL, and the wait for its
 * answer. */
static const struct request {
    enum msg_type type;
    refusal_handler_fn *refused;
    size_t wait;
    bool in_parts; /* wait.ref is that of the first part; later parts have higher ones */
} requests[] = {
    [REQUEST_JOIN] = { MSG_join, join_request_refused, WAIT_OF(join.answer), false },
    [REQUEST_ANNOUNCE] = { MSG_announce, dial_refused, WAIT_OF(dial.answer), false },
    { MSG_sign_on, sign_on_request_refused, WAIT_OF(sign_on.answer), false },
    { MSG_renew_certificate, NULL, WAIT_OF(certificate_renewal.answer), false },
    { MSG_upload_begin, NULL, WAIT_OF(log_upload.ack), true },
    { MSG_upload_chunk, NULL, WAIT_OF(log_upload.ack), true },
};

/* Messages that only ever answer a request. A show (viewer_session.c) and a grant (dial.c) also
 * come unrequested; an upload_ack names its command.
 */
static const struct {
    enum msg_type answer, request;
} answers[] = {
    { MSG_joined, MSG_join },       { MSG_join_wait, MSG_join },
    { MSG_join_pending, MSG_join }, { MSG_progress, MSG_sign_on },
    { MSG_choose, MSG_sign_on },    { MSG_certificate, MSG_renew_certificate },
};

/* The request that the message answers or refuses; NULL: none in particular. */
static const struct request *request_of(const struct msg *msg)
{
    const char *name = msg->type == MSG_refused ? msg->refused.about : "";

    for (size_t i = 0; i < BERTH_COUNT(answers); i++)
        if (answers[i].answer == msg->type)
            name = msg_row(answers[i].request)->name;
    for (size_t i = 0; i < BERTH_COUNT(requests); i++)
        if (strcmp(msg_row(requests[i].type)->name, name) == 0)
            return &requests[i];
    return NULL;
}

static struct event_wait *wait_of(struct agent_flow *agent, const struct request *request)
{
    return (struct event_wait *)(void *)((char *)agent + request->wait);
}

/* Does the message answer an earlier request, one that was cancelled or repeated since? */
static bool is_late(struct agent_flow *agent, const struct request *request, uint64_t ref)
{
    const struct event_wait *wait = wait_of(agent, request);

    return request->in_parts ? ref < wait->ref : ref != wait->ref;
}

/* One line for each earlier request, however many messages answer it. */
static void log_late(struct agent_flow *agent, const struct msg *msg)
{
    if (msg->ref && msg->ref == agent->late_ref)
        return;
    agent->late_ref = msg->ref;
    log_event(EV_AGENT_REFUSED, "message", msg_row(msg->type)->name, "ref", msg->ref, "reason",
              "answers an earlier request");
}

static void refused(struct agent_flow *agent, const struct msg *msg)
{
    const struct msg_refused *refusal = &msg->refused;
    const struct request *request = request_of(msg);
    int code = berth_error_code(refusal->code);
    struct berth_error error = { 0 };

    log_event(EV_AGENT_REFUSED, "about", refusal->about, "code", refusal->code, "text",
              refusal->text, "retry_after_ms", refusal->retry_after_ms);
    /* A refusal that names no request refuses the terminal: its key is unknown or revoked. */
    if (!request)
        request =
            &requests[event_wait_active(&agent->join.answer) ? REQUEST_JOIN : REQUEST_ANNOUNCE];
    (void)berth_fail(&error, code ? code : BERTH_E_DENIED, "%s", refusal->text);
    if (!request->refused || request->refused(agent, refusal, code))
        (void)event_wait_end(wait_of(agent, request), error.code, &error);
}

static message_handler_fn *const handlers[MSG_TYPES] = {
    [MSG_joined] = join_request_joined,
    [MSG_join_wait] = join_request_wait,
    [MSG_join_pending] = join_request_pending,
    [MSG_granted] = dial_granted,
    [MSG_presence_unknown] = presence_unknown,
    [MSG_progress] = sign_on_request_progress,
    [MSG_choose] = sign_on_request_choose,
    [MSG_show] = viewer_session_show,
    [MSG_hide] = viewer_session_hide,
    [MSG_profile] = profile_received,
    [MSG_command] = commands_received,
    [MSG_upload_ack] = log_upload_ack,
    [MSG_certificate] = certificate_renewal_received,
    [MSG_refused] = refused,
};

/* May the broker send this message now? The same column of messages.def limits our messages. */
static bool permitted(const struct agent_flow *agent, enum msg_type type)
{
    unsigned in = IN_OPEN;

    if (agent->join.running)
        in = IN_JOINING;
    else if (agent->terminal.online || type == MSG_granted)
        in = IN_PRESENT | IN_OPEN;
    return (msg_row(type)->in & in) != 0;
}

void dispatch_broker_message(void *owner, const struct msg *msg)
{
    struct agent_flow *agent = owner;
    const struct request *request;

    if (!handlers[msg->type] || !permitted(agent, msg->type)) {
        log_event(EV_AGENT_REFUSED, "message", msg_row(msg->type)->name, "state",
                  agent_state_names[agent->terminal.state]);
        return;
    }
    request = request_of(msg);
    if (request && is_late(agent, request, msg->ref))
        log_late(agent, msg);
    else
        handlers[msg->type](agent, msg);
}
