/* core.h - the broker's state in memory: one registry of entities per kind, and the listeners for
 * changes.
 *
 * Module core: facts and rules. No I/O, no SQL; time and randomness are handed in. Thread: loop.
 *
 * The store fills the registries at start. Rows change only by core_apply, after their commit. What
 * is observed (power, presence, addresses) is kept beside the row and changes by x_set_state.
 * Entities are freed at the end of the turn (deferred), never inside a callback that may still hold
 * them.
 */
#ifndef BERTH_CORE_CORE_H
#define BERTH_CORE_CORE_H

#include "berth/history.h"
#include "berth/list.h"
#include "berth/map.h"
#include "berth/random.h"
#include "berth/timer.h"

#include "core/change.h"

struct core;
struct indexes;

/* Sessions, connections, assignments and commands that have ended and are still in memory, in
 * all. */
#define ENDED_KEPT 4096
#define ENTITY_LINKS 4 /* indexes that one kind may be in: core/index.c */

/* The head of every entity struct; the row of its kind follows at entity_row_of(). */
struct entity {
    struct list node;
    struct list links[ENTITY_LINKS]; /* places in the indexes of core/index.h */
    struct list ended;               /* in core.ended, once its row has ended */
    enum entity_kind kind;
    struct core *core;
    bool dropped; /* removed from its registry; freed when it is not pinned */
    unsigned pins;
    struct berth_deferred reap;
};

struct registry {
    struct list all; /* in order of id */
    struct map by_id;
    struct map by_name; /* only where the row has a field `name` */
    size_t count;
};

/* A change that listeners (API, flows, metrics) hear of, on the loop, after it took effect. */
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

struct core {
    struct berth_timers *timers;
    struct berth_random *random;
    struct registry of[ENTITY_KINDS];
    struct list listeners;
    /* Entities that ended since the start, oldest first; all others that have ended are in the
     * store only. */
    struct list ended;
    size_t ended_count;
    uint64_t loaded;           /* rows that became entities at the start */
    uint64_t last_id;          /* highest id ever given, over all entities */
    uint64_t rev;              /* highest rev that was applied */
    int64_t incarnation;       /* number of this run of the broker, from the store */
    int64_t recovery_until_ms; /* monotonic: no destructive action before this */
    struct presence_table *presence;
    struct indexes *indexes;   /* indexes: core/index.h */
    struct grace_table *grace; /* users who may sign on by badge alone: core/grace.h */
    struct core_limits {
        int64_t grant_ms, renew_ms, suspect_ms, link_grace_ms;
        int64_t reconnect_spread_ms; /* 0: computed from the number of terminals */
        int64_t handshake_us;        /* CPU time of a TLS handshake, for that computation */
        int64_t link_threads;        /* I/O loops that share it */
        int64_t badge_grace_ms; /* a badge alone is enough for so long after a password; 0: never */
        int64_t resume_ms;      /* a broken picture may be resumed for so long; 0: never */
    } limits;
    struct history *history; /* records decisions and observations; NULL: not recorded */
    /* SHA-256 of a text as lower-case hexadecimal; set by the owner, for core has no cryptography.
     */
    void (*digest)(const char *text, char hex[72]);
};

/* A new empty core. timers, random: the caller's; they must outlive it. */
struct core *core_new(struct berth_timers *timers, struct berth_random *random);
void core_free(struct core *core);

/* A new id, unique over all entities. It is durable once a row with it is. */
uint64_t core_next_id(struct core *core);

/* The store calls these before and after it loads all rows. incarnation: number of this run. */
void core_load_begin(struct core *core, int64_t incarnation);
void core_load_end(struct core *core);

/* Does this kind keep rows after their end (sessions, connections, assignments, commands)? Those
 * are read from the store; memory holds the open ones. */
bool core_keeps_history(enum entity_kind kind);

/* Has this row ended? */
bool core_has_ended(enum entity_kind kind, const void *row);

/* Load one row at start. A row that has ended is written to core.history, when there is one, and
 * makes no entity.
 *
 * Errors: STORE (no id, or two rows with one id).
 */
int core_load(struct core *core, enum entity_kind kind, const void *row,
              struct berth_error *reterr) berth_must_check;

/* Make a committed decision visible: first all rows, indexes and state hooks, then one notice per
 * change. Frees `changes`. */
void core_apply(struct core *core, struct changes *changes);

/* NULL when absent (or dropped). */
struct entity *core_find(struct core *core, enum entity_kind kind, uint64_t id);
struct entity *core_find_name(struct core *core, enum entity_kind kind, const char *name);

/* The row of an entity, of its kind's struct. */
void *entity_row_of(struct entity *entity);
const void *entity_row_of_const(const struct entity *entity);

/* A pinned entity stays in memory, also when dropped. */
void entity_pin(struct entity *entity);
void entity_unpin(struct entity *entity);

/* core_listen: `listener` hears every notice until its node is removed from the list. core_notify
 * calls all listeners before it returns. */
void core_listen(struct core *core, struct notice_listener *listener);
void core_notify(struct core *core, const struct notice *notice);

/* All entities of a kind: list_each(core_all(core, ENTITY_pool), node). */
static inline struct list *core_all(struct core *core, enum entity_kind kind)
{
    return &core->of[kind].all;
}

#define entity_of(node_) list_entry((node_), struct entity, node)

#endif
