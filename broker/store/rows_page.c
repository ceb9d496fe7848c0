/* rows_page.c - read a page of rows from the file, by id or by the index of a reference. */
#include "rows_page.h"

#include <stdio.h>
#include <string.h>

#include "core/core.h"

#include "row_sql.h"

/* Rows that one page reads at most: about ten milliseconds, during which other readers wait. */
#define ROWS_READ 20000

static uint64_t id_at(const union row *row, const struct field *field)
{
    uint64_t id;

    memcpy(&id, (const char *)row + field->offset, sizeof(id));
    return id;
}

/* Every reference of a kind with history has an index (checked by unit-store-rows). */
static const struct field *indexed(const struct rows_query *query)
{
    for (size_t i = 0; i < query->filters; i++)
        if (query->filter[i]->type == FIELD_ID && id_at(&query->row, query->filter[i]))
            return query->filter[i];
    return NULL;
}

void rows_page_sql(const struct rows_query *query, char out[ROWS_PAGE_SQL],
                   const struct field **ret_by)
{
    const struct field *by = indexed(query);
    char select[ROW_SQL_TEXT];

    row_sql_select(query->kind, select);
    (void)snprintf(out, ROWS_PAGE_SQL, "%s WHERE \"id\" %c ?1%s%s%s ORDER BY \"id\"%s", select,
                   query->newest_first ? '<' : '>', by ? " AND \"" : "", by ? by->name : "",
                   by ? "\" = ?2" : "", query->newest_first ? " DESC" : "");
    *ret_by = by;
}

static bool matches_query(const struct rows_query *query, const union row *row)
{
    if (query->past && !core_has_ended(query->kind, row))
        return false;
    for (size_t i = 0; i < query->filters; i++) {
        const struct field *field = query->filter[i];
        const char *is = (const char *)row + field->offset;
        const char *want = (const char *)&query->row + field->offset;
        bool text = field->type == FIELD_TEXT || field->type == FIELD_LINES;

        if (text ? strcmp(is, want) != 0 : memcmp(is, want, field->size) != 0)
            return false;
    }
    return true;
}

/* Step until the page is full or the limit of rows read is reached. Returns SQLite's last code. */
static int read_some(sqlite3_stmt *statement, const struct rows_query *query,
                     struct rows_page *page, int *ret_result, struct berth_error *reterr)
{
    size_t size = entity_row(query->kind)->record->size;
    union row *row = berth_new(union row);
    uint64_t last = 0;
    int rc = SQLITE_DONE;

    *ret_result = 0;
    for (int seen = 0; (rc = sql_step(statement)) == SQLITE_ROW; seen++) {
        if (page->count == (size_t)query->limit || seen == ROWS_READ) {
            page->next = last;
            break;
        }
        *ret_result = row_sql_read(statement, query->kind, row, reterr);
        if (*ret_result < 0)
            break;
        last = row->id;
        if (matches_query(query, row))
            memcpy(page->rows + size * page->count++, row, size);
    }
    free(row);
    return rc;
}

int rows_page_read(sqlite3 *db, const struct rows_query *query, struct rows_page *ret,
                   struct berth_error *reterr)
{
    struct rows_page page = { 0 };
    const struct field *by;
    berth_cleanup(sql_drop) sqlite3_stmt *statement = NULL;
    char text[ROWS_PAGE_SQL];
    int rc;
    int r;

    rows_page_sql(query, text, &by);
    r = sql_prepare(db, text, &statement, reterr);
    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(
        statement, 1, query->newest_first && !query->from ? INT64_MAX : (int64_t)query->from);
    if (by)
        sql_bind_id(statement, 2, id_at(&query->row, by));
    page.rows = berth_alloc(entity_row(query->kind)->record->size * (size_t)query->limit);
    rc = read_some(statement, query, &page, &r, reterr);
    if (r == 0 && rc != SQLITE_DONE && rc != SQLITE_ROW)
        r = sql_fail(db, rc, entity_row(query->kind)->table, reterr);
    if (r < 0) {
        free(page.rows);
        return r;
    }
    *ret = page;
    return 0;
}
