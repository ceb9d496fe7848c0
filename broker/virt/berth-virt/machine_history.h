/* machine_history.h - what is done to machines and heard of them, as lines of a history.
 *
 * Module virt (berth-virt). Any thread. The lines stand where libvirt is called and where its
 * events arrive: they are what the hypervisor knows, whatever the broker makes of it.
 */
#ifndef BERTH_VIRT_MACHINE_HISTORY_H
#define BERTH_VIRT_MACHINE_HISTORY_H

#include "berth/history.h"

/* Record into this file from now on; host: how lines call it. Once, before any call. A file that
 * cannot be opened is logged: machines matter more than what is written of them.
 */
void machine_history_open(const char *path, const char *host);

/* This process has done so, or is about to. */
void machine_history_did(const char *uuid, enum history_machine_event event);

/* The hypervisor told so: by an event, or in a list. */
void machine_history_heard(const char *uuid, enum history_machine_event event);

#endif
