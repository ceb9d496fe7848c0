/* admin_internal.h - what the files admin*.c share: new changes, and jobs that wait before a
 * decision.
 *
 * Module flow, inner header of admin*.c.
 */
#ifndef BERTH_FLOW_ADMIN_INTERNAL_H
#define BERTH_FLOW_ADMIN_INTERNAL_H

#include "flow/admin.h"
#include "flow/reactor.h"

/* New changes in the actor's name, with the idempotency key of the request. */
struct changes *admin_changes(const struct admin_actor *actor, const char *action);

/* Register a job that waits, so that reactor_stop can drop it: `drop` completes its caller with
 * CLOSING and frees it. The job calls list_remove(&pending->node) when it is done. */
void admin_pending_add(struct context *context, struct pending_request *pending,
                       void (*drop)(struct pending_request *pending));

#endif
