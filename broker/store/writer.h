/* writer.h - the thread that writes.
 *
 * Module store, private. It takes whatever waits (at most BATCH_MAX) as one transaction: no timer,
 * no delay, so a slow disk makes large batches and a fast one small ones. Between batches it does
 * one step of each chore: presence, backup, pruning of the feed, folding the log back, noting the
 * trail's end in keys.db, and on a full disk asking for room once a second.
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

    struct list presence_jobs, backup_jobs; /* taken, not finished */
    struct backup_run backup; /* of the first of backup_jobs; target NULL: not begun */

    bool degraded;
    int64_t probe_at_ms, prune_at_ms, anchor_at_ms;
    bool prune_more;
    int64_t anchored; /* sequence of the record noted last */
    int wal_frames, wal_folded;
};

/* Open the files, raise the incarnation (returned), check the trail's end. The thread does not run
 * yet. */
int writer_open(struct store *store, int64_t *ret_incarnation,
                struct berth_error *reterr) berth_must_check;

/* Run its thread. */
int writer_start(struct store *store, struct berth_error *reterr) berth_must_check;

/* After the store was told to close: wait for the thread, fold the logs back, close the files. A
 * failure means that what was acknowledged may not all be where it should be, and is told as such.
 */
int writer_close(struct store *store, struct berth_error *reterr);

/* ---- between the files of the writer, on its thread ---- */

/* What a failure that is not one decision's own means for the store: NO_SPACE makes it refuse
 * changes until there is room, BROKEN ends it.
 */
void writer_handle_failure(struct writer *writer, enum sql_status status,
                           const struct berth_error *error);

/* There is room again. */
void writer_recover(struct writer *writer);

/* A job has ended: it goes back to the loop. */
void writer_end(struct writer *writer, struct job *job, int result,
                const struct berth_error *error);

/* The thread's function. */
void *writer_main(void *argument);

#endif
