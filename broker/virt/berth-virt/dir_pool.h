/* dir_pool.h - a folder of the host as a storage pool, so that libvirt can be asked for its files.
 *
 * Module virt (berth-virt). Thread: a lane. The host may be another machine: its files are seen by
 * its libvirt alone.
 */
#ifndef BERTH_VIRT_DIR_POOL_H
#define BERTH_VIRT_DIR_POOL_H

#include "virt_request.h"

struct dir_pool {
    virStoragePoolPtr pool; /* its files were read anew when it was opened */
    bool transient;         /* made for a moment, by us */
};

/* Open the folder that the file `path` lies in, or would lie in. Close it also after a failure.
 * Errors: INVALID when `path` is not absolute or too long; libvirt's own, such as HOST without such
 * a folder.
 */
int dir_pool_open(struct virt_request *request, const char *path,
                  struct dir_pool *ret) berth_must_check;
void dir_pool_close(struct dir_pool *dir_pool); /* for berth_cleanup; its files stay */

#endif
