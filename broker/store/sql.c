/* sql.c - helpers for SQLite, and the classification of its failures. */
#include "sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Only another program can lock the file: there is one writing connection. */
#define BUSY_LIMIT_MS 5000

/* errno of the last call. sqlite3_system_errno() is not set by a failed COMMIT and keeps the value
 * of an earlier call; errno, cleared before the call, is right.
 */
static _Thread_local int system_error;

static void clear_errno(void)
{
    errno = 0;
}

static int record_errno(int rc)
{
    system_error = rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : errno;
    return rc;
}

static bool is_no_space(void)
{
    return system_error == ENOSPC || system_error == EDQUOT;
}

/* Out of descriptors is temporary, and nothing is broken. */
static bool is_no_descriptor(void)
{
    return system_error == EMFILE || system_error == ENFILE;
}

enum sql_status sql_status_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return SQL_OK;
    case SQLITE_CONSTRAINT:
        return SQL_REFUSED;
    case SQLITE_FULL:
        return SQL_NO_SPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SQL_BUSY;
    case SQLITE_NOMEM:
        berth_out_of_memory();
    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_NOMEM)
            berth_out_of_memory();
        if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
            return SQL_BROKEN;
        return is_no_space() ? SQL_NO_SPACE : SQL_BROKEN;
    case SQLITE_CANTOPEN:
        if (is_no_descriptor())
            return SQL_BUSY;
        return is_no_space() ? SQL_NO_SPACE : SQL_BROKEN;
    default:
        return SQL_BROKEN;
    }
}

int sql_code(enum sql_status status)
{
    switch (status) {
    case SQL_OK:
        return 0;
    case SQL_REFUSED:
        return BERTH_E_CONFLICT;
    case SQL_NO_SPACE:
        return BERTH_E_NO_SPACE;
    case SQL_BUSY:
        return BERTH_E_BUSY;
    case SQL_BROKEN:
        return BERTH_E_STORE;
    }
    return BERTH_E_INTERNAL;
}

enum sql_status sql_failed(sqlite3 *db, int rc, const char *what, struct berth_error *reterr)
{
    enum sql_status status = sql_status_of(rc);

    switch (status) {
    case SQL_OK:
        break;
    case SQL_NO_SPACE:
        (void)berth_fail(reterr, BERTH_E_NO_SPACE,
                         "the broker's disk is full; nothing was changed");
        break;
    case SQL_BUSY:
        (void)(is_no_descriptor()
                   ? berth_fail(reterr, BERTH_E_BUSY,
                                "%s: no file descriptor is left; nothing was changed", what)
                   : berth_fail(reterr, BERTH_E_BUSY, "%s: another program has locked the database",
                                what));
        break;
    case SQL_REFUSED:
    case SQL_BROKEN:
        (void)berth_fail(reterr, sql_code(status), "%s: %s (SQLite %d, system error %d)", what,
                         sqlite3_errmsg(db), rc, system_error);
        break;
    }
    return status;
}

int sql_fail(sqlite3 *db, int rc, const char *what, struct berth_error *reterr)
{
    return sql_code(sql_failed(db, rc, what, reterr));
}

static int open_failed(sqlite3 *db, int rc, const char *path, struct berth_error *reterr)
{
    int code = sql_fail(db, rc, path, reterr);

    (void)sqlite3_close(db);
    return code;
}

int sql_open(const char *path, enum sql_use use, sqlite3 **ret, struct berth_error *reterr)
{
    static const char *const settings[] = {
        [SQL_WRITE] =
            "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
            "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;"
            "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 16777216;",
        [SQL_READ] =
            "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
            "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096; PRAGMA wal_autocheckpoint = 0;",
    };
    sqlite3 *db = NULL;
    int rc;

    clear_errno();
    rc =
        record_errno(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    if (!db)
        berth_out_of_memory();
    if (rc != SQLITE_OK)
        return open_failed(db, rc, path, reterr);

    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, BUSY_LIMIT_MS);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    rc = sql_exec(db, settings[use]);
    if (rc != SQLITE_OK)
        return open_failed(db, rc, path, reterr);
    *ret = db;
    return 0;
}

int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **ret, struct berth_error *reterr)
{
    int rc;

    clear_errno();
    rc = record_errno(sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL));

    return rc == SQLITE_OK ? 0 : sql_fail(db, rc, text, reterr);
}

int sql_exec(sqlite3 *db, const char *text)
{
    clear_errno();
    return record_errno(sqlite3_exec(db, text, NULL, NULL, NULL));
}

int sql_step(sqlite3_stmt *statement)
{
    clear_errno();
    return record_errno(sqlite3_step(statement));
}

int sql_checkpoint(sqlite3 *db, int how, int *ret_frames, int *ret_folded)
{
    clear_errno();
    return record_errno(sqlite3_wal_checkpoint_v2(db, "main", how, ret_frames, ret_folded));
}

int sql_backup_step(sqlite3_backup *backup, int pages)
{
    clear_errno();
    return record_errno(sqlite3_backup_step(backup, pages));
}

int sql_run(sqlite3 *db, const char *text, struct berth_error *reterr)
{
    int rc = sql_exec(db, text);

    return rc == SQLITE_OK ? 0 : sql_fail(db, rc, text, reterr);
}

int sql_number(sqlite3 *db, const char *text, int64_t missing, int64_t *ret,
               struct berth_error *reterr)
{
    sqlite3_stmt *statement;
    int rc;
    int r;

    *ret = missing;
    r = sql_prepare(db, text, &statement, reterr);
    if (r < 0)
        return r;

    rc = sql_step(statement);
    if (rc == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *ret = sqlite3_column_int64(statement, 0);
    r = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sql_fail(db, rc, text, reterr);
    (void)sqlite3_finalize(statement);
    return r;
}

int sql_word(sqlite3 *db, const char *pragma, const char *what, char *out, size_t size,
             struct berth_error *reterr)
{
    berth_cleanup(sql_drop) sqlite3_stmt *statement = NULL;
    int rc;
    int r = sql_prepare(db, pragma, &statement, reterr);

    if (r < 0)
        return r;
    rc = sql_step(statement);
    if (rc != SQLITE_ROW)
        return sql_fail(db, rc, what, reterr);
    berth_copy_text(out, size, sql_text(statement, 0));
    return 0;
}

int sql_step_once(sqlite3_stmt *statement)
{
    int rc = sql_step(statement);

    (void)sqlite3_reset(statement); /* returns the same error again */
    return rc;
}

void sql_drop(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* returns the error of the last step again */
    *statement = NULL;
}

/* A bind fails only for a wrong position, which tests would show, or without memory. */
static void bound(int rc)
{
    if (rc != SQLITE_OK)
        berth_out_of_memory();
}

void sql_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    bound(sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC));
}

void sql_bind_blob(sqlite3_stmt *statement, int at, const void *bytes, size_t size)
{
    bound(sqlite3_bind_blob64(statement, at, bytes, size, SQLITE_STATIC));
}

void sql_bind_id(sqlite3_stmt *statement, int at, uint64_t id)
{
    if (id)
        bound(sqlite3_bind_int64(statement, at, (int64_t)id));
    else
        bound(sqlite3_bind_null(statement, at));
}

const char *sql_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    return text ? (const char *)text : "";
}

bool sql_hash(sqlite3_stmt *statement, int column, unsigned char out[32])
{
    const void *bytes = sqlite3_column_blob(statement, column);

    if (!bytes || sqlite3_column_bytes(statement, column) != 32)
        return false;
    memcpy(out, bytes, 32);
    return true;
}
