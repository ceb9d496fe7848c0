/* open.c - open the files of the data folder, migrate and check them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "berth/log.h"
#include "berth/loop.h"

#include "backup.h"
#include "migrate.h"
#include "store_internal.h"

/* Larger files are checked by backup and restore only: a broker that restarts must serve within a
 * second. */
#define CHECK_BYTES (32 << 20)

static int set_wal(sqlite3 *db, const char *synchronous, struct berth_error *reterr)
{
    char mode[16];
    int r = sql_word(db, "PRAGMA journal_mode = WAL", "switching to a write-ahead log", mode,
                     sizeof(mode), reterr);

    if (r == 0 && strcmp(mode, "wal") != 0)
        r = berth_fail(reterr, BERTH_E_STORE,
                       "the file system of the data folder does not support a write-ahead log");
    return r < 0 ? r : sql_run(db, synchronous, reterr);
}

/* Back up the file before it is migrated. */
static int backup_before_migration(sqlite3 *db, const char *path, const struct schema *schema,
                                   int version, struct berth_error *reterr)
{
    char kept[FOLDER_PATH + 64];
    int64_t at_ms = clock_wall_ms();
    int r;

    /* An earlier attempt in the same second may have left one of this name. */
    do
        (void)snprintf(kept, sizeof(kept), "%s.schema-%d.%" PRId64, path, version, at_ms++);
    while (folder_exists(kept));
    r = backup_whole(db, kept, reterr);
    if (r < 0)
        return berth_fail_in(reterr, "the backup before migrating %s", schema->file);
    log_event(EV_STORE_MIGRATED, "file", schema->file, "from", version, "to", schema->count,
              "backup", kept);
    return 0;
}

int open_migrated(const char *folder, const struct schema *schema, bool precious, sqlite3 **ret,
                  struct berth_error *reterr)
{
    char path[FOLDER_PATH];
    sqlite3 *db = NULL;
    bool is_new = false;
    int version;
    int r;

    r = folder_path(folder, schema->file, path, reterr);
    if (r == 0)
        r = folder_file(path, &is_new, reterr);
    if (r == 0 && is_new)
        r = folder_sync_of(path, reterr);
    if (r == 0)
        r = sql_open(path, SQL_WRITE, &db, reterr);
    if (r == 0)
        r = schema_version(db, schema, &version, reterr);
    if (r == 0 && precious && version > 0 && version < schema->count)
        r = backup_before_migration(db, path, schema, version, reterr);
    if (r == 0)
        r = set_wal(db, precious ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                    reterr);
    if (r == 0)
        r = schema_migrate(db, schema, version, reterr);
    if (r < 0) {
        (void)sqlite3_close(db); /* report the first failure */
        return r;
    }
    *ret = db;
    return 0;
}

static int quick_check(sqlite3 *db, const char *folder, struct berth_error *reterr)
{
    char path[FOLDER_PATH];
    char found[BERTH_ERROR_TEXT];
    struct stat facts;
    int r;

    r = folder_path(folder, schema_main.file, path, reterr);
    if (r < 0 || stat(path, &facts) < 0 || facts.st_size > CHECK_BYTES)
        return r;
    r = sql_word(db, "PRAGMA quick_check(1)", "checking berth.db", found, sizeof(found), reterr);
    if (r == 0 && strcmp(found, "ok") != 0)
        r = berth_fail(reterr, BERTH_E_STORE, "berth.db is damaged (%s); restore a backup", found);
    return r;
}

int open_main(const char *folder, sqlite3 **ret, struct berth_error *reterr)
{
    sqlite3 *db;
    int r;

    r = open_migrated(folder, &schema_main, true, &db, reterr);
    if (r < 0)
        return r;
    r = quick_check(db, folder, reterr);
    /* Overwrite deleted data (password hashes, names of erased users) where that needs no extra
     * page write. */
    if (r == 0)
        r = sql_run(db, "PRAGMA secure_delete = FAST", reterr);
    if (r < 0) {
        (void)sqlite3_close(db); /* report the first failure */
        return r;
    }
    *ret = db;
    return 0;
}

int open_presence(const char *folder, sqlite3 **ret, struct berth_error *reterr)
{
    int r = open_migrated(folder, &schema_presence, false, ret, reterr);

    return r < 0 ? berth_fail_in(
                       reterr,
                       "presence.db (it only stores when terminals were last seen; move it away)")
                 : 0;
}

int open_read_only(const char *folder, const struct schema *schema, sqlite3 **ret,
                   struct berth_error *reterr)
{
    char path[FOLDER_PATH];
    int r;

    r = folder_path(folder, schema->file, path, reterr);
    return r < 0 ? r : sql_open(path, SQL_READ, ret, reterr);
}
