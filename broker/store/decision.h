/* decision.h - one decision written into the open transaction: rows, feed, audit record, request
 * id.
 *
 * Module store, private; writer's thread. Atomic by a savepoint: a decision that a constraint
 * refuses does not affect the others of its batch.
 */
#ifndef BERTH_STORE_DECISION_H
#define BERTH_STORE_DECISION_H

#include "audit.h"
#include "feed.h"
#include "job.h"
#include "row_sql.h"

struct decisions {
    sqlite3 *db;
    struct row_sql *rows;
    struct feed feed;
    struct audit_chain chain;
    sqlite3_stmt *begin, *commit, *rollback, *savepoint, *release, *undo, *set_last_id;
    struct audit_head head_before; /* of the batch */
    uint64_t last_id, last_id_before;
};

/* Prepare the statements of the writing connection. Call decisions_close also after a failure. */
int decisions_open(sqlite3 *db, struct keyring *keys, struct decisions *decisions,
                   struct berth_error *reterr) berth_must_check;
void decisions_close(struct decisions *decisions);

/* A batch: begin, then decisions, then commit or rollback. begin and commit leave no transaction
 * open when they fail. After NO_SPACE, BUSY or BROKEN of any of them the caller must call
 * decisions_rollback.
 */
enum sql_status decisions_begin(struct decisions *decisions, struct berth_error *reterr);
enum sql_status decisions_commit(struct decisions *decisions, struct berth_error *reterr);
void decisions_rollback(struct decisions *decisions);

/* SQL_OK: job->rev (and repeated) are set. SQL_REFUSED: nothing of it is written, and the batch
 * continues. */
enum sql_status decision_write(struct decisions *decisions, struct commit_job *job,
                               struct berth_error *reterr);

/* Write an audit record without a change, by the store itself. */
enum sql_status decision_note(struct decisions *decisions, const char *action, const char *object,
                              const char *detail, int64_t wall_ms, struct berth_error *reterr);

#endif
