/* storage.h - a host's storage pool, in which the disks of machines are files.
 *
 * Module virt (berth-virt). Thread: a lane.
 */
#ifndef BERTH_VIRT_STORAGE_H
#define BERTH_VIRT_STORAGE_H

#include "virt_request.h"

void storage_pool_freep(virStoragePoolPtr *pool); /* for berth_cleanup */

/* Open the storage pool `name`; one that is off is started, as after the host came up. Errors:
 * CONFIG with a sentence that says what to do when it is missing, holds no files or does not start;
 * HOST_DOWN, BUSY.
 */
int storage_open(struct virt_request *request, const char *name,
                 virStoragePoolPtr *ret) berth_must_check;

/* What libvirt just refused is the fault of something that many machines share: CONFIG, unless it
 * is the connection that failed. The error is filled already, r is its code.
 */
int storage_config_error(struct virt_request *request, int r);

/* libvirt just failed to make a file there: does it say why, and is that no fault of the file?
 * Fills the error with CONFIG and what to do.
 */
bool storage_is_at_fault(struct virt_request *request, const char *name);

/* Fill the error that says so, and what to do; why: libvirt's sentence, or NULL. CONFIG. */
int storage_is_inactive(struct berth_error *reterr, const char *name, const char *why);

#endif
