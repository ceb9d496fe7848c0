/* backing_name.h - the name of the backing file in the header of an image, plain or as
 * "json:{...}".
 *
 * Module virt (berth-virt). No I/O. The name is untrusted: anyone may have written the image.
 * QEMU's tools write names as JSON, by "qemu-img create -b json:..." and by block jobs of a running
 * machine.
 */
#ifndef BERTH_VIRT_BACKING_NAME_H
#define BERTH_VIRT_BACKING_NAME_H

#include "berth/error.h"

/* Is the name in JSON form? */
bool backing_name_is_json(const char *name, size_t size);

/* Check that the name is that of a regular file of the host, in a form that both libvirt (which
 * reports it as the backing file and passes it to machines) and qemu-img (which creates disks)
 * understand: a plain name without a protocol prefix ("nbd:", also "file:"); or as JSON the driver
 * 'file' with an absolute path, alone or as "file" of the driver 'raw', and no further keys.
 *
 * Errors: CONFIG, naming the driver or protocol, or what is wrong with the name.
 */
int backing_name_check(const char *name, size_t size, struct berth_error *reterr) berth_must_check;

#endif
