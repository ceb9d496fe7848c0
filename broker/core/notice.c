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

void core_announce(struct core *core, enum notice_kind kind, enum entity_kind entity, uint64_t id)
{
    const struct notice notice = { .kind = kind, .entity = entity, .id = id };

    core_notify(core, &notice);
}
