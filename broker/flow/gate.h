/* gate.h - waiting for something to change, and for time to pass, as operations.
 *
 * Module flow. A gate is a list of operations of flows that wait for a fact (a host is up, an earlier
 * sign-on is over). Opening it completes all of them; each looks again and may wait again. A pause
 * completes after some time. Both can be cancelled.
 */
#ifndef BERTH_FLOW_GATE_H
#define BERTH_FLOW_GATE_H

#include "berth/list.h"
#include "berth/op.h"

/* Wait at `gate`. The slot lives in the waiting flow. */
struct gate_wait {
    struct list node;
    struct op *op;
};
int gate_wait(struct list *gate, struct gate_wait *wait, struct op *op) berth_must_check;

/* Complete all who wait: with success, later in this turn. */
void gate_open(struct list *gate);

struct pause {
    struct berth_timer timer;
    struct op *op;
};
int pause_begin(struct pause *pause, int64_t delay_ms, struct op *op) berth_must_check;

#endif
