/* hypervisor.h - the standing connection to one hypervisor: events, and whether it is there at all.
 *
 * Module virt (berth-virt). Two threads of its own. One runs libvirt's event loop for ever. The
 * connection thread opens the event connection, registers what is to be heard, waits until it is
 * lost, says so, and opens it again after 0.5 to 30 s with jitter. The event connection is used for
 * nothing else; keepalive notices a hung daemon on it in HANG_S seconds. Lanes get connections of
 * their own here.
 */
#ifndef BERTH_VIRT_HYPERVISOR_H
#define BERTH_VIRT_HYPERVISOR_H

#include <libvirt/libvirt.h>

#include "berth/error.h"

struct hypervisor;
struct out;

/* libvirt fails a call, or closes an idle connection, after interval * (count + 1) seconds without
 * an answer. */
#define KEEPALIVE_INTERVAL_S 1
#define KEEPALIVE_COUNT 4

/* Starts the event thread; libvirt must not have been used before. One per process. */
struct hypervisor *hypervisor_new(struct out *out);

/* Connect, when not told so before, and wait up to limit_ms for it. With a connection that waits
 * for its next attempt the attempt is made now. *ret_events: life-cycle events were registered.
 * Errors: HOST_DOWN with libvirt's sentence.
 */
int hypervisor_open(struct hypervisor *hypervisor, const char *uri, int64_t limit_ms,
                    bool *ret_events, struct berth_error *reterr) berth_must_check;

/* A connection for a lane: *connection stays when it is of the present *generation, else it is
 * given up and opened anew. May block as long as libvirt does. Errors: HOST_DOWN.
 */
int hypervisor_lane_connection(struct hypervisor *hypervisor, virConnectPtr *connection,
                               unsigned *generation, struct berth_error *reterr) berth_must_check;

/* Is the process better started anew? An attempt to connect is stuck, or too many dead connections
 * were left behind.
 */
bool hypervisor_needs_restart(struct hypervisor *hypervisor);

#endif
