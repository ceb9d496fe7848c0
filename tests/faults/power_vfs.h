/* power_vfs.h - a SQLite VFS on a struct power_disk, below the store's own object code.
 *
 * Test code. It is the default VFS, so that the unchanged store opens its files here. One process,
 * any number of connections and threads: file locks and the shared memory of the write-ahead log
 * are kept per file, as the kernel would.
 *
 * It promises to SQLite what SQLite's own VFS promises on a POSIX system: sectors of 4096 bytes and
 * that a write changes no byte beside it; and like that VFS it syncs the folder at the first sync
 * of a journal or log that it made.
 */
#ifndef BERTH_TESTS_FAULTS_POWER_VFS_H
#define BERTH_TESTS_FAULTS_POWER_VFS_H

#include "power_disk.h"

/* What a sync does. All but the first are controls: each must lose something, else the test proves
 * nothing. */
enum power_honesty {
    POWER_HONEST,
    POWER_NORMAL, /* the log is synced before a checkpoint only: synchronous=NORMAL */
    POWER_LIES,   /* a disk that syncs nothing */
};

/* Once, before SQLite is used. */
void power_vfs_register(void);

/* Which disk the files are on from now on; no connection may be open. */
void power_vfs_use(struct power_disk *disk, enum power_honesty honesty);

#endif
