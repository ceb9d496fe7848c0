/* placement.h - which desktop a user gets, and on which host a new machine is made.
 *
 * Module core: rules only, nothing is changed here. A user always returns to their own session or
 * desktop. Otherwise only a READY desktop is handed out, so that no user is bound to a machine that
 * fails to start: a user for whom none is ready waits in the pool's queue, and the pool starts or
 * makes as many desktops as its queue and its spares need (flow/refill.h).
 */
#ifndef BERTH_CORE_PLACEMENT_H
#define BERTH_CORE_PLACEMENT_H

#include "core/desktop.h"
#include "core/host.h"

/* May `desktop` be handed to a user who has none yet? why: the reason, for either answer, as a
 * sentence of less than 400 bytes. */
bool placement_fits(const struct desktop *desktop, char *why, size_t size);

/* The best desktop that fits, or NULL: one of the image's current version before older ones, then
 * the one that became ready first.
 */
struct desktop *placement_best(struct core *core, struct pool *pool);

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

/* An unassigned desktop of the pool that is off and may be started now, or NULL. */
struct desktop *placement_idle(struct core *core, struct pool *pool);

/* Estimated time until this place in the queue (1 = first) is served; 0 = unknown. */
int64_t placement_estimate_ms(struct core *core, const struct pool *pool, int place);

#endif
