/* power.h - work on machines: up, off, made anew, gone.
 *
 * Module flow. At most one flow works on a desktop at a time. Whoever wants something of its machine
 * makes a request; equal requests are one piece of work, and all who made them hear of its outcome. An
 * operation of a host whose outcome is unknown is settled by asking the host for that UUID until it
 * answers; meanwhile nothing else touches the machine.
 */
#ifndef BERTH_FLOW_POWER_H
#define BERTH_FLOW_POWER_H

#include "flow/context.h"

/* In order of what is done first when several are requested. */
enum machine_goal {
    MACHINE_GONE,    /* machine and disk deleted, then the row */
    MACHINE_REFRESH, /* disk made anew from the pool's current image version; off afterwards */
    MACHINE_RESTART, /* off, then up */
    MACHINE_OFF,
    MACHINE_UP, /* made when need be, running, answering RDP, certificate known: READY */
};

/* Completes when the machine is as requested, or with what kept it from being so. Cancelling forgets
 * the request, not the work. */
int machine_request(struct context *context, struct desktop *desktop, enum machine_goal goal,
                    struct op *op) berth_must_check;

/* READY already completes at once. */
int desktop_request_up(struct context *context, struct desktop *desktop,
                       struct op *op) berth_must_check;

/* The same, with nobody waiting. */
void machine_ensure(struct context *context, struct desktop *desktop, enum machine_goal goal);

/* The version of an image that its disk is being made anew from at this moment, or 0. */
uint64_t machine_refreshes_to(const struct desktop *desktop);

/* A hypervisor said that the machine stopped: work that waits for its answer fails now instead of
 * at its limit. */
void machine_stopped(struct context *context, struct desktop *desktop, const char *why);

/* Does a failure of work on a machine tell something of that machine? Not when its host was away or
 * busy, when our disk is in trouble, or when something that many machines share is wrong. */
bool failure_is_machines(int code);

/* Was a call to a host not begun, or is its outcome unknown? Then it is made again. */
bool failure_is_hosts(int code);

/* Keep a desktop out of hand-out, durably, with a reason. */
void desktop_quarantine(struct context *context, struct desktop *desktop, const char *why);

/* Drop what waits and nobody will hear of: reactor_stop. */
void machine_requests_drop(struct context *context);

#endif
