/* feed.h - the change feed: one row per change with a global rev, and the memory of requests.
 *
 * Module store, private. The feed drives event streams that resume by rev, and later other brokers.
 * A row's body is what an operator may see of the entity: never a hash, never a secret. The feed is
 * kept for a time; whoever asks for what is gone is told to begin anew. Requests are remembered as
 * long.
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

/* Prepare on the writer's connection. */
int feed_open(sqlite3 *db, struct feed *feed, struct berth_error *reterr) berth_must_check;
void feed_close(struct feed *feed);

/* Append one change; *ret_rev is its number. */
enum sql_status feed_append(struct feed *feed, const struct change *change, int64_t at_ms,
                            uint64_t *ret_rev, struct berth_error *reterr);

/* A request as it is remembered: its id and what it asked for, the rev that it got and the first
 * row that it added (0: none).
 */
struct feed_request {
    const char *id, *fingerprint;
    uint64_t rev, added_id;
};

/* Did this request come before? *ret_seen; then request->rev and added_id are set. REFUSED when the
 * id was used for something else.
 */
enum sql_status feed_find_request(struct feed *feed, struct feed_request *request, bool *ret_seen,
                                  struct berth_error *reterr);
enum sql_status feed_add_request(struct feed *feed, const struct feed_request *request,
                                 int64_t at_ms, struct berth_error *reterr);

/* Drop some of what is older; *ret_more: there is more of it. Within a transaction of the caller's.
 */
enum sql_status feed_prune(struct feed *feed, int64_t before_ms, bool *ret_more,
                           struct berth_error *reterr);

/* Take a person out of the bodies. */
enum sql_status feed_scrub(struct feed *feed, uint64_t user_id, struct berth_error *reterr);

/* The last rev ever given. */
int feed_rev(sqlite3 *db, int64_t *ret, struct berth_error *reterr) berth_must_check;

/* A page, on any connection: see store_feed_begin. */
int feed_page(sqlite3 *db, int64_t after, int limit, struct store_page *ret,
              struct berth_error *reterr) berth_must_check;

#endif
