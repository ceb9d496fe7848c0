/* backup.c - copy berth.db in steps. */
#include "backup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/sandbox_hint.h"

/* A single file: the rollback journal is in memory while the copy is made, and the file is synced
 * at the end. The locking mode avoids the shared-memory file of a write-ahead log.
 */
#define TARGET_SETTINGS \
    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"

static int failed(const struct backup_run *run, int rc, struct berth_error *reterr)
{
    enum sql_status status = sql_status_of(rc);
    int cause;

    if (status == SQL_NO_SPACE) {
        return berth_fail(reterr, BERTH_E_NO_SPACE, "no disk space for the backup '%s'", run->path);
    }
    cause = sqlite3_system_errno(run->target);
    return berth_fail(reterr, BERTH_E_IO, "the backup '%s' failed: %s%s%s", run->path,
                      sqlite3_errmsg(run->target), cause ? ": " : "", cause ? strerror(cause) : "");
}

void backup_cancel(struct backup_run *run)
{
    if (!*run->unfinished)
        return;
    if (run->backup)
        (void)sqlite3_backup_finish(run->backup); /* returns the error of the failed step again */
    (void)sqlite3_close(run->target);
    (void)unlink(run->unfinished);
    *run = (struct backup_run){ 0 };
}

int backup_start(sqlite3 *source, const char *path, struct backup_run *run,
                 struct berth_error *reterr)
{
    char hidden[SANDBOX_HINT_SIZE];
    int length;
    int r;

    *run = (struct backup_run){ 0 };
    /* The administrator would not find it, and it would be deleted when the service stops. */
    if (*sandbox_hint(NULL, path, "/var/lib/berth", hidden))
        return berth_fail(reterr, BERTH_E_INVALID, "no backup can be written to '%s'%s", path,
                          hidden);
    length = snprintf(run->unfinished, sizeof(run->unfinished), "%s.unfinished", path);
    if (length < 0 || (size_t)length >= sizeof(run->unfinished))
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "the path '%s' is too long", path);
    copy_text(run->path, path);
    if (folder_exists(path))
        return berth_fail(reterr, BERTH_E_EXISTS, "'%s' exists already; choose another name", path);
    (void)unlink(run->unfinished); /* left by a broker that was killed during a backup */
    r = folder_new_file(run->unfinished, reterr);
    if (r < 0)
        return r;

    r = sql_open(run->unfinished, SQL_WRITE, &run->target, reterr);
    if (r == 0)
        r = sql_run(run->target, TARGET_SETTINGS, reterr);
    if (r == 0) {
        run->backup = sqlite3_backup_init(run->target, "main", source, "main");
        if (!run->backup)
            r = failed(run, sqlite3_errcode(run->target), reterr);
    }
    if (r < 0)
        backup_cancel(run);
    return r;
}

/* The copy is complete: make it one file, durable, and rename it. */
static int complete(struct backup_run *run, struct berth_error *reterr)
{
    int rc = sqlite3_backup_finish(run->backup);
    int r;

    run->backup = NULL;
    if (rc != SQLITE_OK)
        return failed(run, rc, reterr);
    r = sql_run(run->target, "PRAGMA journal_mode = DELETE", reterr);
    if (r < 0)
        return r;
    rc = sqlite3_close(run->target);
    if (rc != SQLITE_OK)
        return failed(run, rc, reterr);
    run->target = NULL;
    return folder_publish(run->unfinished, run->path, reterr);
}

int backup_step(struct backup_run *run, int pages, struct berth_error *reterr)
{
    int rc = sql_backup_step(run->backup, pages);
    int r = 1;

    if (rc == SQLITE_DONE)
        r = complete(run, reterr);
    else if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
        r = failed(run, rc, reterr);
    if (r < 0)
        backup_cancel(run);
    return r;
}

int backup_whole(sqlite3 *source, const char *path, struct berth_error *reterr)
{
    struct backup_run run;
    int r;

    r = backup_start(source, path, &run, reterr);
    if (r < 0)
        return r;
    do
        r = backup_step(&run, -1, reterr);
    while (r > 0);
    return r;
}
