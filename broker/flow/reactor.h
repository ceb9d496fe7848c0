/* reactor.h - start and stop of module flow, and what reacts to facts: notices of the core, events
 * of hosts, the end of the recovery window.
 *
 * Module flow, for the program. Everything that reacts to changes listens here, once: a notice
 * marks what must be checked (notices.c), and the check runs at the end of the turn. Nothing polls.
 */
#ifndef BERTH_FLOW_REACTOR_H
#define BERTH_FLOW_REACTOR_H

#include "flow/context.h"

/* reactor_start: start what module flow keeps running (queues, refill, inventory of hosts, timers),
 * once the store is loaded; connects the hosts; makes context->reactor.
 *
 * reactor_stop: cancel every flow, wait for nothing, free context->reactor. For the orderly stop
 * after reactor_quiesce has completed, or at once when a crash is simulated.
 */
void reactor_start(struct context *context);
void reactor_stop(struct context *context);

/* The orderly stop: no new sign-ons; running flows may end for up to limit_ms. Completes when none
 * is left or the time is over. */
int reactor_quiesce(struct context *context, int64_t limit_ms, struct op *op) berth_must_check;

/* For struct virt_listener; context: struct context. */
void reactor_host_event(void *context, uint64_t host_id, bool up, const struct virt_result *facts,
                        const char *reason);
void reactor_machine_event(void *context, uint64_t host_id, const struct virt_event *event);

/* Inner: at context->reactor. */
struct reactor {
    struct context *context;
    struct flow_counters flow_counters; /* counters of the engine's flows */
    struct notice_listener listener;
    struct berth_timer recovered; /* end of the recovery window */
};

/* notices.c: the listener for all notices of the core. */
void reactor_notify(struct notice_listener *listener, const struct notice *notice);

#endif
