/* presence_file.c - store when terminals were last seen. */
#include "presence_file.h"

#include <stdio.h>

#include "migrate.h"
#include "store_internal.h"

int presence_file_open(const char *folder, struct presence_file *file, struct berth_error *reterr)
{
    int r;

    r = open_presence(folder, &file->db, reterr);
    if (r < 0)
        return r;
    return sql_prepare(
        file->db,
        "INSERT INTO \"presence\" VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (\"terminal_id\") DO "
        "UPDATE SET"
        " \"presence_hash\" = ?2, \"granted_ms\" = ?3, \"seen_ms\" = ?4, \"incarnation\" = ?5",
        &file->put, reterr);
}

static int put_row(sqlite3_stmt *put, const struct presence_row *row)
{
    sql_bind_id(put, 1, row->terminal_id);
    sql_bind_text(put, 2, row->presence_hash);
    (void)sqlite3_bind_int64(put, 3, row->granted_ms);
    (void)sqlite3_bind_int64(put, 4, row->seen_ms);
    (void)sqlite3_bind_int64(put, 5, row->incarnation);
    return sql_step_once(put);
}

enum sql_status presence_file_put(struct presence_file *file, const struct presence_row *rows,
                                  size_t count, struct berth_error *reterr)
{
    enum sql_status status = SQL_OK;
    int rc;

    rc = sql_exec(file->db, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < count && (rc == SQLITE_OK || rc == SQLITE_DONE); i++)
        rc = put_row(file->put, &rows[i]);
    if (rc == SQLITE_OK || rc == SQLITE_DONE)
        rc = sql_exec(file->db, "COMMIT");
    if (rc != SQLITE_OK)
        status = sql_failed(file->db, rc, "presence.db", reterr);
    if (!sqlite3_get_autocommit(file->db))
        (void)sql_exec(file->db, "ROLLBACK");
    return status;
}

enum sql_status presence_file_checkpoint(struct presence_file *file, struct berth_error *reterr)
{
    int rc = sql_checkpoint(file->db, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    enum sql_status status = sql_status_of(rc);

    if (status == SQL_OK || status == SQL_BUSY)
        return SQL_OK;
    return sql_failed(file->db, rc, "presence.db", reterr);
}

int presence_file_close(struct presence_file *file, struct berth_error *reterr)
{
    int rc;

    sql_drop(&file->put);
    rc = sqlite3_close(file->db);
    file->db = NULL;
    return rc == SQLITE_OK
               ? 0
               : berth_fail(reterr, BERTH_E_STORE, "closing presence.db failed (SQLite %d)", rc);
}

int store_presence_load(struct store *store,
                        void (*each)(void *context, const struct presence_row *row), void *context,
                        struct berth_error *reterr)
{
    sqlite3_stmt *statement = NULL;
    sqlite3 *db;
    int rc;
    int r;

    r = open_read_only(store->folder, &schema_presence, &db, reterr);
    if (r < 0)
        return r;
    r = sql_prepare(
        db,
        "SELECT \"terminal_id\", \"presence_hash\", \"granted_ms\", \"seen_ms\", \"incarnation\""
        " FROM \"presence\" ORDER BY \"terminal_id\"",
        &statement, reterr);
    while (r == 0 && (rc = sql_step(statement)) != SQLITE_DONE) {
        struct presence_row row = { .terminal_id = (uint64_t)sqlite3_column_int64(statement, 0),
                                    .granted_ms = sqlite3_column_int64(statement, 2),
                                    .seen_ms = sqlite3_column_int64(statement, 3),
                                    .incarnation = sqlite3_column_int64(statement, 4) };

        if (rc != SQLITE_ROW) {
            r = sql_fail(db, rc, "presence.db", reterr);
            break;
        }
        copy_text(row.presence_hash, sql_text(statement, 1));
        each(context, &row);
    }
    sql_drop(&statement);
    (void)sqlite3_close(db); /* query-only: closing cannot lose data */
    return r;
}
