/* awaited.h - two small operations that a flow may wait for: an answer, and a while.
 *
 * Module flow of the agent: pure. Both obey the contract of berth/op.h. Embed them zeroed; they
 * outlive the op.
 */
#ifndef BERTH_AGENT_FLOW_AWAITED_H
#define BERTH_AGENT_FLOW_AWAITED_H

#include "berth/op.h"

/* Something that a message or an event will bring; whoever gets it calls awaited_end. */
struct awaited {
    struct op *op;
    uint64_t ref; /* of the question that was sent, which its answer repeats; 0: none was */
};

/* Begin to wait for it. Nothing is awaited already. */
int awaited_begin(struct awaited *awaited, struct op *op);

/* It came (result 0) or it will not come (result < 0, with its error). False: nobody waits. */
bool awaited_end(struct awaited *awaited, int result, const struct berth_error *error);

static inline bool awaited_is(const struct awaited *awaited)
{
    return awaited->op != NULL;
}

/* A while. */
struct pause {
    struct berth_timer timer;
    struct berth_timers *timers;
    struct op *op;
};

/* Begin to wait; completes with 0 after delay_ms. */
int pause_begin(struct pause *pause, struct berth_timers *timers, int64_t delay_ms, struct op *op);

/* Enough waited. */
void pause_cut(struct pause *pause);

#endif
