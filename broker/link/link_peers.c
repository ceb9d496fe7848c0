/* link_peers.c - what the core sends to a peer, and how it closes one. */
#include <string.h>

#include "berth/log.h"

#include "flow/context.h"

#include "link_internal.h"

struct link_peer *link_peer_of(struct link *link, uint64_t id)
{
    return map_get_id(&link->peers, id);
}

/* Joining is one request and one answer: close the connection after the answer. */
static bool is_final_answer(const struct link_peer *peer, const struct msg *msg)
{
    if (!peer->joining)
        return false;
    return msg->type == MSG_joined || msg->type == MSG_join_wait ||
           (msg->type == MSG_refused && strcmp(msg->refused.about, msg_row(MSG_join)->name) == 0);
}

void link_tell(void *handle, uint64_t peer_id, const struct msg *msg)
{
    struct link *link = handle;
    struct link_peer *peer = link_peer_of(link, peer_id);
    const struct msg_row *row = msg_row(msg->type);

    if (!peer || peer->closing)
        return;
    if (!(row->direction & DOWN) || !(row->in & context_peer_state(link->context, peer_id))) {
        struct berth_error error = { 0 };

        (void)berth_fail(&error, BERTH_E_INTERNAL,
                         "message '%s' is not permitted in the state of this peer", row->name);
        log_failure(EV_MESSAGE_REFUSED, &error, "link");
        return;
    }
    if (msg->type == MSG_presence_unknown)
        peer->lapsed = true;
    down_tell(&link->io_threads[peer->io_number], peer_id, msg);
    if (is_final_answer(peer, msg)) {
        peer->closing = true;
        down_hang_up(&link->io_threads[peer->io_number], peer_id, BERTH_OK, "it was answered");
    }
}

/* Send the reason before closing, so that the agent can show it. */
static void send_reason(struct link *link, struct link_peer *peer, int code, const char *why)
{
    struct berth_error error = { .code = code };
    struct msg msg berth_unset;

    berth_text(error.text, sizeof(error.text), "%s", why);
    msg_refuse(&msg, "connection", 0, &error, 0);
    down_tell(&link->io_threads[peer->io_number], peer->id, &msg);
}

/* ---- known addresses of terminals ---- */

static bool is_terminal_at(const struct link_peer *peer, const char *address)
{
    return peer->admitted && !peer->closing && !peer->joining &&
           strcmp(peer->address, address) == 0;
}

/* A terminal at this address was revoked or replaced: the address becomes unknown, unless another
 * terminal uses it. */
static void maybe_distrust(struct link *link, const char *address)
{
    for (size_t i = 0; i < link->peers.capacity; i++) {
        const struct link_peer *peer =
            link->peers.slots[i].hash ? link->peers.slots[i].value : NULL;

        if (peer && is_terminal_at(peer, address))
            return;
    }
    admission_distrust(link->shared.terminals, address);
    admission_distrust(link->shared.joining, address);
}

void link_hang_up(void *handle, uint64_t peer_id, int code, const char *why)
{
    struct link *link = handle;
    struct link_peer *peer = link_peer_of(link, peer_id);

    if (!peer || peer->closing)
        return;
    peer->closing = true;
    send_reason(link, peer, code, why);
    down_hang_up(&link->io_threads[peer->io_number], peer_id, code, why);
    if (code == BERTH_E_REVOKED && peer->admitted && !peer->joining)
        maybe_distrust(link, peer->address);
}
