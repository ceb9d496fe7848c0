/* image_content.h - check that a qcow2 file is complete and usable as a backing file of desktops.
 *
 * Module virt (berth-virt). Thread: a lane. Reads some kilobytes of the file through libvirt, which
 * may be on another machine.
 */
#ifndef BERTH_VIRT_IMAGE_CONTENT_H
#define BERTH_VIRT_IMAGE_CONTENT_H

#include "virt_request.h"

/* Check the qcow2 file `volume` at `path`. Errors: CONFIG for a file that is truncated, damaged,
 * encrypted, or names its backing file in a form that libvirt does not read (backing_name.h); those
 * of libvirt.
 */
int image_check_content(struct virt_request *request, virStorageVolPtr volume,
                        const char *path) berth_must_check;

/* Fill the error "is encrypted" (CONFIG) and return its code. */
int image_is_encrypted(struct virt_request *request, const char *path);

#endif
