/* placement.h - which desktop a user gets, and where machines are made.
 *
 * Module core: rules only; nothing is changed here. A user always returns to the session or the
 * desktop that is theirs. Else only a desktop that is ready is handed out, so that nobody is ever
 * bound to a machine that fails to start: whoever finds none waits in the pool's queue, and the
 * pool starts or makes what the queue and its spares call for (placement_next).
 */
#ifndef BERTH_CORE_PLACEMENT_H
#define BERTH_CORE_PLACEMENT_H

#include "core/runtime.h"

/* May `desktop` be handed to a user who has nothing yet? If not, why not, as a sentence; 400 bytes
 * hold each of them. */
bool placement_fits(const struct desktop *desktop, char *why, size_t size);

/* May the desktop's disk carry what an earlier user left? Then it must be refreshed before anybody
 * else gets it (I14): when its pool has release refresh, or had it when the desktop was used. */
bool placement_must_refresh(const struct desktop *desktop);

/* Somebody uses the desktop, or has just used it: note that in `row`, a copy of its row, together
 * with what is due for it by the present settings of its pool. Answers whether that is news. */
bool placement_note_use(const struct desktop *desktop, struct row_desktop *row);

/* Nobody's: no open assignment and no reservation. */
bool placement_is_free(const struct desktop *desktop);

/* The best desktop that fits, or NULL: of the newest image version, on the host with the most room.
 */
struct desktop *placement_best(struct core *core, struct pool *pool);

/* Something changed that decides what the desktop is good for: put it into the right list of its
 * pool. Called by whatever changes a desktop's row, state, assignment, reservation or work; cheap.
 */
void placement_reclassify(struct desktop *desktop);
/* It goes: out of the lists. */
void placement_unclassify(struct desktop *desktop);

/* How a pool fares. */
struct placement_count {
    int total; /* counted against max: all but the quarantined, and those to be deleted that nobody uses */
    int ready;        /* up and probed */
    int spare;        /* of these free, clean and on a host that serves */
    int provisioning; /* free, and on their way to become spare */
    int quarantined;
    int waiting; /* users in the queue */
};
void placement_count(struct core *core, const struct pool *pool, struct placement_count *ret);

/* Where a new machine of the pool would be made, or NULL with a sentence that says why nowhere. */
struct host *placement_host(struct core *core, const struct pool *pool, char *why, size_t size);

/* May desktops of the pool be made on it? */
bool placement_host_is_of(const struct host *host, const struct pool *pool);

/* Does each host of the pool that serves hold all the machines that it may? */
bool placement_hosts_are_full(struct core *core, const struct pool *pool);

/* Has the host room for another machine that starts now? */
bool placement_host_may_start(const struct host *host);

#define HOST_TEXT 360
/* How the host is, with its reason where it does not serve: "host 'kvm1' is down: ...". */
void placement_host_text(const struct host *host, char *ret, size_t size);

/* Does the host serve: up, active, not degraded? */
bool placement_host_serves(const struct host *host);

/* The desktops of a class: list_each(placement_list(pool, CLASS_REFRESH_PENDING), node) { placement_at(node)
 * }. */
static inline struct list *placement_list(struct pool *pool, enum desktop_class class)
{
    return &pool->by_class[class];
}
static inline struct desktop *placement_at(struct list *node)
{
    return list_entry(node, struct desktop, in_class);
}

/* A free desktop of the pool that is off and could be started, or NULL. */
struct desktop *placement_idle(struct core *core, struct pool *pool);

/* Honest estimate for the place in the queue (1 is the first); 0 = unknown. */
int64_t placement_estimate_ms(struct core *core, const struct pool *pool, int place);

#endif
