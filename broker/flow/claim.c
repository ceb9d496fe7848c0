/* claim.c - the rows of a claim: slot, assignment, session, connections. */
#include "flow/claim.h"

#include <stdio.h>

#include "core/desktop_class.h"

/* The epoch belongs to the slot for ever. No guest and no terminal hears of an epoch before it is
 * durable. */
static int raise_epoch(struct context *context, struct claim *claim, struct changes *changes,
                       struct berth_error *reterr)
{
    struct slot *slot = slot_of(context->core, claim->desktop_id, claim->slot);
    struct row_slot row;

    if (!slot)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "the desktop has no slot %lld",
                          (long long)claim->slot);
    row = slot->row;
    row.epoch++;
    claim->epoch = row.epoch;
    changes_set(changes, ENTITY_slot, &row);
    return 0;
}

/* Open the assignment unless it is open. Returns its id, or 0 when the desktop is assigned to
 * another user by now, or is to be deleted. Opening it writes the desktop's row too: of an
 * assignment and a deletion at once, the store refuses the second. */
static uint64_t take_desktop(struct context *context, const struct claim *claim,
                             const struct desktop *desktop, struct changes *changes)
{
    struct core *core = context->core;
    const struct assignment *mine = assignment_open_of(core, claim->user_id, claim->pool_id);
    const struct assignment *there = assignment_on(core, claim->desktop_id, claim->slot);
    struct row_desktop used = desktop->row;
    struct row_assignment row = { .user_id = claim->user_id,
                                  .pool_id = claim->pool_id,
                                  .desktop_id = claim->desktop_id,
                                  .slot = claim->slot,
                                  .state = assignment_OPEN,
                                  .opened_ms = context->timers->wall_ms };

    if (desktop_note_use(desktop, &used) || !mine)
        changes_set(changes, ENTITY_desktop, &used);
    if (mine)
        return mine == there ? mine->row.id : 0;
    if (there)
        return 0;
    if (desktop->row.delete_pending)
        return 0;
    row.id = core_next_id(core);
    changes_add(changes, ENTITY_assignment, &row);
    return row.id;
}

static void add_session(struct context *context, struct claim *claim, uint64_t assignment_id,
                        struct changes *changes)
{
    struct row_session row = { .id = core_next_id(context->core),
                               .assignment_id = assignment_id,
                               .user_id = claim->user_id,
                               .pool_id = claim->pool_id,
                               .desktop_id = claim->desktop_id,
                               .slot = claim->slot,
                               .epoch = claim->epoch,
                               .terminal_id = claim->terminal_id,
                               .state = session_PREPARING,
                               .started_ms = context->timers->wall_ms,
                               .changed_ms = context->timers->wall_ms };

    (void)snprintf(row.reason, sizeof(row.reason), "signing on");
    claim->session_id = row.id;
    claim->fresh = true;
    changes_add(changes, ENTITY_session, &row);
}

static int move_session(struct context *context, struct claim *claim, struct session *session,
                        struct changes *changes, struct berth_error *reterr)
{
    struct connection *old = connection_of(context->core, session->row.id);
    struct row_session *row;
    char why[96];
    int r;

    claim->old_session = session->row;
    if (old) {
        const struct terminal *here = terminal_find(context->core, claim->terminal_id);

        if (old->row.terminal_id != claim->terminal_id)
            claim->old_terminal_id = old->row.terminal_id;
        (void)snprintf(why, sizeof(why), "moved to %s", here ? here->row.name : "another terminal");
        r = connection_transition(old, connection_ENDED, why, changes, NULL, reterr);
        if (r < 0)
            return r;
    }
    if (session->row.state == session_PREPARING) {
        /* An earlier sign-on was superseded: take over the session as it is. */
        row = changes_set(changes, ENTITY_session, &session->row);
        row->changed_ms = context->timers->wall_ms;
    } else {
        r = session_transition(session, session_PREPARING, "signing on", changes, &row, reterr);
        if (r < 0)
            return r;
    }
    row->epoch = claim->epoch;
    row->terminal_id = claim->terminal_id;
    return 0;
}

/* Another user's session may be shown at this terminal: disconnect it. */
static int clear_screen(struct context *context, struct claim *claim, struct changes *changes,
                        struct berth_error *reterr)
{
    struct connection *connection = connection_at(context->core, claim->terminal_id);
    struct session *session;
    int r;

    if (!connection || connection->row.session_id == claim->session_id)
        return 0;
    r = connection_transition(connection, connection_ENDED, "another user signed on", changes, NULL,
                              reterr);
    if (r < 0)
        return r;
    session = session_find(context->core, connection->row.session_id);
    if (!session || session->row.epoch != connection->row.epoch)
        return 0;
    claim->here = session->row;
    if (session->row.state == session_ACTIVE || session->row.state == session_PREPARING)
        return session_transition(session, session_DISCONNECTED, "another user signed on", changes,
                                  NULL, reterr);
    return 0;
}

static void add_connection(struct context *context, struct claim *claim, struct changes *changes)
{
    const struct row_connection row = { .id = core_next_id(context->core),
                                        .session_id = claim->session_id,
                                        .terminal_id = claim->terminal_id,
                                        .epoch = claim->epoch,
                                        .state = connection_CONNECTING,
                                        .started_ms = context->timers->wall_ms };

    claim->connection_id = row.id;
    changes_add(changes, ENTITY_connection, &row);
}

static int build(struct context *context, struct claim *claim, struct changes *changes,
                 struct berth_error *reterr)
{
    struct core *core = context->core;
    const struct desktop *desktop = desktop_find(core, claim->desktop_id);
    uint64_t assignment_id;
    int r;

    if (!desktop)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "the desktop was deleted");
    r = raise_epoch(context, claim, changes, reterr);
    if (r < 0)
        return r;
    assignment_id = take_desktop(context, claim, desktop, changes);
    if (!assignment_id)
        return berth_fail(reterr, BERTH_E_STATE,
                          "desktop '%s' was given to another user or is to be deleted meanwhile",
                          desktop->row.name);
    if (claim->session_id) {
        struct session *session = session_find(core, claim->session_id);

        if (!session)
            return berth_fail(reterr, BERTH_E_NOT_FOUND, "the session is over");
        r = move_session(context, claim, session, changes, reterr);
        if (r < 0)
            return r;
    } else if (session_on(core, assignment_id)) {
        return berth_fail(reterr, BERTH_E_STATE, "desktop '%s' has a session meanwhile",
                          desktop->row.name);
    } else {
        add_session(context, claim, assignment_id, changes);
    }
    r = clear_screen(context, claim, changes, reterr);
    if (r < 0)
        return r;
    add_connection(context, claim, changes);
    changes_object(changes, "desktop %s", desktop->row.name);
    return 0;
}

int claim_changes(struct context *context, struct claim *claim, struct changes **ret,
                  struct berth_error *reterr)
{
    const struct user *user = user_find(context->core, claim->user_id);
    const struct terminal *terminal = terminal_find(context->core, claim->terminal_id);
    berth_cleanup(changes_freep) struct changes *changes = NULL;
    int r;

    if (!user || !terminal)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "the user or the terminal was deleted");
    changes = changes_new(user->row.name, "user", "session.claim");
    r = build(context, claim, changes, reterr);
    if (r < 0)
        return r;
    changes->audit.subject_user_id = user->row.id;
    changes->audit.terminal_id = terminal->row.id;
    changes_detail(changes, "terminal %s, session %llu, epoch %lld", terminal->row.name,
                   (unsigned long long)claim->session_id, (long long)claim->epoch);
    *ret = berth_take(changes);
    return 0;
}
