/* disk.h - disks of machines: linked clones in a libvirt storage pool.
 *
 * Room virt (berth-virt). Thread: a lane. Safe to repeat.
 */
#ifndef BERTH_VIRT_DISK_H
#define BERTH_VIRT_DISK_H

#include "errand.h"

/* Names of disks that Berth makes begin so; others are never made (DENIED), listed as orphans or
 * deleted. */
#define DISK_PREFIX "berth-"

/* An overlay `volume` on the file `image`. One that is there already and is an overlay is kept,
 * whatever it is based on: it may hold a user's work; a half-made one is made anew.
 */
int disk_make(struct errand *errand, const char *storage, const char *volume,
              const char *image) berth_must_check;

/* Delete it; absent is fine. Refuses with DENIED what is not named like ours. */
int disk_drop(struct errand *errand, const char *storage, const char *volume) berth_must_check;

#endif
