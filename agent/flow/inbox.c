/* inbox.c - see inbox.h. */
#include "flow/inbox.h"

#include <string.h>

#include "berth/log.h"

#include "flow/bundle.h"
#include "flow/join.h"
#include "flow/orders.h"
#include "flow/presence.h"
#include "flow/profile.h"
#include "flow/reach.h"
#include "flow/renewal.h"
#include "flow/showing.h"
#include "flow/sign_on.h"

typedef void inbox_fn(struct station *station, const struct msg *msg);
typedef void inbox_refused_fn(struct station *station, const struct msg_refused *refused);

#define AWAITED(member) offsetof(struct station, member)

/* Who asked, and where the answer is awaited. */
static const struct question {
    enum msg_type type;
    inbox_refused_fn *refused;
    size_t awaited;
    bool in_parts; /* the ref is that of the first part; those of later parts are higher */
} questions[] = {
    { MSG_join, join_refused, AWAITED(join.answer), false },
    { MSG_announce, reach_refused, AWAITED(reach.answer), false },
    { MSG_sign_on, sign_on_refused, AWAITED(sign_on.answer), false },
    { MSG_renew_certificate, renewal_refused, AWAITED(renewal.answer), false },
    { MSG_upload_begin, bundle_refused, AWAITED(bundle.ack), true },
    { MSG_upload_chunk, bundle_refused, AWAITED(bundle.ack), true },
};

/* What answers one question alone. A show (showing.c) and a grant (reach.c) also come unasked, a
 * upload_ack names its command. */
static const struct {
    enum msg_type answer, question;
} answers[] = {
    { MSG_joined, MSG_join },       { MSG_join_wait, MSG_join },
    { MSG_join_pending, MSG_join }, { MSG_progress, MSG_sign_on },
    { MSG_choose, MSG_sign_on },    { MSG_certificate, MSG_renew_certificate },
};

/* The question that such a message answers; NULL: none in particular. */
static const struct question *question_of(const struct msg *msg)
{
    const char *name = msg->type == MSG_refused ? msg->refused.about : "";

    for (size_t i = 0; i < BERTH_COUNT(answers); i++)
        if (answers[i].answer == msg->type)
            name = msg_row(answers[i].question)->name;
    for (size_t i = 0; i < BERTH_COUNT(questions); i++)
        if (strcmp(msg_row(questions[i].type)->name, name) == 0)
            return &questions[i];
    return NULL;
}

/* An answer to an earlier question - called off, or asked anew since - is none to the present one.
 */
static bool is_late(const struct station *station, const struct question *question, uint64_t ref)
{
    const struct awaited *awaited =
        (const struct awaited *)(const void *)((const char *)station + question->awaited);

    return question->in_parts ? ref < awaited->ref : ref != awaited->ref;
}

/* One line for each earlier question, however much is said of it. */
static void log_late(struct station *station, const struct msg *msg)
{
    if (msg->ref && msg->ref == station->late_ref)
        return;
    station->late_ref = msg->ref;
    log_event(EV_AGENT_REFUSED, "message", msg_row(msg->type)->name, "ref", msg->ref, "reason",
              "it does not answer the present question");
}

static void refused(struct station *station, const struct msg *msg)
{
    const struct msg_refused *no = &msg->refused;
    const struct question *question = question_of(msg);

    log_event(EV_AGENT_REFUSED, "about", no->about, "code", no->code, "text", no->text,
              "retry_after_ms", no->retry_after_ms);
    if (question) {
        question->refused(station, no);
        return;
    }
    /* A refusal of nothing in particular turns the whole terminal away: an unknown or revoked key.
     */
    if (awaited_is(&station->join.answer))
        join_refused(station, no);
    else
        reach_refused(station, no);
}

static inbox_fn *const handlers[MSG_TYPES] = {
    [MSG_joined] = join_joined,
    [MSG_join_wait] = join_must_wait,
    [MSG_join_pending] = join_pending,
    [MSG_granted] = reach_granted,
    [MSG_presence_unknown] = presence_unknown,
    [MSG_progress] = sign_on_progress,
    [MSG_choose] = sign_on_choose,
    [MSG_show] = showing_show,
    [MSG_hide] = showing_hide,
    [MSG_profile] = profile_take,
    [MSG_command] = orders_take,
    [MSG_upload_ack] = bundle_ack,
    [MSG_certificate] = renewal_certificate,
    [MSG_refused] = refused,
};

/* States in which the broker may say this to us; the same rule by which it refuses ours. */
static bool permitted(const struct station *station, enum msg_type type)
{
    unsigned in = IN_OPEN;

    if (station->join.running)
        in = IN_JOINING;
    else if (station->terminal.online || type == MSG_granted)
        in = IN_PRESENT | IN_OPEN;
    return (msg_row(type)->in & in) != 0;
}

void inbox_message(void *owner, const struct msg *msg)
{
    struct station *station = owner;
    const struct question *question;

    if (!handlers[msg->type] || !permitted(station, msg->type)) {
        log_event(EV_AGENT_REFUSED, "message", msg_row(msg->type)->name, "state",
                  agent_state_names[station->terminal.state]);
        return;
    }
    question = question_of(msg);
    if (question && is_late(station, question, msg->ref))
        log_late(station, msg);
    else
        handlers[msg->type](station, msg);
}
