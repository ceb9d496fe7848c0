/* disk.h - disks of machines: linked clones in a libvirt storage pool.
 *
 * Module virt (berth-virt). Thread: a lane. Safe to repeat.
 */
#ifndef BERTH_VIRT_DISK_H
#define BERTH_VIRT_DISK_H

#include "virt_request.h"

/* Prefix of the names of Berth's disks; others are never created (DENIED), listed as orphans or
 * deleted. */
#define DISK_PREFIX "berth-"

/* A machine has one of two disks in turn, so that the new one is complete before the old one is
 * deleted: "berth-7.qcow2", the name that berthd uses for either, and "berth-7.b.qcow2".
 */
#define DISK_NAMES 2
struct disk_names {
    char name[DISK_NAMES][80];
};
struct disk_paths {
    char path[DISK_NAMES][1024];
};

/* Both names, from either. Errors: DENIED (without DISK_PREFIX). */
int disk_names(struct virt_request *request, const char *volume,
               struct disk_names *ret) berth_must_check;

/* Their paths; the files need not exist. Errors: CONFIG (no such storage pool). */
int disk_path(struct virt_request *request, const char *storage, const char *volume,
              char ret[1024]) berth_must_check;
int disk_paths(struct virt_request *request, const char *storage, const struct disk_names *names,
               struct disk_paths *ret) berth_must_check;

/* Create an overlay `volume` on the file `image`, replacing a file of that name: the caller makes
 * sure that it is not in use. On failure no file is left. Errors: CONFIG when the cause is the
 * image or the storage pool, and not this machine.
 */
int disk_renew(struct virt_request *request, const char *storage, const char *volume,
               const char *image) berth_must_check;

/* Create an overlay `volume` on the file `image`. An existing overlay is kept, whatever its backing
 * file is, because it may hold a user's work; an incomplete one is recreated.
 */
int disk_make(struct virt_request *request, const char *storage, const char *volume,
              const char *image) berth_must_check;

/* Delete it, if it exists. Errors: DENIED (without DISK_PREFIX). */
int disk_drop(struct virt_request *request, const char *storage,
              const char *volume) berth_must_check;

#endif
