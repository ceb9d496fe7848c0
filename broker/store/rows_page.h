/* rows_page.h - read a page of rows, including those that have ended, from the file.
 *
 * Module store, private. Thread: the reader's.
 */
#ifndef BERTH_STORE_ROWS_PAGE_H
#define BERTH_STORE_ROWS_PAGE_H

#include "store/store.h"

#include "sql.h"

#define ROWS_PAGE_SQL 5120
/* The statement for a page: by id, or by the index of the first reference that is filtered by. ?1
 * is the id after which it begins, ?2 the reference, if any: *ret_by, or NULL. */
void rows_page_sql(const struct rows_query *query, char out[ROWS_PAGE_SQL],
                   const struct field **ret_by);

/* Read a page. On success the caller frees ret->rows. */
int rows_page_read(sqlite3 *db, const struct rows_query *query, struct rows_page *ret,
                   struct berth_error *reterr) berth_must_check;

#endif
