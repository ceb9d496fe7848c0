/* core.h - the broker's state in memory: entities, decisions applied to them, and their start.
 *
 * Module core: facts and rules. No I/O, no SQL; time and randomness are handed in. Thread: loop.
 *
 * The store fills the registries at start. Rows change only by core_apply, after their commit. What
 * is observed (power, presence, addresses) is kept beside the row and changes by x_set_state.
 * Entities are freed at the end of the turn (deferred), never inside a callback that may still hold
 * them.
 *
 * Each noun has a file: session.h, desktop.h, host.h, terminal.h, pool.h ... with its struct, the
 * functions that change its state, and its lookups. Below them are registry.h (entities by id and
 * name), index.h (by relation) and notice.h; above them core.c, which knows all kinds.
 */
#ifndef BERTH_CORE_CORE_H
#define BERTH_CORE_CORE_H

#include "berth/history.h"
#include "berth/map.h"
#include "berth/random.h"

#include "core/change.h"
#include "core/entity.h"

struct registry {
    struct list all; /* in order of id */
    struct map by_id;
    struct map by_name; /* only where the row has a field `name` */
    size_t count;
};

struct core {
    struct berth_timers *timers;
    struct berth_random *random;
    const struct entity_ops *ops; /* by kind */
    struct registry of[ENTITY_KINDS];
    struct indexes *indexes; /* core/index.h */
    struct list listeners;   /* core/notice.h */
    /* Entities that ended since the start, oldest first; all others that have ended are in the
     * store only. */
    struct list ended;
    size_t ended_count;
    uint64_t loaded;                 /* rows that became entities at the start */
    uint64_t last_id;                /* highest id ever given, over all entities */
    uint64_t rev;                    /* highest rev that was applied */
    int64_t incarnation;             /* number of this run of the broker, from the store */
    int64_t recovery_until_ms;       /* monotonic: no destructive action before this */
    struct presence_table *presence; /* core/presence.h */
    struct grace_table *grace;       /* users who may sign on by badge alone: core/grace.h */
    struct core_limits {
        int64_t grant_ms, renew_ms, suspect_ms, link_grace_ms;
        int64_t reconnect_spread_ms; /* 0: computed from the number of terminals */
        int64_t handshake_us;        /* CPU time of a TLS handshake, for that computation */
        int64_t link_threads;        /* I/O loops that share it */
        int64_t badge_grace_ms; /* a badge alone is enough for so long after a password; 0: never */
        int64_t resume_ms;      /* a broken picture may be resumed for so long; 0: never */
    } limits;
    struct history *history; /* records decisions and observations; NULL: not recorded */
    /* SHA-256 of a text as lower-case hexadecimal; set by the caller of core_new, for core has no
     * cryptography. */
    void (*digest)(const char *text, char hex[72]);
};

/* A new empty core. timers, random: the caller's; they must outlive it. */
struct core *core_new(struct berth_timers *timers, struct berth_random *random);
void core_free(struct core *core);

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

#endif
