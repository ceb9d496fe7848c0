/* power.h - power operations of machines: start, stop, restart, refresh, delete.
 *
 * Module flow. At most one power flow works on a desktop at a time. Flows and administrators make
 * requests for a machine; equal requests are carried out once, and all who made them get the
 * outcome. When the outcome of an operation is unknown, the host is asked about that UUID until it
 * answers; until then nothing else touches the machine.
 */
#ifndef BERTH_FLOW_POWER_H
#define BERTH_FLOW_POWER_H

#include "flow/context.h"

/* In order of priority when several are requested. */
enum machine_goal {
    MACHINE_GONE,    /* machine and disk are deleted, then the row */
    MACHINE_REFRESH, /* disk is created again from the pool's image version; off afterwards */
    MACHINE_RESTART, /* off, then up */
    MACHINE_OFF,
    MACHINE_UP, /* created if necessary, running, answers RDP, certificate known: READY */
};

/* Request a goal for the machine. Completes when the machine is in that state, or with the reason
 * why it is not. Cancelling withdraws the request, not the work.
 *
 * Errors: CLOSING, UNSUPPORTED (a machine that Berth does not run).
 */
int machine_request(struct context *context, struct desktop *desktop, enum machine_goal goal,
                    struct op *op) berth_must_check;

/* Request MACHINE_UP, with priority at the host. A desktop that is READY completes at once. */
int desktop_request_up(struct context *context, struct desktop *desktop,
                       struct op *op) berth_must_check;

/* Request a goal without waiting for it; does nothing when the same goal is requested already. */
void machine_ensure(struct context *context, struct desktop *desktop, enum machine_goal goal);

/* An event said that the machine stopped: a power flow that waits for it to come up checks that now
 * instead of at its limit. */
void machine_stopped(struct desktop *desktop, const char *why);

/* At reactor_stop: free all requests without completing them. */
void machine_requests_drop(struct context *context);

#endif
