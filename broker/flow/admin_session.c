/* admin_session.c - administrators sign off and disconnect sessions. */
#include <stdio.h>

#include "flow/admin_job.h"
#include "flow/release.h"
#include "flow/session_detach.h"

/* The sentence is shown at the terminal and kept in the audit record. */
static const char *sentence(const char *why, const char *otherwise)
{
    return why && why[0] ? why : otherwise;
}

int admin_session_sign_off(struct context *context, const struct admin_actor *actor,
                           uint64_t session_id, const char *why, struct op *op)
{
    const struct ending ending = {
        .action = "session.sign_off",
        .reason = "signed-off",
        .why = sentence(why, "An administrator signed you off"),
        .actor = actor->name,
        .role = role_names[actor->role],
    };

    return session_end(context, session_id, &ending, op);
}

int admin_session_disconnect(struct context *context, const struct admin_actor *actor,
                             uint64_t session_id, const char *why, struct op *op)
{
    const struct detach detach = {
        .action = "session.disconnect",
        .reason = "disconnected",
        .why = sentence(why, "An administrator disconnected you; your session goes on"),
        .actor = actor->name,
        .role = role_names[actor->role],
    };

    return session_detach(context, session_id, &detach, op);
}
