/* storage.h - open the storage pool of a host, which contains the disks as files.
 *
 * Module virt (berth-virt). Thread: a lane.
 */
#ifndef BERTH_VIRT_STORAGE_H
#define BERTH_VIRT_STORAGE_H

#include "virt_request.h"

void storage_pool_freep(virStoragePoolPtr *pool); /* for berth_cleanup */

/* Open the storage pool `name`; an inactive one is started, such as after a reboot of the host.
 * Errors: CONFIG, saying what to do (it is missing, does not contain files, or cannot be started);
 * HOST_DOWN, BUSY.
 */
int storage_open(struct virt_request *request, const char *name,
                 virStoragePoolPtr *ret) berth_must_check;

/* Change the code of request->error, r, to CONFIG, because the cause is something that many
 * machines share; unless the connection failed.
 */
int storage_config_error(struct virt_request *request, int r);

/* After libvirt failed to create a file in the pool: does its message show that the pool is the
 * cause (full, not writable)? Then fills the error with CONFIG and what to do.
 */
bool storage_is_at_fault(struct virt_request *request, const char *name);

/* Fill the error "is not active" (CONFIG) with what to do and return its code; why: libvirt's
 * message, or NULL. */
int storage_is_inactive(struct berth_error *reterr, const char *name, const char *why);

#endif
