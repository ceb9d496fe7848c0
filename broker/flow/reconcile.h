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

/* List the machines of a host, unless that is under way. A host that is OPENING or DEGRADED is UP
 * after it. */
void host_list(struct context *context, struct host *host);

/* Ask the host for this machine and take over its answer. A host that is down is listed anyway when
 * it is back. reason: recorded when the machine turns out to be off.
 */
void domain_recheck(struct context *context, struct desktop *desktop, const char *reason);

/* An event of a domain, or one domain of a listing. */
void reconcile_machine(struct context *context, struct host *host, const struct virt_event *event);

#endif
