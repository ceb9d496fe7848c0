/* core.h - everything the broker knows, in memory.
 *
 * Module core: facts and rules. No I/O, no SQL, no clock and no randomness but as an argument.
 * Thread: loop.
 *
 * One registry per entity, filled by the store at start; rows change only by core_apply, after
 * their commit. What is observed (power, presence, addresses) stands beside the row and changes by
 * x_set_state. Entities are freed at the end of the turn (deferred), never inside a callback that may
 * still hold them.
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

#define ENDED_KEPT \
    4096 /* sessions, connections, assignments and commands that are over and still in memory, in \
            all */
#define ENTITY_LINKS 4 /* the most indexes that a kind is in: core/index.c */

/* Every entity begins so; its row follows at entity_row_of(). */
struct entity {
    struct list node;
    struct list links[ENTITY_LINKS]; /* places in the indexes of core/index.h */
    struct list ended;               /* of core.ended, when it has come to its end */
    enum entity_kind kind;
    struct core *core;
    bool dropped; /* taken out of its registry; lives until nobody pins it */
    unsigned pins;
    struct berth_deferred reap;
};

struct registry {
    struct list all; /* in order of id */
    struct map by_id;
    struct map by_name; /* only where the row has a field `name` */
    size_t count;
};

/* Something happened: the API, flows and metrics listen. Given after the fact, on the loop. */
enum notice_kind {
    NOTICE_CHANGED = 1, /* a row was added, set or dropped (durable) */
    NOTICE_OBSERVED,    /* an observed state changed: desktop, host, presence */
    NOTICE_FREED,       /* capacity came free: queues look again */
};
struct notice {
    enum notice_kind kind;
    enum entity_kind entity;
    uint64_t id;
    enum change_verb verb;
    uint64_t rev; /* NOTICE_CHANGED */
    /* CHANGE_DROP: the entity as it was; in memory until the end of this turn, for those that wait
     * for something of it. */
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
    struct list ended; /* what ended in this run, oldest first; beyond ENDED_KEPT and from earlier
                         runs it is on disk only */
    size_t ended_count;
    uint64_t loaded;           /* rows that became entities at the start */
    uint64_t last_id;          /* highest id ever given, over all entities */
    uint64_t rev;              /* highest rev that was applied */
    int64_t incarnation;       /* of this broker, from the store */
    int64_t recovery_until_ms; /* monotonic: no destructive action before this */
    struct presence_table *presence;
    struct indexes *indexes;   /* indexes: core/index.h */
    struct grace_table *grace; /* who may come in by a badge alone: core/grace.h */
    void *owner; /* whoever drives this core: for timers of entities; struct context of flow */
    struct core_limits {
        int64_t grant_ms, renew_ms, suspect_ms, link_grace_ms;
        int64_t reconnect_spread_ms; /* 0: computed from the number of terminals */
        int64_t handshake_us;   /* what a TLS handshake costs the broker, for that computation */
        int64_t link_threads;   /* I/O loops that share it */
        int64_t badge_grace_ms; /* a badge alone is enough for so long after a password; 0: never */
        int64_t resume_ms;      /* a broken picture is shown again for so long; 0: never */
    } limits;
    struct history *history; /* what is decided and observed is written down there; NULL: nowhere */
    /* SHA-256 of a text as lower-case hexadecimal; a port: core has no cryptography. */
    void (*digest)(const char *text, char hex[72]);
};

/* An empty core on the timers and the random port of its owner, which outlive it. */
struct core *core_new(struct berth_timers *timers, struct berth_random *random);
void core_free(struct core *core);

/* A number that was never given before, over all entities; durable once a row that bears it is. */
uint64_t core_next_id(struct core *core);

/* A new life begins, with rows to be loaded; and they are all loaded. Called by the store around
 * them. */
void core_load_begin(struct core *core, int64_t incarnation);
void core_load_end(struct core *core);

/* Does this kind keep rows that are over? They are history: the store answers for them, memory
 * holds what is open. */
bool core_keeps_history(enum entity_kind kind);

/* Is this row of the kind over? */
bool core_has_ended(enum entity_kind kind, const void *row);

/* Loading at start: one row as the store has it. What is over is written into core.history, when
 * there is one, and makes no entity. */
int core_load(struct core *core, enum entity_kind kind, const void *row,
              struct berth_error *reterr) berth_must_check;

/* Make a committed decision visible: rows, indexes, state hooks, then one notice per change, then
 * frees `changes`. */
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

/* The listener hears every notice from now on, until its node is taken out; announcing calls all of
 * them at once. */
void core_listen(struct core *core, struct notice_listener *listener);
void core_notify(struct core *core, const struct notice *notice);

/* All entities of a kind: list_each(core_all(core, ENTITY_pool), node). */
static inline struct list *core_all(struct core *core, enum entity_kind kind)
{
    return &core->of[kind].all;
}

#define entity_of(node_) list_entry((node_), struct entity, node)

#endif
