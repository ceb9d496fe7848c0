/* dispatch.c - pass the messages of peers to their handlers, if permitted in the peer's state.
 *
 * messages.def says in which states a message is permitted.
 */
#include <stdio.h>

#include "berth/log.h"

#include "flow/terminal_handlers.h"

#include "link_internal.h"

/* How long a refused peer should wait when the same request may succeed later. */
#define RETRY_MS 2000

typedef void link_handler_fn(struct link *link, struct link_peer *peer, const struct msg *msg);

static void on_upload_begin(struct link *link, struct link_peer *peer, const struct msg *msg);
static void on_upload_chunk(struct link *link, struct link_peer *peer, const struct msg *msg);

/* Messages that the link handles itself; flow/terminal_handlers.h takes the others. */
static link_handler_fn *const handlers[MSG_TYPES] = {
    [MSG_upload_begin] = on_upload_begin, [MSG_upload_chunk] = on_upload_chunk
};

static const char *state_name(unsigned in)
{
    if (in == IN_JOINING)
        return "joining";
    return in == IN_OPEN ? "not announced" : "present";
}

static void answer_refused(struct link *link, struct link_peer *peer, const char *about,
                           uint64_t ref, const struct berth_error *error)
{
    struct msg answer berth_unset;

    msg_refuse(&answer, about, ref, error, RETRY_MS);
    link_tell(link, peer->id, &answer);
}

/* Is it an error that a correct agent never causes, whatever its user does? */
static bool is_fault(int code)
{
    return code == BERTH_E_PROTOCOL || code == BERTH_E_INVALID || code == BERTH_E_STATE;
}

void link_refuse(struct link *link, struct link_peer *peer, const char *about, uint64_t ref,
                 const struct berth_error *error)
{
    link->messages_refused++;
    log_event(EV_MESSAGE_REFUSED, "from", peer->address, "terminal",
              context_terminal_name(link->context, peer->id), "about", about, "error",
              berth_error_row(error->code)->symbol, "reason", berth_error_text(error));
    answer_refused(link, peer, about, ref, error);
    if (is_fault(error->code) && ++peer->faults >= FAULTS_MAX)
        link_hang_up(link, peer->id, BERTH_E_PROTOCOL,
                     "too many messages that are malformed or not permitted");
}

void link_dispatch(struct link *link, struct link_peer *peer, const struct msg *msg)
{
    const struct msg_row *row = msg_row(msg->type);
    unsigned in = context_peer_state(link->context, peer->id);
    struct berth_error error = { 0 };

    if (!(row->in & in)) {
        (void)berth_fail(&error, BERTH_E_STATE, "'%s' is not permitted while %s", row->name,
                         state_name(in));
        /* Messages sent before presence_unknown arrived are not a fault of the terminal. */
        if (peer->lapsed && (row->in & IN_PRESENT))
            answer_refused(link, peer, row->name, msg->ref, &error);
        else
            link_refuse(link, peer, row->name, msg->ref, &error);
    } else if (handlers[msg->type]) {
        handlers[msg->type](link, peer, msg);
    } else if (!handle_message(link->context, peer->id, msg)) {
        (void)berth_fail(&error, BERTH_E_PROTOCOL, "message type '%s' is not handled by the broker",
                         row->name);
        link_refuse(link, peer, row->name, msg->ref, &error);
    }
}

/* ---- log uploads ---- */

static void upload_progress(void *context, uint64_t peer_id, uint64_t ref, uint64_t command_id,
                            int64_t offset, bool over, const struct berth_error *error)
{
    struct link *link = context;
    struct link_peer *peer = link_peer_of(link, peer_id);
    struct msg *answer;

    if (!peer)
        return;
    if (over)
        peer->upload = NULL;
    if (error->code != 0) {
        link_refuse(link, peer, "upload_chunk", ref, error);
        return;
    }
    answer = berth_new(struct msg);
    answer->type = MSG_upload_ack;
    answer->ref = ref;
    answer->upload_ack.command_id = command_id;
    answer->upload_ack.offset = offset;
    link_tell(link, peer_id, answer);
    free(answer);
}

static void on_upload_begin(struct link *link, struct link_peer *peer, const struct msg *msg)
{
    struct berth_error error = { 0 };
    char terminal[64];
    int r = terminal_may_upload(link->context, peer->id, msg->upload_begin.command_id, terminal,
                                &error);

    if (r == 0) {
        /* A new upload cancels the earlier one. */
        upload_drop(berth_take(peer->upload));
        r = upload_new(link->uploads, &msg->upload_begin, peer->id, upload_progress, link,
                       &peer->upload, &error);
    }
    if (r < 0) {
        link_refuse(link, peer, "upload_begin", msg->ref, &error);
        return;
    }
    upload_progress(link, peer->id, msg->ref, msg->upload_begin.command_id, 0, false, &error);
}

static void on_upload_chunk(struct link *link, struct link_peer *peer, const struct msg *msg)
{
    struct berth_error error = { 0 };
    int r;

    if (!peer->upload)
        r = berth_fail(&error, BERTH_E_STATE, "upload_chunk without upload_begin");
    else
        r = upload_add(peer->upload, msg->ref, &msg->upload_chunk, &error);
    if (r < 0) {
        upload_drop(berth_take(peer->upload));
        link_refuse(link, peer, "upload_chunk", msg->ref, &error);
    }
}
