/* backoff.h - a pool whose machines fail makes no new ones for a while, and says why.
 *
 * Module flow. Three failures in ten minutes begin a back-off of five minutes. A cause that its
 * machines share (image, template, storage pool) begins one of some seconds at once, and no machine
 * is quarantined for it.
 *
 * When what the desktops are made from has changed since they failed (another image version,
 * another template, another storage pool of a host), the back-off ends at once, and the desktops
 * that failed are created again. `pool retry` does the same on demand.
 *
 * While users wait, a pool in back-off still makes desktops of the proved image version, when
 * another version is the one that failed.
 */
#ifndef BERTH_FLOW_BACKOFF_H
#define BERTH_FLOW_BACKOFF_H

#include "flow/context.h"

#define POOL_FAILURES_MAX 3
#define POOL_FAILURES_WINDOW_MS 600000
#define POOL_BACKOFF_MS 300000
#define POOL_BACKOFF_SHARED_MS \
    15000 /* trying again costs nothing: no machine is made until it can be */

/* A machine failed for a reason of its own: it is in quarantine, and counts as a failure of its
 * pool. */
void backoff_machine_failed(struct context *context, struct desktop *desktop, const char *why);

/* The cause is shared by all machines of its pool. */
void backoff_shared_fault(struct context *context, struct desktop *desktop, const char *why);

/* End the back-off when the cause of the failures was changed. First part of the check of a pool. */
void backoff_check(struct context *context, struct pool *pool);

/* Is the pool in back-off now? Ends a back-off whose time is over. */
bool backoff_active(struct context *context, struct pool *pool);

/* Would `pool retry` create this desktop again? The broker put it into quarantine because it
 * failed, and it was not used since its disk was made. What an administrator put there stays. */
bool backoff_may_recreate(const struct desktop *desktop);

/* Carry out `pool retry`: delete those desktops; the pool makes others at once. Takes ownership of
 * `changes`, which carry the audit record of the request.
 */
int backoff_retry(struct context *context, struct pool *pool, struct changes *changes,
                  struct op *op) berth_must_check;

#endif
