/* events.h - translate libvirt's events to struct virt_event.
 *
 * Module virt (berth-virt). The callbacks run on the event thread and call only accessors of
 * libvirt.
 */
#ifndef BERTH_VIRT_EVENTS_H
#define BERTH_VIRT_EVENTS_H

#include <libvirt/libvirt.h>

#include "berth/enums.h"

struct out;

#define EVENTS_KINDS 3

/* Callback ids of one connection; -1: the driver does not have this event. */
struct events {
    int registered[EVENTS_KINDS];
};

/* False when the driver has no life-cycle events. */
bool events_register(struct events *events, virConnectPtr connection, struct out *out);
void events_deregister(struct events *events, virConnectPtr connection);

/* ---- for tests ---- */

/* The kind of a life-cycle event, or virt_event_kind_NONE when it is ignored; *ret_reason: its
 * detail. */
enum virt_event_kind events_kind(int event, int detail, const char **ret_reason);

#endif
