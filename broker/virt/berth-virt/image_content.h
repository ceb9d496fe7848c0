/* image_content.h - is a qcow2 file of the host whole, and can a desktop's disk lie on it?
 *
 * Module virt (berth-virt). Thread: a lane. Some kilobytes of the file are read through libvirt,
 * which need not be on this machine.
 */
#ifndef BERTH_VIRT_IMAGE_CONTENT_H
#define BERTH_VIRT_IMAGE_CONTENT_H

#include "virt_request.h"

/* Look at the qcow2 file `volume`, which lies at `path`. Errors: CONFIG with a sentence for a file
 * that is cut off, damaged, encrypted, or names its backing file in a way that libvirt does not
 * read (backing_name.h); libvirt's own.
 */
int image_check_content(struct virt_request *request, virStorageVolPtr volume,
                        const char *path) berth_must_check;

/* Fill the error that says so; CONFIG. */
int image_is_encrypted(struct virt_request *request, const char *path);

#endif
