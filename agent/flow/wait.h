/* wait.h - two small operations that a flow may wait for: an answer, and a while.
 *
 * Module flow of the agent: pure. Both obey the contract of berth/op.h. Embed them zeroed; they
 * outlive the op.
 */
#ifndef BERTH_AGENT_FLOW_WAIT_H
#define BERTH_AGENT_FLOW_WAIT_H

#include "berth/op.h"

/* Something that a message or an event will bring; whoever gets it calls event_wait_end. */
struct event_wait {
    struct op *op;
    uint64_t ref; /* of the question that was sent, which its answer repeats; 0: none was */
};

/* Begin to wait for it. Nothing is awaited already. */
int event_wait_begin(struct event_wait *wait, struct op *op);

/* It came (result 0) or it will not come (result < 0, with its error). False: nobody waits. */
bool event_wait_end(struct event_wait *wait, int result, const struct berth_error *error);

static inline bool event_wait_active(const struct event_wait *wait)
{
    return wait->op != NULL;
}

/* A while. */
struct timer_wait {
    struct berth_timer timer;
    struct berth_timers *timers;
    struct op *op;
};

/* Begin to wait; completes with 0 after delay_ms. */
int timer_wait_begin(struct timer_wait *wait, struct berth_timers *timers, int64_t delay_ms,
                     struct op *op);

/* Enough waited. */
void timer_wait_skip(struct timer_wait *wait);

#endif
