/* power_vfs.h - SQLite on a struct power_disk: the shim under the store's own object code.
 *
 * Test code. Registered as the default VFS, so that the store, which knows nothing of it, opens its
 * files here. One process, any number of connections and threads: file locks and the shared memory
 * of the write-ahead log are kept per file, as the kernel would.
 *
 * It promises to SQLite what SQLite's own VFS promises on a POSIX system: sectors of 4096 bytes and
 * that a write changes no byte beside it; and like that VFS it syncs the folder at the first sync
 * of a journal or log that it made.
 */
#ifndef BERTH_TESTS_FAULTS_POWER_VFS_H
#define BERTH_TESTS_FAULTS_POWER_VFS_H

#include "power_disk.h"

/* Who answers "synced". The others are controls: each must lose something, or the harness sees
 * nothing. */
enum power_honesty {
    POWER_HONEST,
    POWER_NORMAL, /* the log is synced before it is folded back only: synchronous=NORMAL */
    POWER_LIES,   /* a disk that syncs nothing */
};

/* Once, before SQLite is used. */
void power_vfs_register(void);

/* Which disk the files are on from now on; no connection may be open. */
void power_vfs_use(struct power_disk *disk, enum power_honesty honesty);

#endif
