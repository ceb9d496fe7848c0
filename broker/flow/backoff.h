/* backoff.h - back-off: a pool whose machines fail makes nothing new for a while, and says why.
 *
 * Module flow. Three failures in ten minutes begin one of five minutes; a fault that its machines
 * share (image, template, storage pool) begins one of some seconds at once, and no machine is blamed for it.
 * Whoever repairs the cause need not wait: when what the desktops are made from has changed since
 * they failed (another version of the image, another template, another storage pool of a host), the
 * back-off ends, and what had failed for it is made anew. `pool retry` does the same by word.
 * While somebody waits, a pool in back-off still makes desktops of the version that is proved, where
 * it is another version of the image that failed.
 */
#ifndef BERTH_FLOW_BACKOFF_H
#define BERTH_FLOW_BACKOFF_H

#include "flow/context.h"

#define POOL_FAILURES_MAX 3
#define POOL_FAILURES_WINDOW_MS 600000
#define POOL_BACKOFF_MS 300000
#define POOL_BACKOFF_SHARED_MS \
    15000 /* trying again costs nothing: nothing is made before it can be */

/* A machine of the pool failed by itself: it is in quarantine, and counts. */
void backoff_machine_failed(struct context *context, struct desktop *desktop, const char *why);

/* Something that all machines of its pool share is at fault. */
void backoff_shared_fault(struct context *context, struct desktop *desktop, const char *why);

/* Was the cause of its failures changed? Part of looking at the pool, first of all. */
void backoff_check(struct context *context, struct pool *pool);

/* Is it in back-off at this moment? */
bool backoff_active(struct context *context, struct pool *pool);

/* Would `pool retry` make this desktop anew: the broker put it into quarantine because it failed,
 * and nobody used it since its disk was made? What an administrator put there stays. */
bool backoff_may_recreate(const struct desktop *desktop);

/* `pool retry`, decided: those are deleted, and the pool makes others at once. `changes` as they
 * were begun for it are owned from now on.
 */
int backoff_retry(struct context *context, struct pool *pool, struct changes *changes,
                  struct op *op) berth_must_check;

#endif
