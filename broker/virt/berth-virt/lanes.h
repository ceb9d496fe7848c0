/* lanes.h - worker threads for calls: each has its own connection and one call in flight.
 *
 * Module virt (berth-virt). libvirt's keepalive works only with one call in flight per connection.
 * Actions on the same machine never run in parallel, nor do calls to the same guest: the second
 * waits, and fails with BUSY when its limit passes before it began. A call that exceeds its limit
 * is abandoned together with its lane and connection: what it held is released, its output is
 * dropped, and a new lane replaces the old one. With more than LANES_ABANDONED_MAX of them the
 * process exits with a message, and berthd starts another.
 */
#ifndef BERTH_VIRT_LANES_H
#define BERTH_VIRT_LANES_H

#include "hypervisor.h"
#include "virt_request.h"

#define LANES_ABANDONED_MAX 8

/* Added to the limits in calls.def, so that berthd's own timer always fires first. */
#define LANES_GRACE_MS 500

struct lanes;

/* Start the threads; they live as long as the process. */
struct lanes *lanes_new(struct hypervisor *hypervisor, struct out *out);

/* Take over a request; its answer goes to `out`. */
void lanes_submit(struct lanes *lanes, struct virt_request *request);

/* Abandon calls that take too long; to be called about twice a second. False: too many are stuck.
 */
bool lanes_watch(struct lanes *lanes);

#endif
