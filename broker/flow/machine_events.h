/* machine_events.h - a machine stopped, runs, or is missing: what its host reports, and what follows
 * for its desktop and its session.
 *
 * Module flow. Running machines are adopted and never restarted, missing ones are noted, unknown
 * ones are reported and left alone. Events may come late, twice or not at all, so what matters is
 * verified by asking the host (domain_recheck).
 */
#ifndef BERTH_FLOW_MACHINE_EVENTS_H
#define BERTH_FLOW_MACHINE_EVENTS_H

#include "flow/context.h"

/* Ask the host for this machine and take over its answer. A host that is down is listed anyway when
 * it is back. reason: recorded when the machine turns out to be off.
 */
void domain_recheck(struct context *context, struct desktop *desktop, const char *reason);

/* An event of a domain, or one domain of a listing. */
void machine_event(struct context *context, struct host *host, const struct virt_event *event);

#endif
