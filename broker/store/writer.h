/* writer.h - the thread that writes.
 *
 * Module store, private. It writes all decisions that wait (at most BATCH_MAX) in one transaction,
 * without a delay to collect more: a slow disk makes large batches, a fast one small ones. Between
 * batches it does periodic work (upkeep.h).
 */
#ifndef BERTH_STORE_WRITER_H
#define BERTH_STORE_WRITER_H

#include "backup.h"
#include "decision.h"
#include "presence_file.h"
#include "store_internal.h"

struct writer {
    struct store *store;
    pthread_t thread;
    bool running;
    sqlite3 *db;
    struct decisions decisions;
    struct presence_file presence;

    struct list presence_jobs, backup_jobs; /* begun, not finished */
    struct backup_run backup; /* of the first of backup_jobs; target NULL: not begun */

    bool degraded;
    int64_t probe_at_ms, prune_at_ms, anchor_at_ms;
    bool prune_more;
    int64_t anchored; /* sequence of the record that keys.db has */
    int wal_frames, wal_folded;
};

/* Open the files, increment the incarnation (returned), verify the end of the audit trail. Does not
 * start the thread. */
int writer_open(struct store *store, int64_t *ret_incarnation,
                struct berth_error *reterr) berth_must_check;

/* Start the thread. */
int writer_start(struct store *store, struct berth_error *reterr) berth_must_check;

/* After store->closing was set: wait for the thread, checkpoint, close the files. A failure means
 * that acknowledged data may be missing on disk.
 */
int writer_close(struct store *store, struct berth_error *reterr);

/* ---- writer_outcome.c: for the files of the writer, on its thread ---- */

/* React to a failure that does not concern one decision only: SQL_NO_SPACE makes the store refuse
 * changes until there is space, SQL_BROKEN breaks it.
 */
void writer_handle_failure(struct writer *writer, enum sql_status status,
                           const struct berth_error *error);

/* There is disk space again. */
void writer_recover(struct writer *writer);

/* Set the outcome of a job and return it to the loop. */
void writer_end(struct writer *writer, struct job *job, int result,
                const struct berth_error *error);

/* The thread's function. */
void *writer_main(void *argument);

#endif
