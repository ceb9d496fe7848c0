/* decide.h - one durable decision that needs no story around it: committed, applied, announced.
 *
 * Room flow. Flows with more than one step commit by themselves; what people change, and small facts such as the state of a
 * command, go through here.
 */
#ifndef BERTH_FLOW_DECIDE_H
#define BERTH_FLOW_DECIDE_H

#include "flow/rooms.h"

struct house;

/* Commit `changes` (owned from now on, also when this fails) and apply them. op: completes after the apply, or with the
 * store's error and nothing changed; it cannot be cancelled. NULL when nobody waits: a failure is logged then.
 */
int decide_begin(struct rooms *rooms, struct changes *changes, struct op *op);

/* As decide_begin, and `applied` is called with `context` between apply and completion; not after a failure. */
typedef void decided_fn(struct rooms *rooms, void *context);
int decide_then(struct rooms *rooms, struct changes *changes, decided_fn *applied, void *context,
                struct op *op);

/* At flows_stop: forget what is still on its way; the store no longer answers. */
void decide_stop(struct house *house);

#endif
