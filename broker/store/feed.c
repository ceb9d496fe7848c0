/* feed.c - the change feed and the request ids already used. */
#include "feed.h"

#include <stdio.h>
#include <string.h>

#include "store/store.h"

#include "audit.h"

/* Rows that one step of pruning deletes: takes a few milliseconds. */
#define PRUNE_STEP "500"

static const char *const verb_names[] = {
    [CHANGE_ADD] = "add", [CHANGE_SET] = "set", [CHANGE_DROP] = "drop"
};

int feed_open(sqlite3 *db, struct feed *feed, struct berth_error *reterr)
{
    const struct {
        sqlite3_stmt **statement;
        const char *text;
    } all[] = {
        { &feed->add, "INSERT INTO \"change\" (\"at_ms\", \"entity\", \"entity_id\", \"verb\", "
                      "\"version\", \"body\")"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)" },
        { &feed->ask, "SELECT \"fingerprint\", \"added_id\", \"rev\" FROM \"request\""
                      " WHERE \"request_id\" = ?1" },
        { &feed->note, "INSERT INTO \"request\" VALUES (?1, ?2, ?3, ?4, ?5)" },
        { &feed->prune_changes,
          "DELETE FROM \"change\" WHERE \"rev\" IN (SELECT \"rev\" FROM \"change\" ORDER BY"
          " \"rev\" LIMIT " PRUNE_STEP ") AND \"at_ms\" < ?1" },
        { &feed->prune_requests,
          "DELETE FROM \"request\" WHERE \"request_id\" IN (SELECT \"request_id\" FROM"
          " \"request\" WHERE \"at_ms\" < ?1 LIMIT " PRUNE_STEP ")" },
        { &feed->scrub, "UPDATE \"change\" SET \"body\" = json_object('id', \"entity_id\", "
                        "'erased', json('true'))"
                        " WHERE \"entity\" = 'user' AND \"entity_id\" = ?1" },
    };

    *feed = (struct feed){ .db = db };
    for (size_t i = 0; i < BERTH_COUNT(all); i++) {
        int r = sql_prepare(db, all[i].text, all[i].statement, reterr);

        if (r < 0)
            return r;
    }
    return 0;
}

void feed_close(struct feed *feed)
{
    sql_drop(&feed->add);
    sql_drop(&feed->ask);
    sql_drop(&feed->note);
    sql_drop(&feed->prune_changes);
    sql_drop(&feed->prune_requests);
    sql_drop(&feed->scrub);
}

enum sql_status feed_append(struct feed *feed, const struct change *change, int64_t at_ms,
                            uint64_t *ret_rev, struct berth_error *reterr)
{
    const struct entity_row *entity = entity_row(change->kind);
    json_t *json = record_encode(entity->record, &change->row, SEE_MASK_OPERATOR);
    char *body = json_text(json);
    int rc;

    json_decref(json);
    (void)sqlite3_bind_int64(feed->add, 1, at_ms);
    sql_bind_text(feed->add, 2, entity->name);
    sql_bind_id(feed->add, 3, change->row.id);
    sql_bind_text(feed->add, 4, verb_names[change->verb]);
    (void)sqlite3_bind_int64(feed->add, 5, change->row.version);
    sql_bind_text(feed->add, 6, body);
    rc = sql_step_once(feed->add);
    free(body);
    if (rc != SQLITE_DONE)
        return sql_failed(feed->db, rc, "change feed", reterr);
    *ret_rev = (uint64_t)sqlite3_last_insert_rowid(feed->db);
    return SQL_OK;
}

/* ---- requests ---- */

enum sql_status feed_find_request(struct feed *feed, struct feed_request *request, bool *ret_seen,
                                  struct berth_error *reterr)
{
    enum sql_status status = SQL_OK;
    int rc;

    sql_bind_text(feed->ask, 1, request->id);
    rc = sql_step(feed->ask);
    *ret_seen = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW && strcmp(sql_text(feed->ask, 0), request->fingerprint) == 0) {
        request->added_id = (uint64_t)sqlite3_column_int64(feed->ask, 1);
        request->rev = (uint64_t)sqlite3_column_int64(feed->ask, 2);
    } else if (rc == SQLITE_ROW) {
        status = SQL_REFUSED;
        (void)berth_fail(reterr, BERTH_E_CONFLICT,
                         "this Idempotency-Key was used for another request");
    } else if (rc != SQLITE_DONE) {
        status = sql_failed(feed->db, rc, "requests", reterr);
    }
    (void)sqlite3_reset(feed->ask);
    return status;
}

enum sql_status feed_add_request(struct feed *feed, const struct feed_request *request,
                                 int64_t at_ms, struct berth_error *reterr)
{
    int rc;

    sql_bind_text(feed->note, 1, request->id);
    sql_bind_text(feed->note, 2, request->fingerprint);
    (void)sqlite3_bind_int64(feed->note, 3, (int64_t)request->added_id);
    (void)sqlite3_bind_int64(feed->note, 4, (int64_t)request->rev);
    (void)sqlite3_bind_int64(feed->note, 5, at_ms);
    rc = sql_step_once(feed->note);
    return rc == SQLITE_DONE ? SQL_OK : sql_failed(feed->db, rc, "requests", reterr);
}

/* ---- retention ---- */

enum sql_status feed_prune(struct feed *feed, int64_t before_ms, bool *ret_more,
                           struct berth_error *reterr)
{
    sqlite3_stmt *const steps[] = { feed->prune_changes, feed->prune_requests };

    *ret_more = false;
    for (size_t i = 0; i < BERTH_COUNT(steps); i++) {
        int rc;

        (void)sqlite3_bind_int64(steps[i], 1, before_ms);
        rc = sql_step_once(steps[i]);
        if (rc != SQLITE_DONE)
            return sql_failed(feed->db, rc, "pruning the feed", reterr);
        if (sqlite3_changes(feed->db) > 0)
            *ret_more = true;
    }
    return SQL_OK;
}

enum sql_status feed_scrub(struct feed *feed, uint64_t user_id, struct berth_error *reterr)
{
    int rc;

    sql_bind_id(feed->scrub, 1, user_id);
    rc = sql_step_once(feed->scrub);
    return rc == SQLITE_DONE ? SQL_OK : sql_failed(feed->db, rc, "change feed", reterr);
}

int feed_rev(sqlite3 *db, int64_t *ret, struct berth_error *reterr)
{
    return sql_number(db, "SELECT \"seq\" FROM sqlite_sequence WHERE \"name\" = 'change'", 0, ret,
                      reterr);
}

/* ---- pages ---- */

/* Are all changes after `after` still stored? */
static int check_floor(sqlite3 *db, int64_t after, struct berth_error *reterr)
{
    int64_t last = 0;
    int64_t first = 0;
    int r;

    r = feed_rev(db, &last, reterr);
    if (r == 0)
        r = sql_number(db, "SELECT min(\"rev\") FROM \"change\"", last + 1, &first, reterr);
    if (r < 0)
        return r;
    if (after < first - 1)
        return berth_fail(reterr, BERTH_E_NOT_FOUND,
                          "changes up to rev %lld are not stored any more; start over",
                          (long long)first - 1);
    if (after > last)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "the last rev is %lld; start over",
                          (long long)last);
    return 0;
}

static json_t *item_json(sqlite3_stmt *statement)
{
    json_t *row = json_loads(sql_text(statement, 6), 0, NULL);

    return json_pack(
        "{s:I, s:I, s:s, s:I, s:s, s:I, s:o}", "rev",
        (json_int_t)sqlite3_column_int64(statement, 0), "at_ms",
        (json_int_t)sqlite3_column_int64(statement, 1), "entity", sql_text(statement, 2), "id",
        (json_int_t)sqlite3_column_int64(statement, 3), "verb", sql_text(statement, 4), "version",
        (json_int_t)sqlite3_column_int64(statement, 5), "row", row ? row : json_null());
}

static int read_page(sqlite3 *db, int64_t after, int limit, struct store_page *page,
                     struct berth_error *reterr)
{
    berth_cleanup(sql_drop) sqlite3_stmt *statement = NULL;
    int rc;
    int r;

    r = sql_prepare(
        db,
        "SELECT \"rev\", \"at_ms\", \"entity\", \"entity_id\", \"verb\", \"version\", \"body\""
        " FROM \"change\" WHERE \"rev\" > ?1 ORDER BY \"rev\" LIMIT ?2",
        &statement, reterr);
    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, after);
    (void)sqlite3_bind_int(statement, 2, limit);
    while ((rc = sql_step(statement)) == SQLITE_ROW) {
        page->last = sqlite3_column_int64(statement, 0);
        (void)json_array_append_new(page->items, item_json(statement));
    }
    return rc == SQLITE_DONE ? 0 : sql_fail(db, rc, "change feed", reterr);
}

int feed_page(sqlite3 *db, int64_t after, int limit, struct store_page *ret,
              struct berth_error *reterr)
{
    struct store_page page = { .items = json_array(), .last = after };
    int r;

    r = sql_run(db, "BEGIN", reterr); /* one read transaction for both queries */
    if (r == 0) {
        r = check_floor(db, after, reterr);
        if (r == 0)
            r = read_page(db, after, limit, &page, reterr);
        (void)sql_exec(db, "COMMIT"); /* nothing was written */
    }
    if (r < 0) {
        json_decref(page.items);
        return r;
    }
    *ret = page;
    return 0;
}
