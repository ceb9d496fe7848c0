/* hide.c - MSG_hide. */
#include "flow/hide.h"

#include <stdio.h>

void session_hide(struct context *context, uint64_t terminal_id, const struct row_session *session,
                  const char *reason, const char *text)
{
    const struct terminal *terminal = terminal_find(context->core, terminal_id);
    struct msg msg = { .type = MSG_hide };

    if (!terminal || !terminal->peer)
        return;
    msg.hide.session_id = session->id;
    msg.hide.epoch = session->epoch;
    copy_text(msg.hide.reason, reason);
    berth_text(msg.hide.text, sizeof(msg.hide.text), "%s", text);
    context_tell(context, terminal->peer, &msg);
}
