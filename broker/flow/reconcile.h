/* reconcile.h - what hosts have, compared with what is decided.
 *
 * Module flow. When a host comes up its machines are listed before anything is placed there: what
 * runs is adopted and never restarted, what is missing is noted, what nobody knows is reported and
 * left alone. Events between two lists keep the picture right; they may come late, twice or not at
 * all.
 */
#ifndef BERTH_FLOW_RECONCILE_H
#define BERTH_FLOW_RECONCILE_H

#include "flow/context.h"

/* berth-virt is connected, or is not any more. */
void reconcile_host(struct context *context, struct host *host, bool up,
                    const struct virt_result *facts, const char *reason);

/* How a call that changes a machine ended. Three in a row without a known outcome, and the host is
 * degraded: nothing new is placed there until it answers again; it is asked every now and then.
 */
void reconcile_outcome(struct context *context, struct host *host, int result);

/* Ask the host what became of this machine, and believe it; a host that is down is listed anyway
 * when it is back.
 */
void domain_recheck(struct context *context, struct desktop *desktop, const char *reason);

/* A life event, or one machine of a list. */
void reconcile_machine(struct context *context, struct host *host, const struct virt_event *event);

/* Released from quarantine: its host tells whether its machine runs. */
void reconcile_released(struct context *context, struct desktop *desktop);

/* What was in work when the broker ended, as far as the store tells: sessions that were ending go
 * on ending. */
void reconcile_start(struct context *context);

/* The recovery window is over: what was left half-way by a crash is made good. */
void reconcile_recovered(struct context *context);

#endif
