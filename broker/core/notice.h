/* notice.h - changes that listeners (API, flows, metrics) hear of, on the loop, after they took
 * effect.
 *
 * Module core.
 */
#ifndef BERTH_CORE_NOTICE_H
#define BERTH_CORE_NOTICE_H

#include "core/core.h"

enum notice_kind {
    NOTICE_CHANGED = 1, /* a row was added, set or dropped (durable) */
    NOTICE_OBSERVED,    /* an observed state changed: desktop, host, presence */
    NOTICE_FREED,       /* capacity became free: queues are checked again */
    NOTICE_DOUBTED,     /* what is known of a desktop or a host may be wrong: ask the host */
};
struct notice {
    enum notice_kind kind;
    enum entity_kind entity;
    uint64_t id;
    enum change_verb verb;
    uint64_t rev;    /* NOTICE_CHANGED */
    const char *why; /* NOTICE_DOUBTED, of a desktop */
    /* CHANGE_DROP: the entity that was dropped; it is valid until the end of this turn. */
    struct entity *gone;
};
struct notice_listener {
    struct list node;
    void (*notify)(struct notice_listener *listener, const struct notice *notice);
};

/* core_listen: `listener` hears every notice until its node is removed from the list. core_notify
 * calls all listeners before it returns. */
void core_listen(struct core *core, struct notice_listener *listener);
void core_notify(struct core *core, const struct notice *notice);

/* core_notify for a notice that is no change of a row. */
void core_announce(struct core *core, enum notice_kind kind, enum entity_kind entity, uint64_t id);

#endif
