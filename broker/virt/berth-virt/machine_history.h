/* machine_history.h - record what happens to machines, as lines of a history (berth/history.h).
 *
 * Module virt (berth-virt). Any thread. Lines are recorded where libvirt is called and where its
 * events arrive: the view of the hypervisor, independent of the broker.
 */
#ifndef BERTH_VIRT_MACHINE_HISTORY_H
#define BERTH_VIRT_MACHINE_HISTORY_H

#include "berth/history.h"

/* Record to this file from now on; host: its name in the lines. Call once, before any call is
 * served. A file that cannot be opened is logged, and nothing is recorded.
 */
void machine_history_open(const char *path, const char *host);

/* This process did this, or is about to. */
void machine_history_done(const char *uuid, enum history_machine_event event);

/* The hypervisor reported this, by an event or in a list. */
void machine_history_reported(const char *uuid, enum history_machine_event event);

#endif
