/* wait.h - what a flow may wait for besides a module's operation: an event, a queue, a delay.
 *
 * Module shared; no system calls. Thread: loop. All follow the contract of berth/op.h and can be
 * cancelled. Embed each zeroed in a struct that outlives the op; it must not be active when a wait
 * begins.
 */
#ifndef BERTH_WAIT_H
#define BERTH_WAIT_H

#include "berth/list.h"
#include "berth/op.h"

/* Wait for a message or another event, whose handler calls event_wait_end. */
struct event_wait {
    struct op *op;
    uint64_t ref; /* of the request that was sent, repeated by its answer; 0: none was sent */
};
int event_wait_begin(struct event_wait *wait, struct op *op);

/* Complete the wait: result >= 0 is the flow's to interpret, < 0 comes with its error. False: it
 * was not active.
 */
bool event_wait_end(struct event_wait *wait, int result, const struct berth_error *error);

static inline bool event_wait_active(const struct event_wait *wait)
{
    return wait->op != NULL;
}

/* Wait in a queue for a condition (a host is up, an earlier sign-on has ended). The queue is a
 * list. Waking it completes all that wait, with success, later in this turn; each checks its
 * condition and may wait again.
 */
struct waitq_entry {
    struct list node;
    struct op *op;
};
int waitq_wait(struct list *waitq, struct waitq_entry *wait, struct op *op) berth_must_check;
void waitq_wake(struct list *waitq);

/* Wait for some time; completes with 0 after delay_ms. */
struct delay {
    struct berth_timer timer;
    struct op *op;
};
int delay_begin(struct delay *delay, int64_t delay_ms, struct op *op) berth_must_check;

/* Complete at the next turn of the loop. No effect when it is not active. */
void delay_skip(struct delay *delay);

#endif
