/* test_failure.c - a disk that fails or loses syncs: nothing more is acknowledged, it is reported
 * once, no sync is repeated. */
#include <errno.h>
#include <stdatomic.h>

#include "world.h"

/* A VFS in front of the real one whose files fail when they are told to. */
enum fault { FAULT_NONE, FAULT_SYNC, FAULT_WRITE, FAULT_WRITE_FULL, FAULT_READ };

static atomic_int fault;
static atomic_int syncs_after; /* syncs that were asked for once one had failed */
static atomic_int faults;
static char faulty_name[32]; /* end of the file's name */

struct shim_file {
    sqlite3_file base;
    bool faulty;
    sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct shim_file *)(void *)file)->real;
}

static bool fails(sqlite3_file *file, enum fault kind)
{
    if (!((struct shim_file *)(void *)file)->faulty || atomic_load(&fault) != (int)kind)
        return false;
    atomic_fetch_add(&faults, 1);
    return true;
}

static int shim_close(sqlite3_file *file)
{
    int rc = real_of(file)->pMethods->xClose(real_of(file));

    free(real_of(file));
    return rc;
}

static int shim_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
    if (fails(file, FAULT_READ))
        return SQLITE_IOERR_READ;
    return real_of(file)->pMethods->xRead(real_of(file), to, size, at);
}

static int shim_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    if (fails(file, FAULT_WRITE)) {
        errno = EIO;
        return SQLITE_IOERR_WRITE;
    }
    if (fails(file, FAULT_WRITE_FULL)) {
        errno = ENOSPC;
        return SQLITE_IOERR_WRITE;
    }
    return real_of(file)->pMethods->xWrite(real_of(file), from, size, at);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    if (((struct shim_file *)(void *)file)->faulty && atomic_load(&faults) > 0)
        atomic_fetch_add(&syncs_after, 1);
    if (fails(file, FAULT_SYNC)) {
        errno = ENOSPC; /* the worst excuse: it must not be taken for a full disk */
        return SQLITE_IOERR_FSYNC;
    }
    return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int shim_lock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int shim_unlock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int shim_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int shim_control(sqlite3_file *file, int what, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int shim_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shim_shm_unmap(sqlite3_file *file, int remove_it)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove_it);
}

static const sqlite3_io_methods shim_methods = {
    2,           shim_close,   shim_read,     shim_write,       shim_truncate,  shim_sync,
    shim_size,   shim_lock,    shim_unlock,   shim_reserved,    shim_control,   shim_sector,
    shim_traits, shim_shm_map, shim_shm_lock, shim_shm_barrier, shim_shm_unmap, NULL,
    NULL,
};

static bool ends_with(const char *name, const char *end)
{
    size_t length = name ? strlen(name) : 0;

    return length >= strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

static int shim_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    struct shim_file *shim = (struct shim_file *)(void *)file;
    int rc;

    (void)vfs;
    shim->real = berth_alloc((size_t)real_vfs->szOsFile);
    shim->faulty = ends_with(name, faulty_name);
    rc = real_vfs->xOpen(real_vfs, name, shim->real, flags, out_flags);
    if (rc != SQLITE_OK) {
        free(shim->real);
        shim->base.pMethods = NULL;
        return rc;
    }
    shim->base.pMethods = &shim_methods;
    return SQLITE_OK;
}

/* From here on every file that SQLite opens is behind the shim. */
static struct world *world_on_bad_disk(const char *name)
{
    static sqlite3_vfs shim;

    atomic_store(&fault, FAULT_NONE);
    atomic_store(&faults, 0);
    atomic_store(&syncs_after, 0);
    (void)snprintf(faulty_name, sizeof(faulty_name), "%s", name);
    if (!real_vfs) {
        real_vfs = sqlite3_vfs_find(NULL);
        shim = *real_vfs;
        shim.zName = "bad-disk";
        shim.szOsFile = sizeof(struct shim_file);
        shim.xOpen = shim_open;
        assert_int_equal(sqlite3_vfs_register(&shim, 1), SQLITE_OK);
    }
    return world_new();
}

static int add_named(struct world *w, const char *name)
{
    struct row_user row = new_user(w, name);

    return add_row(w, ENTITY_user, &row);
}

static void expect_broken(struct world *w)
{
    const struct presence_row seen = { .terminal_id = 7, .presence_hash = "h", .seen_ms = 1 };
    struct changes *changes;
    struct wait wait;

    EXPECT_INT(w->failures, 1);
    EXPECT_ERR(w->failure.code, BERTH_E_STORE);
    /* Nothing is begun any more, though the disk may be well again. */
    atomic_store(&fault, FAULT_NONE);
    changes = deciding("user.add");
    wait_init(w, &wait);
    EXPECT_ERR(store_commit_begin(w->store, changes, &wait.op), BERTH_E_STORE);
    EXPECT(*wait.op.error.text);
    changes_free(changes);
    store_presence(w->store, &seen, 1); /* dropped without a word */
    world_close(w);
    EXPECT_INT(w->failures, 1); /* told once */
}

TEST(failure, a_failed_sync_is_the_end_and_is_never_tried_again)
{
    struct world *w = world_on_bad_disk("berth.db-wal");

    EXPECT_OK(add_named(w, "anna"));
    atomic_store(&fault, FAULT_SYNC);
    EXPECT_ERR(add_named(w, "bert"), BERTH_E_STORE);
    expect_broken(w);
    EXPECT_INT(atomic_load(&faults), 1);
    EXPECT_INT(atomic_load(&syncs_after), 0); /* not even when it is closed */

    EXPECT_OK(world_open(w)); /* the supervisor starts it anew */
    EXPECT(core_find_name(w->core, ENTITY_user, "anna"));
    EXPECT_INT(w->core->incarnation, 2);
    world_free(w);
}

TEST(failure, an_error_of_the_disk_is_the_end)
{
    struct world *w = world_on_bad_disk("berth.db-wal");

    EXPECT_OK(add_named(w, "anna"));
    atomic_store(&fault, FAULT_WRITE);
    EXPECT_ERR(add_named(w, "bert"), BERTH_E_STORE);
    expect_broken(w);
    EXPECT_OK(world_open(w));
    EXPECT(core_find_name(w->core, ENTITY_user, "anna"));
    EXPECT(!core_find_name(w->core, ENTITY_user, "bert"));
    world_free(w);
}

TEST(failure, an_error_whose_reason_is_no_space_is_a_full_disk)
{
    struct world *w = world_on_bad_disk("berth.db-wal");
    struct store_stats stats = { .degraded = true };

    EXPECT_OK(add_named(w, "anna"));
    atomic_store(&fault, FAULT_WRITE_FULL);
    EXPECT_ERR(add_named(w, "bert"), BERTH_E_NO_SPACE);
    atomic_store(&fault, FAULT_NONE);
    world_recovers(w, &stats);
    EXPECT(!stats.degraded);
    EXPECT_OK(add_named(w, "bert"));
    EXPECT_INT(w->failures, 0);
    world_free(w);
}

TEST(failure, a_key_that_cannot_be_kept_stops_the_decision_it_would_seal)
{
    struct world *w = world_on_bad_disk("keys.db");
    struct changes *changes = changes_new("anna", "user", "session.sign-on");

    changes->audit.subject_user_id = 7;
    atomic_store(&fault, FAULT_SYNC);
    EXPECT_ERR(commit(w, changes), BERTH_E_STORE);
    expect_broken(w);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM audit"), 0);
    world_free(w);
}

TEST(failure, a_checkpoint_that_fails_is_the_end)
{
    struct world *w = world_on_bad_disk("berth.db");
    int r = 0;

    atomic_store(&fault, FAULT_SYNC); /* of the file itself: only a checkpoint syncs it */
    for (int i = 0; i < 3000 && r == 0 && !w->failures; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "user-%d", i);
        r = add_named(w, name);
    }
    while (!w->failures)
        world_turn(w);
    expect_broken(w);
    world_free(w);
}

TEST(failure, a_last_checkpoint_that_fails_is_told)
{
    struct world *w = world_on_bad_disk("berth.db");

    EXPECT_OK(add_named(w, "anna"));
    atomic_store(&fault, FAULT_SYNC);
    world_close(w);
    EXPECT_INT(w->failures, 1);
    atomic_store(&fault, FAULT_NONE);
    EXPECT_OK(world_open(w)); /* what was acknowledged is in the log */
    EXPECT(core_find_name(w->core, ENTITY_user, "anna"));
    world_free(w);
}

TEST_MAIN()
