/* backing_name.h - the name of a backing file that stands in an image, plain or as "json:{...}".
 *
 * Module virt (berth-virt). No I/O: the name comes from a file that anybody made. QEMU's tools
 * write names as JSON, by "qemu-img create -b json:..." and by block jobs of a running machine.
 */
#ifndef BERTH_VIRT_BACKING_NAME_H
#define BERTH_VIRT_BACKING_NAME_H

#include "berth/error.h"

/* Does a name of these bytes stand as JSON? */
bool backing_name_is_json(const char *name, size_t size);

/* Does it name an ordinary file of the host, in a way that libvirt reads (which tells that
 * file's path as the backing file, and gives it to machines) and qemu-img too (which makes disks)?
 * Of plain names that is each without a protocol ("nbd:", also "file:"); as JSON the driver 'file'
 * with an absolute path as "file", or as "file" of the driver 'raw', and no other key than these
 * need.
 *
 * Errors: CONFIG with a sentence that says which driver or protocol it is, or what is wrong with
 * the name.
 */
int backing_name_check(const char *name, size_t size, struct berth_error *reterr) berth_must_check;

#endif
