/* feed.h - the change feed, one row per change with a global rev, and the request ids already used.
 *
 * Module store, private. The feed drives event streams that resume by rev, and later other brokers.
 * The body of a row holds the fields that an operator may see: never a hash or a secret. The feed
 * is kept for a limited time; a reader that asks for older rows must start over. Request ids are
 * kept for the same time.
 */
#ifndef BERTH_STORE_FEED_H
#define BERTH_STORE_FEED_H

#include "berth/json.h"

#include "core/change.h"

#include "sql.h"

struct store_page;

struct feed {
    sqlite3 *db;
    sqlite3_stmt *add, *ask, *note, *prune_changes, *prune_requests, *scrub;
};

/* Prepare the statements on the writer's connection. */
int feed_open(sqlite3 *db, struct feed *feed, struct berth_error *reterr) berth_must_check;
void feed_close(struct feed *feed);

/* Append one change; *ret_rev is its number. */
enum sql_status feed_append(struct feed *feed, const struct change *change, int64_t at_ms,
                            uint64_t *ret_rev, struct berth_error *reterr);

/* A stored request: its id, a fingerprint of its content, the rev of its change and the first row
 * that it added (0: none).
 */
struct feed_request {
    const char *id, *fingerprint;
    uint64_t rev, added_id;
};

/* Was this request id used before? If so, *ret_seen is true, and request->rev and added_id are set.
 * SQL_REFUSED when it was used with another fingerprint.
 */
enum sql_status feed_find_request(struct feed *feed, struct feed_request *request, bool *ret_seen,
                                  struct berth_error *reterr);
enum sql_status feed_add_request(struct feed *feed, const struct feed_request *request,
                                 int64_t at_ms, struct berth_error *reterr);

/* Delete some of the rows older than before_ms; *ret_more: there are more. Within a transaction of
 * the caller.
 */
enum sql_status feed_prune(struct feed *feed, int64_t before_ms, bool *ret_more,
                           struct berth_error *reterr);

/* Remove a user's personal data from the bodies. */
enum sql_status feed_scrub(struct feed *feed, uint64_t user_id, struct berth_error *reterr);

/* The last rev ever assigned. */
int feed_rev(sqlite3 *db, int64_t *ret, struct berth_error *reterr) berth_must_check;

/* A page, on any connection: see store_feed_begin. */
int feed_page(sqlite3 *db, int64_t after, int limit, struct store_page *ret,
              struct berth_error *reterr) berth_must_check;

#endif
