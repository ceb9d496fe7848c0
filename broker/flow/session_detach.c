/* session_detach.c - decided and observed disconnects, and the reports of terminals about
 * viewers. */
#include "flow/session_detach.h"

#include <stdio.h>

#include "core/index.h"
#include "flow/decide.h"
#include "flow/guest.h"
#include "flow/hide.h"
#include "flow/resume.h"

/* ---- disconnecting ---- */

/* A decision, not an observation: the claim is void from now on, also when its terminal does not
 * hear of it and reports later that it shows the session. The slot's epoch rises first: a session
 * is never ahead of it.
 */
static int64_t void_claim(struct context *context, const struct session *session,
                          struct changes *changes)
{
    const struct slot *slot = slot_of(context->core, session->row.desktop_id, session->row.slot);
    struct row_slot *row;

    if (!slot)
        return session->row.epoch;
    row = changes_set(changes, ENTITY_slot, &slot->row);
    return ++row->epoch;
}

/* Put into `changes` that a session is disconnected by a decision. False when it is ending. */
static bool add_decided(struct context *context, struct session *session, const char *why,
                        struct changes *changes)
{
    struct connection *connection = connection_of(context->core, session->row.id);
    int64_t epoch = void_claim(context, session, changes);
    struct row_session *row;

    if (session->row.state == session_ENDING || session->row.state == session_ENDED)
        return false;
    if (connection &&
        connection_transition(connection, connection_ENDED, why, changes, NULL, NULL) < 0)
        return false;
    if (session->row.state == session_DISCONNECTED)
        row = changes_set(changes, ENTITY_session, &session->row);
    else if (session_transition(session, session_DISCONNECTED, why, changes, &row, NULL) < 0)
        return false;
    row->epoch = epoch;
    return true;
}

/* Put into `changes` what was observed: the session is disconnected, its connection has ended.
 * False when nothing changes. */
static bool add_observed(struct context *context, struct session *session, const char *why,
                         int64_t exit_code, struct changes *changes)
{
    struct connection *connection = connection_of(context->core, session->row.id);
    struct row_connection *row;
    bool any = false;

    if (connection &&
        connection_transition(connection, connection_ENDED, why, changes, &row, NULL) == 0) {
        row->exit_code = exit_code;
        any = true;
    }
    if (session->row.state != session_DISCONNECTED &&
        session_transition(session, session_DISCONNECTED, why, changes, NULL, NULL) == 0)
        any = true;
    return any;
}

static void describe(struct context *context, const struct session *session,
                     struct changes *changes)
{
    const struct desktop *desktop = desktop_find(context->core, session->row.desktop_id);

    changes_object(changes, "session %llu on desktop %s", (unsigned long long)session->row.id,
                   desktop ? desktop->row.name : "?");
    changes->audit.subject_user_id = session->row.user_id;
    changes->audit.terminal_id = session->row.terminal_id;
}

/* A disconnect that a caller waits for. */
struct detaching {
    struct retried_write write; /* id: the session */
    uint64_t terminal_id;
    struct row_session session;
    char action[48], actor[80], role[24];
    char reason[24];
};

static struct changes *detaching_changes(struct context *context, struct retried_write *write,
                                         struct berth_error *reterr)
{
    struct detaching *detaching = container_of(write, struct detaching, write);
    struct session *session = session_find(context->core, write->id);
    const struct connection *connection = connection_of(context->core, write->id);
    berth_cleanup(changes_freep) struct changes *changes = NULL;

    if (!session || session->row.state == session_ENDED) {
        (void)berth_fail(reterr, BERTH_E_NOT_FOUND, "there is no session %llu",
                         (unsigned long long)write->id);
        return NULL;
    }
    changes = changes_new(detaching->actor, detaching->role, detaching->action);
    describe(context, session, changes);
    changes_detail(changes, "%s", write->why);
    if (!(connection || resume_is_due(context, session)) ||
        !add_decided(context, session, write->why, changes)) {
        (void)berth_fail(reterr, BERTH_E_STATE, "session %llu is on no screen",
                         (unsigned long long)write->id);
        return NULL;
    }
    detaching->terminal_id = connection ? connection->row.terminal_id : session->row.terminal_id;
    detaching->session = session->row;
    return berth_take(changes);
}

static void detaching_done(struct context *context, struct retried_write *write,
                           const struct berth_error *error)
{
    const struct detaching *detaching = container_of(write, struct detaching, write);

    if (!error->code && detaching->terminal_id)
        session_hide(context, detaching->terminal_id, &detaching->session, detaching->reason,
                     write->why);
}

static const struct retried_write_kind detaching_kind = { .build = detaching_changes,
                                                          .done = detaching_done };

int session_detach(struct context *context, uint64_t session_id, const struct detach *detach,
                   struct op *op)
{
    struct detaching *detaching = berth_new(struct detaching);

    retried_write_init(&detaching->write, session_id, 0, detach->why);
    detaching->write.kind = &detaching_kind;
    copy_text(detaching->action, detach->action);
    copy_text(detaching->actor, detach->actor);
    copy_text(detaching->role, detach->role);
    copy_text(detaching->reason, detach->reason);
    return retried_write_begin(context, &detaching->write, op);
}

/* The end of a claim was observed. */
struct observed {
    struct retried_write write; /* id: the session; epoch: of the claim */
    int64_t exit_code;          /* of the viewer */
};

static struct changes *observed_changes(struct context *context, struct retried_write *write,
                                        berth_unused struct berth_error *reterr)
{
    const struct observed *observed = container_of(write, struct observed, write);
    struct session *session = session_find(context->core, write->id);
    berth_cleanup(changes_freep) struct changes *changes = NULL;

    if (!session || session->row.epoch != write->epoch || session->row.state == session_ENDED ||
        session->row.state == session_ENDING)
        return NULL;
    /* Its terminal came back before the disconnect could be written. */
    if (!session->detach_pending) {
        session->reattach_epoch = 0;
        return NULL;
    }
    changes = changes_new("broker", "broker", write->kind->action);
    describe(context, session, changes);
    changes_detail(changes, "%s", write->why);
    if (!add_observed(context, session, write->why, observed->exit_code, changes)) {
        session->detach_after_show = true;
        return NULL;
    }
    return berth_take(changes);
}

static const struct retried_write_kind observed_kind = { .action = "session.disconnected",
                                                         .build = observed_changes };

static void write_detach(struct context *context, struct session *session, const char *why,
                         int64_t exit_code)
{
    struct observed *observed = berth_new(struct observed);

    session->detach_pending = true;
    session->detach_after_show = false;
    session->reattach_epoch = 0;
    retried_write_init(&observed->write, session->row.id, session->row.epoch, why);
    observed->write.kind = &observed_kind;
    observed->exit_code = exit_code;
    retried_write_start(context, &observed->write);
}

/* Record that a connection ended: its terminal disappeared, or its viewer ended. Does not wait;
 * tried again until it is written. A session that was claimed again since is left alone. exit_code:
 * of the viewer.
 */
static void detach_observed(struct context *context, const struct connection *connection,
                            const char *why, int64_t exit_code)
{
    struct session *session = session_find(context->core, connection->row.session_id);

    if (session && session->row.epoch == connection->row.epoch)
        write_detach(context, session, why, exit_code);
}

static struct changes *detach_changes(struct context *context, struct retried_write *write,
                                      berth_unused struct berth_error *reterr)
{
    struct session *session = session_find(context->core, write->id);
    berth_cleanup(changes_freep) struct changes *changes = NULL;

    if (!session || session->row.epoch != write->epoch)
        return NULL;
    changes = changes_new("broker", "broker", write->kind->action);
    describe(context, session, changes);
    changes_detail(changes, "%s", write->why);
    return add_decided(context, session, write->why, changes) ? berth_take(changes) : NULL;
}

static const struct retried_write_kind detach_kind = { .action = "session.taken_off",
                                                       .build = detach_changes };

void session_detach_retried(struct context *context, struct session *session, const char *reason,
                            const char *why)
{
    struct retried_write *write = retried_write_new(session->row.id, session->row.epoch, why);

    write->kind = &detach_kind;
    if (session->row.terminal_id)
        session_hide(context, session->row.terminal_id, &session->row, reason, why);
    session->voided_epoch = session->row.epoch;
    retried_write_start(context, write);
}

void session_detach_all(struct context *context, uint64_t terminal_id, const char *why)
{
    list_each (index_list(context->core, CONNECTIONS_AT_TERMINAL, terminal_id), node) {
        detach_observed(context, index_at(CONNECTIONS_AT_TERMINAL, node, connection), why, 0);
    }
}

void session_force_disconnect(struct context *context, struct session *session, const char *why)
{
    if (session->flow && session->row.state != session_ENDING)
        flow_cancel(session->flow, BERTH_E_DENIED, "%s", why);
    session_detach_retried(context, session, "revoked", why);
}

/* ---- reports of terminals ---- */

struct session *session_of_claim(struct context *context, const struct terminal *terminal,
                                 uint64_t session_id, int64_t epoch)
{
    struct session *session = session_find(context->core, session_id);

    /* Its viewer may have ended just now: until it is claimed again, the session is still this
     * terminal's. */
    if (!session || session->row.epoch != epoch || session->row.state == session_ENDED ||
        session->row.terminal_id != terminal->row.id)
        return NULL;
    return session;
}

/* Is the end of this connection being written? */
static bool is_leaving(struct context *context, const struct connection *connection)
{
    const struct session *session = session_find(context->core, connection->row.session_id);

    return session && session->detach_pending && !session->flow;
}

/* A terminal shows a session that was recorded as disconnected. */
struct reattach {
    struct retried_write write; /* id: the session; epoch: of the claim */
    uint64_t terminal_id;
};

static struct changes *reattach_changes(struct context *context, struct retried_write *write,
                                        berth_unused struct berth_error *reterr)
{
    const struct reattach *reattach = container_of(write, struct reattach, write);
    struct session *session = session_find(context->core, write->id);
    const struct connection *here = connection_at(context->core, reattach->terminal_id);
    berth_cleanup(changes_freep) struct changes *changes = NULL;
    struct connection *connection;

    if (!session || session->row.epoch != write->epoch ||
        session->row.terminal_id != reattach->terminal_id)
        return NULL;
    if (session->detach_pending || session->row.state == session_ENDING ||
        session->row.state == session_ENDED)
        return NULL; /* it disconnected again, or has ended, before this was written */
    if (here && here->row.session_id != write->id && !is_leaving(context, here))
        return NULL; /* another user has signed on there meanwhile */
    connection = connection_of(context->core, write->id);
    if (session->row.state == session_ACTIVE && connection)
        return NULL;
    changes = changes_new("broker", "broker", write->kind->action);
    describe(context, session, changes);
    if (session->row.state != session_ACTIVE &&
        session_transition(session, session_ACTIVE, "its terminal shows it", changes, NULL, NULL) <
            0)
        return NULL;
    if (!connection) {
        const struct row_connection row = { .id = core_next_id(context->core),
                                            .session_id = session->row.id,
                                            .terminal_id = reattach->terminal_id,
                                            .epoch = session->row.epoch,
                                            .state = connection_ACTIVE,
                                            .started_ms = context->timers->wall_ms };

        changes_add(changes, ENTITY_connection, &row);
    }
    return berth_take(changes);
}

static const struct retried_write_kind reattach_kind = { .action = "session.shown",
                                                         .build = reattach_changes };

static void write_reattach(struct context *context, uint64_t session_id, uint64_t terminal_id,
                           int64_t epoch)
{
    struct reattach *reattach = berth_new(struct reattach);

    retried_write_init(&reattach->write, session_id, epoch, "");
    reattach->write.kind = &reattach_kind;
    reattach->terminal_id = terminal_id;
    retried_write_start(context, &reattach->write);
}

void session_check_shown(struct context *context, struct terminal *terminal,
                         const struct msg_announce *said)
{
    const struct row_session shown = { .id = said->session_id, .epoch = said->session_epoch };
    struct session *session = session_find(context->core, said->session_id);
    const struct user *user;
    struct connection *here = connection_at(context->core, terminal->row.id);

    /* An older claim of the same session is another connection: the terminal never got the new
     * MSG_show. */
    if (here && !terminal->sign_on &&
        (here->row.session_id != said->session_id || here->row.epoch != said->session_epoch))
        detach_observed(context, here, "the terminal does not show it any more", 0);
    if (!said->session_id)
        return;
    if (!session || session->row.epoch != said->session_epoch ||
        session->row.terminal_id != terminal->row.id || session->row.state == session_ENDING ||
        session->row.state == session_ENDED || session->voided_epoch == said->session_epoch) {
        session_hide(context, terminal->row.id, &shown, "moved",
                     "This session is shown elsewhere, or is over");
        return;
    }
    user = user_find(context->core, session->row.user_id);
    if (user && user->row.disabled) {
        /* It was disconnected by force while the terminal could not be told. */
        session_hide(context, terminal->row.id, &shown, "disconnected", "The account was disabled");
        return;
    }
    if (session->flow)
        return; /* a sign-on is at work on it: its outcome counts */
    /* Its commit may be under way: session_detach_recheck checks again. */
    if (session->detach_pending) {
        session->detach_pending = false;
        session->reattach_epoch = said->session_epoch;
    }
    if (here && session->row.state == session_ACTIVE)
        return;
    write_reattach(context, said->session_id, terminal->row.id, said->session_epoch);
}

void session_detach_recheck(struct context *context, struct session *session)
{
    if (session->row.state == session_ACTIVE && session->detach_pending &&
        session->detach_after_show)
        write_detach(context, session, "its terminal left before it was written that it is back",
                     0);
    if (session->row.state != session_DISCONNECTED)
        return;
    session->detach_pending = false;
    if (session->reattach_epoch == session->row.epoch)
        write_reattach(context, session->row.id, session->row.terminal_id, session->reattach_epoch);
    session->reattach_epoch = 0;
}

/* A terminal has got the first picture of a session. */
struct picture {
    struct retried_write write; /* id: the session; epoch: of the claim */
    int64_t picture_ms;         /* until it came */
};

static struct changes *picture_changes(struct context *context, struct retried_write *write,
                                       berth_unused struct berth_error *reterr)
{
    const struct picture *picture = container_of(write, struct picture, write);
    struct connection *connection = connection_of(context->core, write->id);
    berth_cleanup(changes_freep) struct changes *changes = NULL;
    struct row_connection *row;

    if (!connection || connection->row.epoch != write->epoch ||
        connection->row.state != connection_CONNECTING)
        return NULL;
    changes = changes_new("broker", "broker", write->kind->action);
    changes_object(changes, "connection %llu", (unsigned long long)connection->row.id);
    changes->audit.terminal_id = connection->row.terminal_id;
    if (connection_transition(connection, connection_ACTIVE, "the picture is there", changes, &row,
                              NULL) < 0)
        return NULL;
    row->picture_ms = picture->picture_ms;
    return berth_take(changes);
}

static const struct retried_write_kind picture_kind = { .action = "connection.active",
                                                        .build = picture_changes };

static void write_picture(struct context *context, const struct msg_viewer *said)
{
    struct picture *picture = berth_new(struct picture);

    retried_write_init(&picture->write, said->session_id, said->epoch, "");
    picture->write.kind = &picture_kind;
    picture->picture_ms = said->picture_ms;
    retried_write_start(context, &picture->write);
}

void session_viewer_state(struct context *context, struct terminal *terminal,
                          const struct msg_viewer *said)
{
    struct session *session = session_of_claim(context, terminal, said->session_id, said->epoch);
    const struct connection *connection;
    struct desktop *desktop;
    char why[128];

    if (!session)
        return; /* an older claim, or another terminal's: ignored */
    context_note_peer(context, history_peer_event_ACTED, terminal->row.id, session->row.terminal_id,
                      NULL);
    switch (said->state) {
    case viewer_state_ACTIVE:
        write_picture(context, said);
        return;
    case viewer_state_ENDED:
        berth_text(why, sizeof(why), "the viewer ended: %s",
                   said->reason[0] ? said->reason : "no reason given");
        /* The end of a viewer ends the connection, never the session: a takeover and a log-off look
         * alike here. */
        connection = connection_of(context->core, session->row.id);
        if (connection && connection->row.state == connection_ACTIVE)
            guest_ask(context, session);
        desktop = desktop_find(context->core, session->row.desktop_id);
        if (desktop)
            desktop->probed_ms = 0; /* that its RDP server answered before means nothing now */
        write_detach(context, session, why, said->exit_code);
        return;
    case viewer_state_CONNECTING:
    case viewer_state_NONE:
    case viewer_state_END:
        return;
    }
}
