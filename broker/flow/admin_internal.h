/* admin_internal.h - how every administrative decision begins.
 *
 * Module flow, inner header of admin*.c.
 */
#ifndef BERTH_FLOW_ADMIN_INTERNAL_H
#define BERTH_FLOW_ADMIN_INTERNAL_H

#include "flow/admin.h"
#include "flow/reactor.h"

/* Changes in the actor's name, with the request's idempotency key. */
struct changes *admin_changes(const struct admin_actor *actor, const char *action);

/* Remember what waits, so that an orderly or a sudden stop frees it; list_remove(&pending->node) when
 * it is done. */
void admin_pending_add(struct context *context, struct pending_request *pending,
                       void (*drop)(struct pending_request *pending));

#endif
