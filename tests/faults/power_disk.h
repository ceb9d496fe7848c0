/* power_disk.h - a disk in memory that can lose its power: it knows the order of writes and syncs.
 *
 * Test code. Thread: any; a disk has its own lock, which the VFS takes around every call. A disk is
 * one folder of files in memory. While `journal` is set, every change of it is an entry there. From
 * a first image and a prefix of the entries power_cut makes an image that a real disk may hold when
 * the power fails at that moment:
 *
 *   - what was written before a file's last sync is there;
 *   - of what was written since, any part may be there: whole writes, some of their sectors of 512
 *     bytes, later ones without the earlier ones;
 *   - a file made, or deleted, since the folder's last sync may be missing, or there again.
 */
#ifndef BERTH_TESTS_FAULTS_POWER_DISK_H
#define BERTH_TESTS_FAULTS_POWER_DISK_H

#include <pthread.h>

#include "berth/random.h"

#define POWER_SECTOR 512
#define POWER_INODES 64 /* files ever made between two images: a handful */
#define POWER_NAME 48

/* A file without its name. */
struct power_inode {
    unsigned char *bytes;
    size_t size, capacity;
};

struct power_entry {
    enum power_kind {
        POWER_MAKE,
        POWER_DELETE,
        POWER_WRITE,
        POWER_CUT_OFF, /* the file ends at `offset` from now on */
        POWER_SYNC,
        POWER_SYNC_FOLDER,
    } kind;
    int inode;
    size_t offset, length;
    size_t data; /* WRITE: offset of its bytes in the journal */
    char name[POWER_NAME];
};

struct power_journal {
    struct power_entry *entries;
    size_t count, capacity;
    unsigned char *bytes;
    size_t used, bytes_capacity;
};

struct power_name {
    char name[POWER_NAME];
    int inode;
};

struct power_disk {
    pthread_mutex_t lock;
    struct power_inode inodes[POWER_INODES];
    int inode_count;
    struct power_name names[POWER_INODES];
    int name_count;
    struct power_journal *journal; /* NULL: not recorded */
};

void power_disk_init(struct power_disk *disk);
void power_disk_clear(struct power_disk *disk);

/* The files that have a name, their inodes numbered in the order of the names; a copy of a copy has
 * the same numbers. */
void power_disk_copy(struct power_disk *to, const struct power_disk *from);

/* The calls of a file system; the lock is held. An inode that does not exist is -1. */
int power_find(const struct power_disk *disk, const char *name);
int power_make(struct power_disk *disk, const char *name);
void power_delete(struct power_disk *disk, const char *name);
void power_write(struct power_disk *disk, int inode, size_t offset, const void *bytes,
                 size_t length);
void power_truncate(struct power_disk *disk, int inode, size_t size);
void power_sync(struct power_disk *disk, int inode);
void power_sync_folder(struct power_disk *disk);

void power_journal_clear(struct power_journal *journal);

/* Power cuts along one journal: points are tried in rising order, so that the durable state is
 * carried along and not computed anew. */
struct power_replay;

/* first: a copy, as the disk was when the journal began. */
struct power_replay *power_replay_new(const struct power_disk *first,
                                      const struct power_journal *journal);
void power_replay_free(struct power_replay *replay);

/* Set *ret (initialised) to what the disk may hold when the power fails after `point` entries;
 * `point` never falls. */
void power_replay_cut(struct power_replay *replay, size_t point, struct berth_random *random,
                      struct power_disk *ret);

#endif
