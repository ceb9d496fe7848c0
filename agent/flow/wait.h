/* wait.h - two operations that a flow may wait for: an event and a delay.
 *
 * Module flow of the agent: pure. Both follow the contract of berth/op.h. Embed them zeroed in a
 * struct that outlives the op.
 */
#ifndef BERTH_AGENT_FLOW_WAIT_H
#define BERTH_AGENT_FLOW_WAIT_H

#include "berth/op.h"

/* Wait for a message or another event, whose handler calls event_wait_end. */
struct event_wait {
    struct op *op;
    uint64_t ref; /* of the request that was sent, repeated by its answer; 0: none was sent */
};

/* Begin to wait. It must not be active. */
int event_wait_begin(struct event_wait *wait, struct op *op);

/* Complete the wait: result >= 0 is the flow's to interpret, < 0 comes with its error. False: it
 * was not active.
 */
bool event_wait_end(struct event_wait *wait, int result, const struct berth_error *error);

static inline bool event_wait_active(const struct event_wait *wait)
{
    return wait->op != NULL;
}

/* Wait for a delay. */
struct timer_wait {
    struct berth_timer timer;
    struct berth_timers *timers;
    struct op *op;
};

/* Begin to wait; completes with 0 after delay_ms. It must not be active. */
int timer_wait_begin(struct timer_wait *wait, struct berth_timers *timers, int64_t delay_ms,
                     struct op *op);

/* Complete at the next turn of the loop. No effect when it is not active. */
void timer_wait_skip(struct timer_wait *wait);

#endif
