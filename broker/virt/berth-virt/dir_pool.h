/* dir_pool.h - a folder of the host as a storage pool, to query its files through libvirt.
 *
 * Module virt (berth-virt). Thread: a lane. The host may be another machine, whose files only its
 * libvirt can read.
 */
#ifndef BERTH_VIRT_DIR_POOL_H
#define BERTH_VIRT_DIR_POOL_H

#include "virt_request.h"

struct dir_pool {
    virStoragePoolPtr pool; /* refreshed when it was opened */
    bool transient;         /* created by us for this request */
};

/* Open the folder of the file `path`, which need not exist. Call dir_pool_close also after a
 * failure. Errors: INVALID (`path` is not absolute, or too long); those of libvirt, such as HOST
 * when the folder does not exist.
 */
int dir_pool_open(struct virt_request *request, const char *path,
                  struct dir_pool *ret) berth_must_check;
void dir_pool_close(struct dir_pool *dir_pool); /* for berth_cleanup; does not delete files */

#endif
