/* row_sql.h - prepared statements for the entities, generated from the record tables.
 *
 * Module store, private. The columns are the fields of entities.def, in order. Ids of 0 are NULL,
 * enums are stored by name, times and numbers as integers.
 */
#ifndef BERTH_STORE_ROW_SQL_H
#define BERTH_STORE_ROW_SQL_H

#include "core/rows.h"

#include "sql.h"

struct row_sql;

/* Prepare the statements of every kind. */
int row_sql_new(sqlite3 *db, struct row_sql **ret, struct berth_error *reterr) berth_must_check;
void row_sql_free(struct row_sql *rows);

/* Each returns SQLite's code (SQLITE_DONE on success) and in *ret_rows the number of rows affected:
 * 0 when no row has this id and version. `row` is the struct of the kind, with the new version.
 *
 * References that the schema clears when their target is deleted (ON DELETE SET NULL: history) are
 * written as NULL when the target does not exist any more, because the copy in memory still names
 * it.
 */
int row_sql_add(struct row_sql *rows, enum entity_kind kind, const void *row, int *ret_rows);
int row_sql_set(struct row_sql *rows, enum entity_kind kind, const void *row, int64_t base_version,
                int *ret_rows);
int row_sql_drop(struct row_sql *rows, enum entity_kind kind, uint64_t id, int64_t base_version,
                 int *ret_rows);

/* The version of a row; 0: no such row; -1: the query failed. */
int64_t row_sql_version(struct row_sql *rows, enum entity_kind kind, uint64_t id);

#define ROW_SQL_TEXT 4096
/* "SELECT ... FROM ..." with the columns that row_sql_read expects. */
void row_sql_select(enum entity_kind kind, char out[ROW_SQL_TEXT]);

/* Read the current row of such a statement; the whole union is set. Errors: STORE. */
int row_sql_read(sqlite3_stmt *statement, enum entity_kind kind, union row *row,
                 struct berth_error *reterr) berth_must_check;

/* The rows of a kind in order of id, on any connection: those that have not ended (by a partial
 * index), or `all`. next: 1 with a row, 0 after the last one. Close it after a successful open.
 */
struct row_cursor {
    sqlite3 *db;
    sqlite3_stmt *statement;
    enum entity_kind kind;
};
int row_sql_open(struct row_cursor *cursor, sqlite3 *db, enum entity_kind kind, bool all,
                 struct berth_error *reterr) berth_must_check;
int row_sql_next(struct row_cursor *cursor, union row *row,
                 struct berth_error *reterr) berth_must_check;
void row_sql_close(struct row_cursor *cursor);

#endif
