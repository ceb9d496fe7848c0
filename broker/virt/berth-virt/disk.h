/* disk.h - disks of machines: linked clones in a libvirt storage pool.
 *
 * Module virt (berth-virt). Thread: a lane. Safe to repeat.
 */
#ifndef BERTH_VIRT_DISK_H
#define BERTH_VIRT_DISK_H

#include "virt_request.h"

/* Names of disks that Berth makes begin so; others are never made (DENIED), listed as orphans or
 * deleted. */
#define DISK_PREFIX "berth-"

/* A machine has two disks by turns, so that the new one is whole before the old one goes:
 * "berth-7.qcow2", which is how berthd calls it, and "berth-7.b.qcow2".
 */
#define DISK_NAMES 2
struct disk_names {
    char name[DISK_NAMES][80];
};
struct disk_paths {
    char path[DISK_NAMES][1024];
};

/* Both names, from either. Errors: DENIED for what is not named like ours. */
int disk_names(struct virt_request *request, const char *volume,
               struct disk_names *ret) berth_must_check;

/* Where they lie, or would. Errors: CONFIG without the storage pool. */
int disk_path(struct virt_request *request, const char *storage, const char *volume,
              char ret[1024]) berth_must_check;
int disk_paths(struct virt_request *request, const char *storage, const struct disk_names *names,
               struct disk_paths *ret) berth_must_check;

/* A new overlay `volume` on the file `image`, in the place of whatever has that name: the caller
 * knows that nobody uses it. On failure nothing of it stays. Errors: CONFIG when the image is at
 * fault, or the storage pool: nothing that a machine can help.
 */
int disk_renew(struct virt_request *request, const char *storage, const char *volume,
               const char *image) berth_must_check;

/* An overlay `volume` on the file `image`. One that is there already and is an overlay is kept,
 * whatever it is based on: it may hold a user's work; a half-made one is made anew.
 */
int disk_make(struct virt_request *request, const char *storage, const char *volume,
              const char *image) berth_must_check;

/* Delete it; absent is fine. Refuses with DENIED what is not named like ours. */
int disk_drop(struct virt_request *request, const char *storage,
              const char *volume) berth_must_check;

#endif
