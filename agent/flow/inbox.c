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

/* Who asked for what was refused. */
static const struct {
    enum msg_type about;
    inbox_refused_fn *handler;
} refusals[] = {
    { MSG_join, join_refused },         { MSG_announce, reach_refused },
    { MSG_sign_on, sign_on_refused },   { MSG_renew_certificate, renewal_refused },
    { MSG_blob_begin, bundle_refused }, { MSG_blob_chunk, bundle_refused },
};

static void refused(struct station *station, const struct msg *msg)
{
    const struct msg_refused *no = &msg->refused;

    log_event(EV_AGENT_REFUSED, "about", no->about, "code", no->code, "text", no->text,
              "retry_after_ms", no->retry_after_ms);
    for (size_t i = 0; i < BERTH_COUNT(refusals); i++) {
        if (strcmp(msg_row(refusals[i].about)->name, no->about) == 0) {
            refusals[i].handler(station, no);
            return;
        }
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
    [MSG_blob_ack] = bundle_ack,
    [MSG_certificate] = renewal_certificate,
    [MSG_refused] = refused,
};

/* States in which the broker may say this to us; the same rule by which it refuses ours. */
static bool permitted(const struct station *station, enum msg_type type)
{
    unsigned in = IN_OPEN;

    if (station->join.running)
        in = IN_JOINING;
    else if (station->seat.online || type == MSG_granted)
        in = IN_PRESENT | IN_OPEN;
    return (msg_row(type)->in & in) != 0;
}

void inbox_message(void *owner, const struct msg *msg)
{
    struct station *station = owner;

    if (!handlers[msg->type] || !permitted(station, msg->type)) {
        log_event(EV_AGENT_REFUSED, "message", msg_row(msg->type)->name, "state",
                  seat_state_names[station->seat.state]);
        return;
    }
    handlers[msg->type](station, msg);
}
