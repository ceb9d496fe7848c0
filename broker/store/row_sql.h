/* row_sql.h - the statements of the entities, made from the record tables once and kept.
 *
 * Module store, private. Nobody lists the columns a second time: they are the fields of
 * entities.def in order. Ids of 0 are NULL, enums stand by name, times and numbers as integers.
 */
#ifndef BERTH_STORE_ROW_SQL_H
#define BERTH_STORE_ROW_SQL_H

#include "core/rows.h"

#include "sql.h"

struct row_sql;

/* Prepare the statements of every kind. */
int row_sql_new(sqlite3 *db, struct row_sql **ret, struct berth_error *reterr) berth_must_check;
void row_sql_free(struct row_sql *rows);

/* Each returns SQLite's code (SQLITE_DONE when it went well) and in *ret_rows how many rows it
 * touched: 0 when no row has this id and version. `row` is the struct of the kind, its version the
 * new one.
 *
 * A change of a row whose reference the schema clears when its target goes (ON DELETE SET NULL:
 * history) clears it too if the target went meanwhile, for the memory's copy still names it.
 */
int row_sql_add(struct row_sql *rows, enum entity_kind kind, const void *row, int *ret_rows);
int row_sql_set(struct row_sql *rows, enum entity_kind kind, const void *row, int64_t base_version,
                int *ret_rows);
int row_sql_drop(struct row_sql *rows, enum entity_kind kind, uint64_t id, int64_t base_version,
                 int *ret_rows);

/* The version of a row, 0 when there is none, -1 when the store failed. */
int64_t row_sql_version(struct row_sql *rows, enum entity_kind kind, uint64_t id);

#define ROW_SQL_TEXT 4096
/* "SELECT ... FROM ..." with the columns that row_sql_read takes. */
void row_sql_select(enum entity_kind kind, char out[ROW_SQL_TEXT]);

/* The row that such a statement stands on; the whole union is set. Errors: STORE. */
int row_sql_read(sqlite3_stmt *statement, enum entity_kind kind, union row *row,
                 struct berth_error *reterr) berth_must_check;

/* The rows of a kind in order of id, on any connection: those that are not over, by an index that
 * holds no others, or `all`. `each` may stop the walk by a negative code. */
typedef int row_sql_fn(void *context, enum entity_kind kind, const void *row,
                       struct berth_error *reterr);
int row_sql_each(sqlite3 *db, enum entity_kind kind, bool all, row_sql_fn *each, void *context,
                 struct berth_error *reterr) berth_must_check;

#endif
