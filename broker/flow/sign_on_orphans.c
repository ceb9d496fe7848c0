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
        struct entity *entity = index_entry(SESSIONS_OF_USER, node);
        struct session *session = container_of(entity, struct session, base);

        if (session->row.state == session_PREPARING && !session->flow &&
            !is_left_to_another(context, session))
            session_disconnect_orphan(context, session);
    }
}

struct orphan {
    struct retried_write write; /* id: the session */
    int64_t epoch;
};

static struct changes *orphan_changes(struct context *context, struct retried_write *write)
{
    static const char why[] = "the sign-on was not completed";
    int64_t epoch = container_of(write, struct orphan, write)->epoch;
    struct session *session = session_find(context->core, write->id);
    struct connection *connection;
    struct changes *changes;

    if (!session || session->row.state != session_PREPARING || session->row.epoch != epoch ||
        session->flow || session->show_sent_epoch == epoch)
        return NULL;
    changes = changes_new("broker", "broker", write->kind->action);
    changes_object(changes, "session %llu", (unsigned long long)session->row.id);
    changes->audit.subject_user_id = session->row.user_id;
    connection = connection_of(context->core, session->row.id);
    if (session_transition(session, session_DISCONNECTED, why, changes, NULL, NULL) < 0 ||
        (connection &&
         connection_transition(connection, connection_ENDED, why, changes, NULL, NULL) < 0)) {
        changes_free(changes);
        return NULL;
    }
    return changes;
}

static const struct retried_write_kind orphan_kind = { "session.undo", orphan_changes };

void session_disconnect_orphan(struct context *context, struct session *session)
{
    struct orphan *orphan = berth_new(struct orphan);

    orphan->write = (struct retried_write){ &orphan_kind, session->row.id };
    orphan->epoch = session->row.epoch;
    retried_write_start(context, &orphan->write);
}
