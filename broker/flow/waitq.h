/* waitq.h - wait queues and delays, as operations.
 *
 * Module flow. A wait queue is a list of operations of flows that wait for a condition (a host is
 * up, an earlier sign-on has ended). Waking it completes all of them; each checks its condition and
 * may wait again. A delay completes after some time. Both can be cancelled.
 */
#ifndef BERTH_FLOW_WAITQ_H
#define BERTH_FLOW_WAITQ_H

#include "berth/list.h"
#include "berth/op.h"

/* Wait at `waitq`. The entry is embedded in the waiting flow. */
struct waitq_entry {
    struct list node;
    struct op *op;
};
int waitq_wait(struct list *waitq, struct waitq_entry *wait, struct op *op) berth_must_check;

/* Complete all that wait, with success, later in this turn. */
void waitq_wake(struct list *waitq);

struct delay {
    struct berth_timer timer;
    struct op *op;
};
int delay_begin(struct delay *delay, int64_t delay_ms, struct op *op) berth_must_check;

#endif
