/* rows_page.h - a page of history, read from the file.
 *
 * Module store, private. Thread: the reader's.
 */
#ifndef BERTH_STORE_ROWS_PAGE_H
#define BERTH_STORE_ROWS_PAGE_H

#include "store/store.h"

#include "sql.h"

#define ROWS_PAGE_SQL 5120
/* The statement for a page: by the id, or by the index of the first reference that is wanted.
 * ?1 is the id behind which it begins, ?2 the reference when there is one: *ret_by, or NULL. */
void rows_page_sql(const struct rows_query *query, char out[ROWS_PAGE_SQL],
                   const struct field **ret_by);

/* Read it. On success ret->rows is the caller's. */
int rows_page_read(sqlite3 *db, const struct rows_query *query, struct rows_page *ret,
                   struct berth_error *reterr) berth_must_check;

#endif
