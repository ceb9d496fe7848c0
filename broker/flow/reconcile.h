/* reconcile.h - comparing what hosts have with what is decided.
 *
 * Module flow. When a host comes up its domains are listed before anything is placed there: running
 * machines are adopted and never restarted, missing ones are noted, unknown ones are reported and
 * left alone. Between two listings, events keep the state up to date; they may come late, twice or
 * not at all, so what matters is verified by asking the host (domain_recheck).
 */
#ifndef BERTH_FLOW_RECONCILE_H
#define BERTH_FLOW_RECONCILE_H

#include "flow/context.h"

/* The connection to a host through berth-virt was opened or lost. facts: NULL or capabilities and
 * memory. */
void reconcile_host(struct context *context, struct host *host, bool up,
                    const struct virt_result *facts, const char *reason);

/* The result of a call that changes a machine. After three consecutive unknown outcomes the host is
 * DEGRADED: nothing new is placed there, and it is listed at intervals until it answers again.
 */
void reconcile_outcome(struct context *context, struct host *host, int result);

/* Ask the host for this machine and take over its answer. A host that is down is listed anyway when
 * it is back. reason: recorded when the machine turns out to be off.
 */
void domain_recheck(struct context *context, struct desktop *desktop, const char *reason);

/* An event of a domain, or one domain of a listing. */
void reconcile_machine(struct context *context, struct host *host, const struct virt_event *event);

/* The desktop was released from quarantine: find out whether its machine runs. */
void reconcile_released(struct context *context, struct desktop *desktop);

/* At the start: continue what the store shows as begun, that is sessions that are ENDING. */
void reconcile_start(struct context *context);

/* The recovery window is over: undo what a crash left half done. */
void reconcile_recovered(struct context *context);

#endif
