/* layers.h - files on top of a machine's own disk: external snapshots made by others.
 *
 * Module virt (berth-virt). Thread: a lane. A backup tool or an administrator may have added layers
 * since Berth created the disk, so libvirt is asked each time. A layer contains what the user wrote
 * since.
 *
 *     nightly.qcow2 -> berth-7.qcow2 -> golden.qcow2
 *     (a layer)        (own disk)       (the image)
 */
#ifndef BERTH_VIRT_LAYERS_H
#define BERTH_VIRT_LAYERS_H

#include "disk.h"

/* Longer chains are refused. */
#define LAYERS_MAX 64

struct layers {
    char *paths[LAYERS_MAX]; /* top first; no path twice */
    size_t count;
    int own; /* which of the machine's own two disks is in use, -1: neither */
};

/* Find the layers of `domain`, whose own disks are `names` in `storage`: the files above its own
 * disk, and the files that its snapshots name. Call layers_free also on failure.
 *
 * Errors: DESKTOP when its main disk is not based on one of its own disks (an administrator gave it
 * another), or a block copy is running; CONFIG (no such storage pool).
 */
int layers_find(struct virt_request *request, virDomainPtr domain, const char *storage,
                const struct disk_names *names, struct layers *ret) berth_must_check;

/* Delete the files that exist. Errors: DESKTOP naming the file. */
int layers_drop(struct virt_request *request, const struct layers *layers) berth_must_check;

/* Delete the snapshots' metadata in libvirt; layers_drop deletes their files. */
int layers_forget(struct virt_request *request, virDomainPtr domain) berth_must_check;

void layers_free(struct layers *layers); /* for berth_cleanup */

#endif
