/* folder.h - a folder of the host as a storage pool, so that libvirt can be asked for its files.
 *
 * Module virt (berth-virt). Thread: a lane. The host may be another machine: its files are seen by
 * its libvirt alone.
 */
#ifndef BERTH_VIRT_FOLDER_H
#define BERTH_VIRT_FOLDER_H

#include "errand.h"

struct folder {
    virStoragePoolPtr pool; /* its files were read anew when it was opened */
    bool made;              /* for a moment, by us */
};

/* Open the folder that the file `path` lies in, or would lie in. Close it also after a failure.
 * Errors: INVALID when `path` is not absolute or too long; libvirt's own, such as HOST without such
 * a folder.
 */
int folder_open(struct errand *errand, const char *path, struct folder *ret) berth_must_check;
void folder_close(struct folder *folder); /* for berth_cleanup; its files stay */

#endif
