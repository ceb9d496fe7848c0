/* notice.c - the list of listeners. */
#include "core/notice.h"

void core_listen(struct core *core, struct notice_listener *listener)
{
    list_append(&core->listeners, &listener->node);
}

void core_notify(struct core *core, const struct notice *notice)
{
    list_each (&core->listeners, node) {
        struct notice_listener *listener = list_entry(node, struct notice_listener, node);

        listener->notify(listener, notice);
    }
}
