/* layers.h - files that somebody laid over a machine's own disk: external snapshots and what
 * belongs to them.
 *
 * Module virt (berth-virt). Thread: a lane. What libvirt has now is the truth: a backup tool or an
 * administrator may have given the machine another top file since Berth made its disk. Such a file
 * holds what its user wrote.
 *
 *     nightly.qcow2 -> berth-7.qcow2 -> golden.qcow2
 *     (a layer)        (own disk)       (the image)
 */
#ifndef BERTH_VIRT_LAYERS_H
#define BERTH_VIRT_LAYERS_H

#include "disk.h"

/* More than anybody keeps; a longer chain is refused. */
#define LAYERS_MAX 64

struct layers {
    char *paths[LAYERS_MAX]; /* top first; no path twice */
    size_t count;
    int own; /* which of the machine's own two disks is in use, -1: neither */
};

/* Find the layers of `domain`, whose own disks are `names` in `storage`: those of its main disk,
 * and the files that its snapshots name. Free with layers_free, also on failure.
 *
 * Errors: DESKTOP with a sentence when its main disk does not lead to a disk of its own (somebody
 * gave it another), or a block copy of it is under way; CONFIG without the storage pool.
 */
int layers_find(struct virt_request *request, virDomainPtr domain, const char *storage,
                const struct disk_names *names, struct layers *ret) berth_must_check;

/* Delete the files; those that are gone already are fine. Errors: DESKTOP naming the file. */
int layers_drop(struct virt_request *request, const struct layers *layers) berth_must_check;

/* Make libvirt forget the snapshots of a machine; their files are layers_drop's. */
int layers_forget(struct virt_request *request, virDomainPtr domain) berth_must_check;

void layers_free(struct layers *layers); /* for berth_cleanup */

#endif
