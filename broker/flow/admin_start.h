/* admin_start.h - how every administrative decision begins.
 *
 * Room flow, inner header of admin*.c.
 */
#ifndef BERTH_FLOW_ADMIN_START_H
#define BERTH_FLOW_ADMIN_START_H

#include "flow/admin.h"
#include "flow/house.h"

/* Changes in the actor's name, with the request's idempotency key. */
struct changes *admin_changes(const struct admin_actor *actor, const char *action);

/* Remember what waits, so that an orderly or a sudden stop frees it; list_remove(&stray->node) when
 * it is done. */
void admin_waits(struct rooms *rooms, struct stray *stray, void (*drop)(struct stray *stray));

/* The next part of a request about the row `id`, built from what is true now: at most CHANGES_PART
 * rows, and `unfinished` when more is left after it. NULL: it cannot go on, and *reterr says why.
 */
typedef struct changes *admin_part_fn(struct rooms *rooms, const struct admin_actor *actor,
                                      uint64_t id, struct berth_error *reterr);

/* Decide one part after the other until nothing is left. op: completes after the last part, or with
 * the error of one; what was decided until then stays. A request that was done before, by its id,
 * completes with 0 and changes nothing.
 */
int admin_in_parts(struct rooms *rooms, const struct admin_actor *actor, uint64_t id,
                   admin_part_fn *build, struct op *op) berth_must_check;

#endif
