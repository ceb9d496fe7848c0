/* power_vfs.c - a SQLite VFS on a struct power_disk: files, locks, shared memory. */
#include "power_vfs.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define SHM_REGIONS 16 /* of 32 KiB: logs of some 60,000 frames */

struct file;

/* Shared by the connections of one file. */
struct shared {
    int readers;                 /* handles with a lock of any kind */
    const struct file *reserved; /* the handle that is about to write */
    const struct file *pending;  /* the handle that waits until there are no readers */
    void volatile *regions[SHM_REGIONS];
    int shm_readers[SQLITE_SHM_NLOCK];
    const struct file *shm_writer[SQLITE_SHM_NLOCK];
    int shm_users;
    bool sync_owed; /* POWER_NORMAL: of a log */
};

struct file {
    sqlite3_file base;
    int inode;
    int level; /* SQLITE_LOCK_x */
    bool folder_owed;
    bool is_log, is_main;
    bool shm_used;
    unsigned shm_shared, shm_exclusive; /* bits of slots */
};

static struct {
    struct power_disk *disk;
    enum power_honesty honesty;
    struct shared shared[POWER_INODES];
    sqlite3_vfs *system;
} power;

static struct file *file_of(sqlite3_file *base)
{
    return container_of(base, struct file, base);
}

static struct shared *shared_of(const struct file *file)
{
    return &power.shared[file->inode];
}

static void lock(void)
{
    (void)pthread_mutex_lock(&power.disk->lock);
}

static void unlock(void)
{
    (void)pthread_mutex_unlock(&power.disk->lock);
}

/* ---- syncing, or not ---- */

static void sync_now(struct file *file)
{
    if (power.honesty == POWER_LIES)
        return;
    if (power.honesty == POWER_NORMAL && file->is_log) {
        shared_of(file)->sync_owed = true;
        return;
    }
    power_sync(power.disk, file->inode);
}

static void sync_folder(void)
{
    if (power.honesty != POWER_LIES)
        power_sync_folder(power.disk);
}

/* A write to the database itself means a checkpoint: NORMAL syncs the log before it. */
static void pay_logs(void)
{
    for (int i = 0; i < power.disk->inode_count; i++) {
        if (power.shared[i].sync_owed)
            power_sync(power.disk, i);
        power.shared[i].sync_owed = false;
    }
}

/* ---- reading and writing ---- */

static int file_read(sqlite3_file *base, void *out, int length, sqlite3_int64 offset)
{
    const struct file *file = file_of(base);
    const struct power_inode *inode;
    size_t wanted = (size_t)length;
    size_t there = 0;

    lock();
    inode = &power.disk->inodes[file->inode];
    if ((size_t)offset < inode->size)
        there = inode->size - (size_t)offset;
    if (there > wanted)
        there = wanted;
    if (there)
        memcpy(out, inode->bytes + offset, there);
    unlock();
    if (there == wanted)
        return SQLITE_OK;
    memset((char *)out + there, 0, wanted - there);
    return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *bytes, int length, sqlite3_int64 offset)
{
    const struct file *file = file_of(base);

    lock();
    if (file->is_main)
        pay_logs();
    power_write(power.disk, file->inode, (size_t)offset, bytes, (size_t)length);
    unlock();
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    lock();
    power_truncate(power.disk, file_of(base)->inode, (size_t)size);
    unlock();
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct file *file = file_of(base);

    (void)flags; /* data alone or all: a size that matters goes with both */
    lock();
    sync_now(file);
    if (file->folder_owed)
        sync_folder();
    file->folder_owed = false;
    unlock();
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    lock();
    *ret = (sqlite3_int64)power.disk->inodes[file_of(base)->inode].size;
    unlock();
    return SQLITE_OK;
}

/* ---- locks of a file ---- */

static int lock_exclusive(struct file *file, struct shared *shared)
{
    if (shared->pending && shared->pending != file)
        return SQLITE_BUSY;
    shared->pending = file;
    file->level = SQLITE_LOCK_PENDING;
    if (shared->readers > 1)
        return SQLITE_BUSY;
    file->level = SQLITE_LOCK_EXCLUSIVE;
    return SQLITE_OK;
}

static int lock_more(struct file *file, struct shared *shared, int level)
{
    if (level == SQLITE_LOCK_SHARED) {
        if (shared->pending)
            return SQLITE_BUSY;
        shared->readers++;
        file->level = level;
        return SQLITE_OK;
    }
    if (level == SQLITE_LOCK_RESERVED) {
        if (shared->reserved)
            return SQLITE_BUSY;
        shared->reserved = file;
        file->level = level;
        return SQLITE_OK;
    }
    return lock_exclusive(file, shared);
}

static int file_lock(sqlite3_file *base, int level)
{
    struct file *file = file_of(base);
    int rc = SQLITE_OK;

    lock();
    if (level > file->level)
        rc = lock_more(file, shared_of(file), level);
    unlock();
    return rc;
}

static void lock_less(struct file *file, struct shared *shared, int level)
{
    if (file->level <= level)
        return;
    if (shared->pending == file)
        shared->pending = NULL;
    if (shared->reserved == file)
        shared->reserved = NULL;
    if (level == SQLITE_LOCK_NONE)
        shared->readers--;
    file->level = level;
}

static int file_unlock(sqlite3_file *base, int level)
{
    struct file *file = file_of(base);

    lock();
    lock_less(file, shared_of(file), level);
    unlock();
    return SQLITE_OK;
}

static int file_reserved(sqlite3_file *base, int *ret)
{
    lock();
    *ret = shared_of(file_of(base))->reserved != NULL;
    unlock();
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *argument)
{
    (void)base;
    (void)op;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *base)
{
    (void)base;
    return 4096;
}

static int characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- the log's shared memory: ends with the process, never on the disk ---- */

static int shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret)
{
    struct file *file = file_of(base);
    struct shared *shared = shared_of(file);
    int rc = SQLITE_OK;

    lock();
    if (!file->shm_used)
        shared->shm_users++;
    file->shm_used = true;
    if (region >= SHM_REGIONS)
        rc = SQLITE_FULL;
    else if (!shared->regions[region] && extend)
        shared->regions[region] = berth_alloc((size_t)size);
    *ret = region < SHM_REGIONS ? shared->regions[region] : NULL;
    unlock();
    return rc;
}

static int shm_take(struct file *file, struct shared *shared, int slot, bool exclusive)
{
    if (shared->shm_writer[slot] && shared->shm_writer[slot] != file)
        return SQLITE_BUSY;
    if (!exclusive)
        return SQLITE_OK;
    return shared->shm_readers[slot] > (int)(file->shm_shared >> slot & 1U) ? SQLITE_BUSY
                                                                            : SQLITE_OK;
}

static void shm_set(struct file *file, struct shared *shared, int slot, bool exclusive)
{
    if (exclusive) {
        shared->shm_writer[slot] = file;
        file->shm_exclusive |= 1U << slot;
    } else if (!(file->shm_shared >> slot & 1U)) {
        shared->shm_readers[slot]++;
        file->shm_shared |= 1U << slot;
    }
}

static void shm_drop(struct file *file, struct shared *shared, int slot)
{
    if (file->shm_exclusive >> slot & 1U)
        shared->shm_writer[slot] = NULL;
    if (file->shm_shared >> slot & 1U)
        shared->shm_readers[slot]--;
    file->shm_exclusive &= ~(1U << slot);
    file->shm_shared &= ~(1U << slot);
}

static int shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
    struct file *file = file_of(base);
    struct shared *shared = shared_of(file);
    bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    int rc = SQLITE_OK;

    lock();
    for (int slot = offset; slot < offset + count; slot++) {
        if (flags & SQLITE_SHM_UNLOCK)
            shm_drop(file, shared, slot);
        else if (rc == SQLITE_OK)
            rc = shm_take(file, shared, slot, exclusive);
    }
    for (int slot = offset; slot < offset + count; slot++)
        if (!(flags & SQLITE_SHM_UNLOCK) && rc == SQLITE_OK)
            shm_set(file, shared, slot, exclusive);
    unlock();
    return rc;
}

static void shm_barrier(sqlite3_file *base)
{
    (void)base;
    lock(); /* a lock is more than a barrier */
    unlock();
}

static int shm_unmap(sqlite3_file *base, int drop)
{
    struct file *file = file_of(base);
    struct shared *shared = shared_of(file);

    (void)drop; /* it is freed with its last user anyway */
    lock();
    for (int slot = 0; slot < SQLITE_SHM_NLOCK; slot++)
        shm_drop(file, shared, slot);
    if (file->shm_used && --shared->shm_users == 0) {
        for (int i = 0; i < SHM_REGIONS; i++) {
            free((void *)(uintptr_t)shared->regions[i]);
            shared->regions[i] = NULL;
        }
    }
    file->shm_used = false;
    unlock();
    return SQLITE_OK;
}

/* ---- opening and closing ---- */

static int file_close(sqlite3_file *base)
{
    struct file *file = file_of(base);

    (void)shm_unmap(base, 0);
    lock();
    lock_less(file, shared_of(file), SQLITE_LOCK_NONE);
    unlock();
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* The store's files all lie in one folder. */
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The store makes berth.db and presence.db as empty files and syncs the folder before SQLite sees
 * them; keys.db it makes and leaves the folder to the first journal of SQLite's. */
static void make(struct file *file, const char *name, int flags)
{
    file->inode = power_make(power.disk, name);
    file->folder_owed =
        flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL);
    if (file->is_main && strcmp(name, "keys.db") != 0)
        power_sync_folder(power.disk);
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    struct file *file = file_of(base);
    const char *name;

    (void)vfs;
    memset(file, 0, sizeof(*file));
    if (!path)
        return SQLITE_CANTOPEN; /* the store keeps what is temporary in memory */
    name = name_of(path);
    file->is_main = flags & SQLITE_OPEN_MAIN_DB;
    file->is_log = flags & SQLITE_OPEN_WAL;
    lock();
    file->inode = power_find(power.disk, name);
    if (file->inode < 0)
        make(file, name, flags);
    unlock();
    file->base.pMethods = &methods;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    int rc = SQLITE_OK;

    (void)vfs;
    lock();
    if (power_find(power.disk, name_of(path)) < 0)
        rc = SQLITE_IOERR_DELETE_NOENT;
    else
        power_delete(power.disk, name_of(path));
    if (rc == SQLITE_OK && sync)
        sync_folder();
    unlock();
    return rc;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret)
{
    int inode;

    (void)vfs;
    lock();
    inode = power_find(power.disk, name_of(path));
    /* SQLite treats an empty journal or log as missing. */
    *ret = inode >= 0 && (flags != SQLITE_ACCESS_EXISTS || power.disk->inodes[inode].size > 0);
    unlock();
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    (void)vfs;
    (void)snprintf(out, (size_t)size, "%s", path);
    return SQLITE_OK;
}

void power_vfs_register(void)
{
    static sqlite3_vfs vfs;

    power.system = sqlite3_vfs_find("unix");
    vfs = *power.system; /* clock, sleep, randomness, errors: the system's */
    vfs.szOsFile = sizeof(struct file);
    vfs.zName = "power";
    vfs.pNext = NULL;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    vfs.xAccess = vfs_access;
    vfs.xFullPathname = vfs_full_path;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        abort(); /* fails for want of memory alone */
}

void power_vfs_use(struct power_disk *disk, enum power_honesty honesty)
{
    power.disk = disk;
    power.honesty = honesty;
    memset(power.shared, 0, sizeof(power.shared)); /* nothing is open: nothing is held */
}
