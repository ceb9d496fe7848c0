/* restore.c - check a backup and install it, while no broker runs.
 *
 * Ids, revs and epochs that were assigned after the backup must not be assigned again, so they jump
 * ahead: a guest that has seen a later epoch does not get an old one, and readers of the feed start
 * over. The audit trail records the restore.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/loop.h"

#include "decision.h"
#include "migrate.h"
#include "store_internal.h"
#include "verify.h"

/* More than a site uses between two backups. */
#define RESTORE_ADVANCE "1000000"

#define COPY_BYTES 65536

/* ---- copying ---- */

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        bytes += done;
        size -= (size_t)done;
    }
    return 0;
}

static int copy_bytes(int from, int to)
{
    char *buffer = berth_alloc(COPY_BYTES);
    ssize_t got = 0;
    int r = 0;

    while (r == 0 && (got = read(from, buffer, COPY_BYTES)) != 0) {
        if (got < 0 && errno != EINTR)
            r = -1;
        else if (got > 0)
            r = write_all(to, buffer, (size_t)got);
    }
    free(buffer);
    return r;
}

static int copy_file(const char *from, const char *to, struct berth_error *reterr)
{
    int source;
    int target;
    int r;

    r = folder_new_file(to, reterr);
    if (r < 0)
        return r;
    source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0)
        return berth_fail(reterr, BERTH_E_IO, "cannot read the backup '%s': %s", from,
                          strerror(errno));
    target = open(to, O_WRONLY | O_CLOEXEC);
    if (target < 0 || copy_bytes(source, target) < 0 || close(target) < 0) {
        r = berth_fail(reterr, errno == ENOSPC ? BERTH_E_NO_SPACE : BERTH_E_IO,
                       "cannot copy '%s' to '%s': %s", from, to, strerror(errno));
    }
    (void)close(source); /* only read */
    return r;
}

/* ---- checking ---- */

static int check_integrity(sqlite3 *db, const char *backup, struct berth_error *reterr)
{
    char found[BERTH_ERROR_TEXT];
    int r = sql_word(db, "PRAGMA integrity_check(1)", "checking the backup", found, sizeof(found),
                     reterr);

    if (r == 0 && strcmp(found, "ok") != 0)
        r = berth_fail(reterr, BERTH_E_STORE, "the backup '%s' is damaged: %s", backup, found);
    return r;
}

static int check_references(sqlite3 *db, const char *backup, struct berth_error *reterr)
{
    int64_t count;
    int r;

    r = sql_number(db, "SELECT count(*) FROM pragma_foreign_key_check", 0, &count, reterr);
    if (r == 0 && count > 0) {
        r = berth_fail(reterr, BERTH_E_STORE,
                       "the backup '%s' is damaged: %" PRId64 " rows have dangling references",
                       backup, count);
    }
    return r;
}

/* Verify the chain; its end only against audit_head, because keys.db is not from the time of the
 * backup. */
static int check_trail(sqlite3 *db, const char *backup, struct berth_error *reterr)
{
    struct audit_verdict verdict;
    int r;

    r = verify_all(db, NULL, &verdict, reterr);
    if (r == 0 && verdict.first_bad) {
        r = berth_fail(reterr, BERTH_E_STORE, "the audit trail in '%s' was changed: %s", backup,
                       verdict.reason);
    }
    return r;
}

static int check_all(sqlite3 *db, const char *backup, struct berth_error *reterr)
{
    int64_t pages;
    int version = 0;
    int r;

    r = schema_version(db, &schema_main, &version, reterr);
    if (r == 0)
        r = sql_number(db, "PRAGMA page_count", 0, &pages, reterr);
    if (r < 0)
        return berth_fail_in(reterr, "'%s' is not a usable backup", backup);
    if (version == 0)
        return berth_fail(reterr, BERTH_E_SCHEMA, "'%s' is not a backup of Berth", backup);
    r = check_integrity(db, backup, reterr);
    if (r == 0)
        r = schema_migrate(db, &schema_main, version, reterr);
    if (r == 0)
        r = check_references(db, backup, reterr);
    if (r == 0)
        r = check_trail(db, backup, reterr);
    return r;
}

/* ---- moving ids, revs and epochs ahead ---- */

static const char advance_sql[] =
    "UPDATE \"sequence\" SET \"last_id\" = \"last_id\" + " RESTORE_ADVANCE
    ", \"incarnation\" = \"incarnation\" + 1000;"
    "UPDATE \"slots\" SET \"epoch\" = \"epoch\" + " RESTORE_ADVANCE
    ", \"version\" = \"version\" + 1;"
    "UPDATE \"sessions\" SET \"version\" = \"version\" + 1, \"epoch\" = (SELECT \"epoch\" FROM "
    "\"slots\" WHERE"
    "    \"slots\".\"desktop_id\" = \"sessions\".\"desktop_id\" AND \"slots\".\"number\" = "
    "\"sessions\".\"slot\")"
    "    WHERE \"state\" <> 'ended';"
    "DELETE FROM \"change\";"
    "DELETE FROM \"request\";"
    "INSERT INTO sqlite_sequence (\"name\", \"seq\") SELECT 'change', 0"
    "    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE \"name\" = 'change');"
    "UPDATE sqlite_sequence SET \"seq\" = \"seq\" + " RESTORE_ADVANCE " WHERE \"name\" = 'change';";

static int advance_counters(sqlite3 *db, struct keyring *keys, struct decisions *decisions,
                            const char *backup, struct berth_error *reterr)
{
    enum sql_status status;
    int64_t incarnation;
    char detail[256];
    int r;

    r = sql_number(db, "SELECT \"incarnation\" FROM \"sequence\"", 0, &incarnation, reterr);
    if (r == 0)
        r = decisions_open(db, keys, decisions, reterr);
    if (r < 0)
        return r;
    decisions->chain.incarnation = incarnation;
    (void)snprintf(detail, sizeof(detail), "from '%.200s'", backup);
    status = decisions_begin(decisions, reterr);
    if (status == SQL_OK) {
        int rc = sql_exec(db, advance_sql);

        if (rc != SQLITE_OK)
            status = sql_failed(db, rc, "moving ids and epochs ahead", reterr);
    }
    if (status == SQL_OK)
        status =
            decision_note(decisions, "store.restore", "berth.db", detail, clock_wall_ms(), reterr);
    if (status == SQL_OK)
        status = decisions_commit(decisions, reterr);
    if (status != SQL_OK)
        decisions_rollback(decisions);
    else
        status = keyring_anchor(keys, decisions->chain.head.sequence, decisions->chain.head.hash,
                                reterr);
    return sql_code(status);
}

static int prepare(const char *folder, const char *unfinished, const char *backup,
                   struct berth_error *reterr)
{
    struct decisions decisions = { 0 };
    struct keyring *keys = NULL;
    sqlite3 *db = NULL;
    bool new_keys;
    int rc;
    int r;

    r = copy_file(backup, unfinished, reterr);
    if (r == 0)
        r = sql_open(unfinished, SQL_WRITE, &db, reterr);
    if (r == 0)
        r = sql_run(db,
                    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; PRAGMA "
                    "synchronous = FULL;",
                    reterr);
    if (r == 0)
        r = check_all(db, backup, reterr);
    if (r == 0)
        r = keyring_open(folder, &keys, &new_keys, reterr);
    if (r == 0)
        r = advance_counters(db, keys, &decisions, backup, reterr);

    decisions_close(&decisions);
    rc = sqlite3_close(db);
    if (r == 0 && rc != SQLITE_OK)
        r = berth_fail(reterr, BERTH_E_STORE, "closing '%s' failed (SQLite %d)", unfinished, rc);
    if (keyring_close(keys, r == 0 ? reterr : NULL) < 0 && r == 0)
        r = BERTH_E_STORE;
    return r;
}

int store_restore(const char *backup, const char *folder, struct berth_error *reterr)
{
    char unfinished[FOLDER_PATH];
    char path[FOLDER_PATH];
    int lock_fd = -1;
    int r;

    r = folder_check(folder, reterr);
    if (r == 0)
        r = folder_lock(folder, &lock_fd, reterr);
    if (r == 0)
        r = folder_path(folder, schema_main.file, path, reterr);
    if (r == 0)
        r = folder_path(folder, "berth.db.unfinished", unfinished, reterr);
    if (r == 0 && folder_exists(path)) {
        r = berth_fail(
            reterr, BERTH_E_EXISTS,
            "the data folder '%s' already has a berth.db; move it (and berth.db-wal) away first",
            folder);
    }
    if (r == 0) {
        (void)unlink(unfinished); /* left by a restore that was interrupted */
        r = prepare(folder, unfinished, backup, reterr);
        if (r == 0)
            r = folder_publish(unfinished, path, reterr);
        if (r < 0)
            (void)unlink(unfinished);
    }
    if (lock_fd >= 0)
        (void)close(lock_fd); /* this releases the lock; nothing was written */
    return r;
}
