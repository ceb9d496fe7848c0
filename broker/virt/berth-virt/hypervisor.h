/* hypervisor.h - the permanent connection to one hypervisor: its events, and whether it is
 * reachable.
 *
 * Module virt (berth-virt). Two threads of its own: the event thread runs libvirt's event loop; the
 * connection thread opens the event connection, registers the events, waits until it is lost,
 * reports that, and reopens it after 0.5 to 30 s with jitter. The event connection serves events
 * only; keepalive detects a hung daemon (KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT). Lanes get
 * connections of their own here.
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

/* Start to connect, if that was not done before, and wait up to limit_ms. A back-off that is
 * running ends now. *ret_events: life-cycle events are registered. Errors: HOST_DOWN with libvirt's
 * message.
 */
int hypervisor_open(struct hypervisor *hypervisor, const char *uri, int64_t limit_ms,
                    bool *ret_events, struct berth_error *reterr) berth_must_check;

/* Get a connection for a lane: *connection stays when it is of the present *generation, else it is
 * abandoned and opened again. May block as long as libvirt does. Errors: HOST_DOWN.
 */
int hypervisor_lane_connection(struct hypervisor *hypervisor, virConnectPtr *connection,
                               unsigned *generation, struct berth_error *reterr) berth_must_check;

/* Should the process be restarted? An attempt to connect hangs, or too many dead connections were
 * abandoned.
 */
bool hypervisor_needs_restart(struct hypervisor *hypervisor);

#endif
