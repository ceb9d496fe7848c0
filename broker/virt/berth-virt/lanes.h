/* lanes.h - threads that carry out calls: each with its own connection and one call in flight.
 *
 * Module virt (berth-virt). libvirt's keepalive works only with one call in flight per connection.
 * Two actions on one machine never run at once, nor do two calls to one guest: the second waits for
 * its turn, and is refused with BUSY, not begun, when its limit passes meanwhile. A call that has
 * passed its limit is left alone with its lane and its connection, what it held is released and
 * what it still says is dropped, and a fresh lane takes its place; at most LANES_ABANDONED_MAX are
 * left so, then the process ends with a sentence and berthd starts another.
 */
#ifndef BERTH_VIRT_LANES_H
#define BERTH_VIRT_LANES_H

#include "hypervisor.h"
#include "virt_request.h"

#define LANES_ABANDONED_MAX 8

/* Beyond the limit that berthd keeps, so that its own clock is the one that decides. */
#define LANES_GRACE_MS 500

struct lanes;

/* Start the threads; they live as long as the process. */
struct lanes *lanes_new(struct hypervisor *hypervisor, struct out *out);

/* Take over a request; its answer goes to `out`. */
void lanes_submit(struct lanes *lanes, struct virt_request *request);

/* Look after calls that take too long; call it about twice a second. false: too many are stuck. */
bool lanes_watch(struct lanes *lanes);

#endif
