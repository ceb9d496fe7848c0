/* events.h - what libvirt tells by itself, in the words of virt_event.
 *
 * Module virt (berth-virt). The callbacks run on the event thread and call nothing of libvirt but
 * accessors.
 */
#ifndef BERTH_VIRT_EVENTS_H
#define BERTH_VIRT_EVENTS_H

#include <libvirt/libvirt.h>

#include "berth/base.h"

struct out;

#define EVENTS_KINDS 3

/* Numbers of the registrations of one connection; -1: the driver has no such event. */
struct events {
    int registered[EVENTS_KINDS];
};

/* false when the driver has no life-cycle events at all. */
bool events_register(struct events *events, virConnectPtr connection, struct out *out);
void events_deregister(struct events *events, virConnectPtr connection);

/* ---- for tests ---- */

/* Word of virt_event.what for a life-cycle event, or NULL when it is of no interest; *ret_reason
 * its detail. */
const char *events_word(int event, int detail, const char **ret_reason);

#endif
