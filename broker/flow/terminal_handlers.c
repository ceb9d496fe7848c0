/* terminal_handlers.c - peers, presence, and the handlers of messages that need no file of their
 * own. */
#include "flow/terminal_handlers.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/index.h"
#include "core/presence.h"
#include "flow/command.h"
#include "flow/keys.h"
#include "flow/limits.h"
#include "flow/profile.h"
#include "flow/release.h"
#include "flow/session_detach.h"
#include "flow/sign_on.h"

/* How long a connection stays open when the end of its certificate is not known. */
#define EXPIRY_UNKNOWN_MS 86400000

/* ---- peers come and go ---- */

static void expired(struct berth_timer *timer);

/* How long the connection may stay open from now. Elapsed time counts: if the wall clock were set,
 * all connections might end at once. */
static void await_expiry(struct peer *peer, const struct identity *identity, int64_t left_ms)
{
    peer->not_after_ms = identity->row.not_after_ms;
    timer_start(peer->context->timers, &peer->expiry, left_ms, expired);
}

static void expired(struct berth_timer *timer)
{
    struct peer *peer = container_of(timer, struct peer, expiry);
    struct context *context = peer->context;
    const struct identity *identity = identity_find(context->core, peer->identity_id);

    /* The certificate was renewed with the same key. */
    if (identity && identity->row.not_after_ms > peer->not_after_ms)
        await_expiry(peer, identity, identity->row.not_after_ms - peer->not_after_ms);
    else
        context->hang_up(context->link, peer->id, BERTH_E_CERTIFICATE,
                         "the certificate of this connection expired");
}

/* The handshake has just checked the certificate itself; a row that ended earlier is from a backup
 * that is older than the renewal. */
static int64_t certificate_left_ms(const struct context *context, const struct identity *identity)
{
    int64_t left_ms = identity->row.not_after_ms - context->timers->wall_ms;

    return left_ms > 0 ? left_ms : EXPIRY_UNKNOWN_MS;
}

static int admit_terminal(struct context *context, uint64_t id, const char *address,
                          const struct identity *identity, struct berth_error *reterr)
{
    struct terminal *terminal;
    struct peer *peer;
    uint64_t older;
    int r;

    if (context->stopping)
        return berth_fail(reterr, BERTH_E_CLOSING, "the broker is stopping");
    r = key_may(context, identity, KEY_CONNECT, reterr);
    if (r < 0)
        return r;
    assert(identity); /* key_may refuses an unknown key, */
    terminal = terminal_find(context->core, identity->row.terminal_id);
    assert(terminal); /* and one whose terminal is gone */
    if (terminal->row.state == terminal_WAITING)
        return berth_fail(reterr, BERTH_E_WAITING, "terminal '%s' waits for approval",
                          terminal->row.name);
    peer = context_peer_add(context, id, address);
    peer->terminal_id = terminal->row.id;
    peer->identity_id = identity->row.id;
    await_expiry(peer, identity, certificate_left_ms(context, identity));
    older = terminal->peer;
    terminal->peer = id;
    copy_text(terminal->from, address);
    presence_link(terminal->presence, true);
    keys_used(context, terminal, identity->row.id);
    log_event(EV_PEER_OPENED, "terminal", terminal->row.name, "from", address);
    if (older) {
        sign_on_abort(terminal, "the terminal connected again");
        context->hang_up(context->link, older, BERTH_E_SUPERSEDED,
                         "a newer connection of this terminal took its place");
    }
    return 0;
}

int terminal_opened(struct context *context, uint64_t id, const char *address, const char *key_hash,
                    struct berth_error *reterr)
{
    const struct identity *identity = identity_by_key(context->core, key_hash);
    uint64_t terminal_id = identity ? identity->row.terminal_id : 0;
    int r = admit_terminal(context, id, address, identity, reterr);

    context_note_peer(context, r < 0 ? history_peer_event_REFUSED : history_peer_event_OPENED,
                      terminal_id, 0, key_hash);
    return r;
}

static void note_closed(struct context *context, const struct peer *peer)
{
    const struct identity *identity = identity_find(context->core, peer->identity_id);

    context_note_peer(context, history_peer_event_CLOSED, peer->terminal_id, 0,
                      identity ? identity->row.key_hash : NULL);
}

void terminal_closed(struct context *context, uint64_t id, const char *why)
{
    struct peer *peer = context_peer_take(context, id);
    struct terminal *terminal;

    if (!peer)
        return;
    note_closed(context, peer);
    terminal = terminal_find(context->core, peer->terminal_id);
    if (peer->flow)
        flow_cancel(peer->flow, BERTH_E_CANCELLED, "the connection ended");
    context_peer_free(peer);
    if (!terminal || terminal->peer != id)
        return; /* a newer connection has replaced it */
    log_event(EV_PEER_CLOSED, "terminal", terminal->row.name, "why", why);
    terminal->peer = 0;
    presence_link(terminal->presence, false);
    sign_on_abort(terminal, why);
}

int joiner_opened(struct context *context, uint64_t id, const char *address,
                  struct berth_error *reterr)
{
    if (context->stopping)
        return berth_fail(reterr, BERTH_E_CLOSING, "the broker is stopping");
    (void)context_peer_add(context, id, address);
    return 0;
}

void joiner_closed(struct context *context, uint64_t id)
{
    struct peer *peer = context_peer_take(context, id);

    if (!peer)
        return;
    if (peer->flow)
        flow_cancel(peer->flow, BERTH_E_CANCELLED, "the connection ended");
    context_peer_free(peer);
}

/* ---- presence ---- */

static void tell_granted(struct context *context, const struct terminal *terminal, uint64_t ref,
                         const struct presence_grant *grant)
{
    struct msg msg berth_unset;

    msg_init(&msg, MSG_granted);
    msg.ref = ref;
    copy_text(msg.granted.presence_id, grant->id);
    msg.granted.presence_expires_in_ms = grant->expires_in_ms;
    msg.granted.renew_after_ms = grant->renew_after_ms;
    msg.granted.reconnect_spread_ms = grant->reconnect_spread_ms;
    msg.granted.server_time_ms = context->timers->wall_ms;
    msg.granted.incarnation = context->core->incarnation;
    copy_text(msg.granted.terminal, terminal->row.name);
    context_tell(context, terminal->peer, &msg);
}

static void tell_unknown(struct context *context, const struct terminal *terminal, uint64_t ref)
{
    const struct msg msg = { .type = MSG_presence_unknown, .ref = ref };

    context_tell(context, terminal->peer, &msg);
}

static void handle_announce(struct context *context, struct terminal *terminal,
                            const struct msg *msg)
{
    const struct msg_announce *said = &msg->announce;
    struct presence_grant grant;

    (void)presence_announce(terminal->presence, said->want_expires_in_ms, said->resume_presence_id,
                            &grant);
    tell_granted(context, terminal, msg->ref, &grant);
    session_check_shown(context, terminal, said);
    profile_announced(context, terminal, said->profile_version);
    command_send_waiting(context, terminal);
}

static void handle_renew(struct context *context, struct terminal *terminal, const struct msg *msg)
{
    const struct msg_renew *said = &msg->renew;
    const struct connection *connection;
    struct presence_grant grant;
    struct session *session;

    switch (presence_renew(terminal->presence, said->presence_id, said->seq,
                           said->want_expires_in_ms, &grant)) {
    case PRESENCE_UNKNOWN:
        tell_unknown(context, terminal, msg->ref);
        return;
    case PRESENCE_IGNORED:
        return;
    case PRESENCE_GRANTED:
        break;
    }
    tell_granted(context, terminal, msg->ref, &grant);
    presence_screen(terminal->presence, said->screen, said->input_idle_ms);
    connection = connection_at(context->core, terminal->row.id);
    session = connection ? session_find(context->core, connection->row.session_id) : NULL;
    if (session)
        limits_idle(context, session, said->input_idle_ms);
}

static void handle_bye(struct context *context, struct terminal *terminal, const struct msg *msg)
{
    if (presence_bye(terminal->presence, msg->bye.presence_id, msg->bye.seq) == PRESENCE_UNKNOWN)
        tell_unknown(context, terminal, msg->ref);
}

/* ---- signing on and off ---- */

/* A terminal that refers to what is not its own missed a change, or is malicious: refuse, and log
 * it.
 */
static void refuse_and_log(struct context *context, const struct terminal *terminal,
                           const struct msg *about, const struct berth_error *error)
{
    log_event(EV_MESSAGE_REFUSED, "terminal", terminal->row.name, "about",
              msg_row(about->type)->name, "error", berth_error_row(error->code)->symbol, "reason",
              berth_error_text(error));
    context_note_peer(context, history_peer_event_REFUSED, terminal->row.id, 0, NULL);
    context_refuse(context, terminal->peer, msg_row(about->type)->name, about->ref, error,
                   REFUSED_RETRY_MS);
}

static void handle_sign_on(struct context *context, struct terminal *terminal,
                           const struct msg *msg)
{
    struct berth_error error = { 0 };

    if (context->stopping) {
        (void)berth_fail(&error, BERTH_E_CLOSING,
                         "The broker is being restarted; try again in a moment");
        context_refuse(context, terminal->peer, "sign_on", msg->ref, &error, REFUSED_RETRY_MS);
        return;
    }
    context_note_peer(context, history_peer_event_ACTED, terminal->row.id, terminal->row.id, NULL);
    sign_on_start(context, terminal, msg->ref, &msg->sign_on);
}

static void handle_sign_on_cancel(berth_unused struct context *context, struct terminal *terminal,
                                  berth_unused const struct msg *msg)
{
    sign_on_abort(terminal, "the person cancelled it");
}

/* Is the connection another terminal's? Connections that have ended are not found, so late reports
 * about them are not a protocol violation. */
static bool is_anothers(struct context *context, const struct terminal *terminal,
                        uint64_t connection_id)
{
    const struct connection *connection = connection_find(context->core, connection_id);

    return connection && connection->row.terminal_id != terminal->row.id;
}

static void handle_viewer(struct context *context, struct terminal *terminal, const struct msg *msg)
{
    struct berth_error error = { 0 };

    if (is_anothers(context, terminal, msg->viewer.connection_id)) {
        (void)berth_fail(&error, BERTH_E_DENIED, "connection %llu is another terminal's",
                         (unsigned long long)msg->viewer.connection_id);
        refuse_and_log(context, terminal, msg, &error);
        return;
    }
    session_viewer_state(context, terminal, &msg->viewer);
}

/* The session with this epoch that is shown at the terminal; NULL when there is none: the refusal
 * is sent. */
static struct session *shown(struct context *context, const struct terminal *terminal,
                             const struct msg *msg, uint64_t session_id, int64_t epoch)
{
    struct session *session = session_of_claim(context, terminal, session_id, epoch);
    struct berth_error error = { 0 };

    if (session)
        return session;
    (void)berth_fail(&error, BERTH_E_STATE, "This session is not shown here any more");
    refuse_and_log(context, terminal, msg, &error);
    return NULL;
}

static void handle_sign_off(struct context *context, struct terminal *terminal,
                            const struct msg *msg)
{
    const struct session *session;
    const struct user *user;
    struct ending ending = { .action = "session.sign_off",
                             .reason = "signed-off",
                             .why = "You have signed off",
                             .role = "user" };

    session = shown(context, terminal, msg, msg->sign_off.session_id, msg->sign_off.epoch);
    if (!session)
        return;
    user = user_find(context->core, session->row.user_id);
    ending.actor = user ? user->row.name : "?";
    context_note_peer(context, history_peer_event_ACTED, terminal->row.id, session->row.terminal_id,
                      NULL);
    session_end_retried(context, session->row.id, &ending);
}

static void handle_disconnect(struct context *context, struct terminal *terminal,
                              const struct msg *msg)
{
    struct session *session;

    session = shown(context, terminal, msg, msg->disconnect.session_id, msg->disconnect.epoch);
    if (!session)
        return;
    context_note_peer(context, history_peer_event_ACTED, terminal->row.id, session->row.terminal_id,
                      NULL);
    /* Also when its viewer ended first: the terminal must not resume it without its user. */
    session_detach_retried(context, session, "disconnected",
                           "Its user left the terminal; the session goes on");
}

/* ---- which handler ---- */

/* clang-format off */
static terminal_handler_fn *const handlers[MSG_TYPES] = {
    [MSG_announce]        = handle_announce,
    [MSG_renew]           = handle_renew,
    [MSG_bye]             = handle_bye,
    [MSG_sign_on]         = handle_sign_on,
    [MSG_sign_on_cancel]  = handle_sign_on_cancel,
    [MSG_viewer]          = handle_viewer,
    [MSG_sign_off]        = handle_sign_off,
    [MSG_disconnect]      = handle_disconnect,
    [MSG_profile_applied] = handle_profile_applied,
    [MSG_command_state]   = handle_command_state,
};
/* clang-format on */

bool handle_message(struct context *context, uint64_t peer, const struct msg *msg)
{
    struct terminal *terminal = context_terminal(context, peer);

    if (msg->type == MSG_join)
        join_start(context, peer, msg);
    else if (msg->type == MSG_renew_certificate)
        certificate_renewal_start(context, peer, msg);
    else if (!handlers[msg->type])
        return false;
    else if (terminal)
        handlers[msg->type](context, terminal, msg);
    return true;
}

/* ---- central management ---- */

int terminal_may_upload(struct context *context, uint64_t peer, uint64_t command_id, char *ret_name,
                        struct berth_error *reterr)
{
    const struct terminal *terminal = context_terminal(context, peer);
    const struct command *command = command_find(context->core, command_id);

    if (!terminal || !command || command->row.terminal_id != terminal->row.id)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no command %llu for this terminal",
                          (unsigned long long)command_id);
    if (command->row.kind != command_kind_LOGS ||
        (command->row.state != command_SENT && command->row.state != command_ACKED))
        return berth_fail(reterr, BERTH_E_STATE, "command %llu does not ask for a file",
                          (unsigned long long)command_id);
    berth_copy_text(ret_name, 64, terminal->row.name);
    return 0;
}
