/* sign_on_orphans.c - the list of sign-ons of each user, and sessions that no sign-on owns any
 * more.
 *
 * A later sign-on supersedes an earlier one, and may then continue another session than the one
 * that the earlier had claimed. That session would stay PREPARING for ever.
 */
#include "core/index.h"
#include "flow/context.h"
#include "flow/decide.h"
#include "flow/sign_on.h"
#include "flow/sign_on_state.h"

void sign_on_add_to_user(struct sign_on *s)
{
    struct context *context = s->context;
    struct list *same = map_get_id(&context->signing_on, s->user_id);

    if (list_linked(&s->same_user))
        return;
    if (!same) {
        same = berth_new(struct list);
        list_init(same);
        map_put_id(&context->signing_on, s->user_id, same);
    }
    list_append(same, &s->same_user);
}

void sign_on_remove_from_user(struct sign_on *s)
{
    struct context *context = s->context;
    struct list *same;

    if (!list_linked(&s->same_user))
        return;
    list_remove(&s->same_user);
    same = map_get_id(&context->signing_on, s->user_id);
    if (list_empty(same))
        free(map_take_id(&context->signing_on, s->user_id));
}

/* May another sign-on of the user still take this session? One that waits for an earlier sign-on
 * has no pool yet. */
static bool is_left_to_another(struct context *context, const struct session *session)
{
    struct list *same = map_get_id(&context->signing_on, session->row.user_id);

    if (!same)
        return false;
    list_each (same, node) {
        const struct sign_on *s = list_entry(node, struct sign_on, same_user);

        if (s->claim.pool_id == 0 || s->claim.pool_id == session->row.pool_id)
            return true;
    }
    return false;
}

void sign_on_disconnect_orphans(struct context *context, uint64_t user_id)
{
    if (!user_id)
        return;
    list_each (index_list(context->core, SESSIONS_OF_USER, user_id), node) {
        struct session *session = index_at(SESSIONS_OF_USER, node, session);

        if (session->row.state == session_PREPARING && !session->flow &&
            !is_left_to_another(context, session))
            session_disconnect_orphan(context, session);
    }
}

/* write: id of the session, epoch of the claim. */
static struct changes *orphan_changes(struct context *context, struct retried_write *write,
                                      berth_unused struct berth_error *reterr)
{
    struct session *session = session_find(context->core, write->id);
    berth_cleanup(changes_freep) struct changes *changes = NULL;
    struct connection *connection;

    if (!session || session->row.state != session_PREPARING || session->row.epoch != write->epoch ||
        session->flow || session->show_sent_epoch == write->epoch)
        return NULL;
    changes = changes_new("broker", "broker", write->kind->action);
    changes_object(changes, "session %llu", (unsigned long long)session->row.id);
    changes->audit.subject_user_id = session->row.user_id;
    connection = connection_of(context->core, session->row.id);
    if (session_transition(session, session_DISCONNECTED, write->why, changes, NULL, NULL) < 0 ||
        (connection &&
         connection_transition(connection, connection_ENDED, write->why, changes, NULL, NULL) < 0))
        return NULL;
    return berth_take(changes);
}

static const struct retried_write_kind orphan_kind = { .action = "session.undo",
                                                       .build = orphan_changes };

void session_disconnect_orphan(struct context *context, struct session *session)
{
    struct retried_write *write =
        retried_write_new(session->row.id, session->row.epoch, "the sign-on was not completed");

    write->kind = &orphan_kind;
    retried_write_start(context, write);
}
