/* placement.h - which desktop a user gets, and on which host a new machine is made.
 *
 * Module core: rules only; apart from the lists of classes nothing is changed here. A user always
 * returns to their own session or desktop. Otherwise only a READY desktop is handed out, so that no
 * user is bound to a machine that fails to start: a user for whom none is ready waits in the pool's
 * queue, and the pool starts or makes as many desktops as its queue and its spares need
 * (flow/refill.h).
 */
#ifndef BERTH_CORE_PLACEMENT_H
#define BERTH_CORE_PLACEMENT_H

#include "core/runtime.h"

/* May `desktop` be handed to a user who has none yet? why: the reason, for either answer, as a
 * sentence of less than 400 bytes. */
bool placement_fits(const struct desktop *desktop, char *why, size_t size);

/* May the desktop's disk hold data of an earlier user? Then it must be refreshed before another
 * user gets it (I14): its pool has release refresh, or had it when the desktop was used. */
bool placement_must_refresh(const struct desktop *desktop);

/* A user is on the desktop, or has just been: record that in `row`, a copy of its row, with the
 * refresh that the present settings of its pool require. True when `row` now differs from the
 * desktop's row. */
bool placement_note_use(const struct desktop *desktop, struct row_desktop *row);

/* No open assignment and no reservation. */
bool placement_is_free(const struct desktop *desktop);

/* The best desktop that fits, or NULL: one of the image's current version before older ones, then
 * the one that became ready first.
 */
struct desktop *placement_best(struct core *core, struct pool *pool);

/* Put the desktop into the list of its pool that fits its present class. To be called after every
 * change of a desktop's row, state, assignment, reservation or power flow; cheap.
 */
void placement_reclassify(struct desktop *desktop);
/* The desktop is being dropped: take it out of the lists. */
void placement_unclassify(struct desktop *desktop);

/* The desktops of a pool, counted. */
struct placement_count {
    /* Counted against pool.max: all but the quarantined, and the unassigned that are to be deleted.
     */
    int total;
    int ready;        /* up and probed */
    int spare;        /* of these unassigned, clean and on a host that serves */
    int provisioning; /* unassigned, and on their way to become spare */
    int quarantined;
    int waiting; /* users in the queue */
};
void placement_count(struct core *core, const struct pool *pool, struct placement_count *ret);

/* The host for a new machine of the pool. NULL: none can take one, and `why` says why. */
struct host *placement_host(struct core *core, const struct pool *pool, char *why, size_t size);

/* Is it one of the pool's hosts? */
bool placement_host_is_of(const struct host *host, const struct pool *pool);

/* Do all serving hosts of the pool hold as many machines as they may? */
bool placement_hosts_are_full(struct core *core, const struct pool *pool);

/* May the host start another machine now (max_starting)? */
bool placement_host_may_start(const struct host *host);

#define HOST_TEXT 360
/* The condition of the host, with the reason when it does not serve: "host 'kvm1' is down: ...". */
void placement_host_text(const struct host *host, char *ret, size_t size);

/* Does the host serve: up, active, not degraded? */
bool placement_host_serves(const struct host *host);

/* The desktops of a class:
 *
 *   list_each (placement_list(pool, CLASS_IDLE), node)
 *       desktop = placement_at(node);
 */
static inline struct list *placement_list(struct pool *pool, enum desktop_class class)
{
    return &pool->by_class[class];
}
static inline struct desktop *placement_at(struct list *node)
{
    return list_entry(node, struct desktop, in_class);
}

/* An unassigned desktop of the pool that is off and may be started now, or NULL. */
struct desktop *placement_idle(struct core *core, struct pool *pool);

/* Estimated time until this place in the queue (1 = first) is served; 0 = unknown. */
int64_t placement_estimate_ms(struct core *core, const struct pool *pool, int place);

#endif
