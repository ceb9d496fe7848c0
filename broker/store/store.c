/* store.c - the interface of the module: begin operations and complete them on the loop. */
#include "store/store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/log.h"

#include "core/core.h"

#include "feed.h"
#include "migrate.h"
#include "reader.h"
#include "row_sql.h"
#include "store_internal.h"
#include "writer.h"

/* With more jobs than this in the queue the disk must be stuck: refuse further ones. */
#define QUEUE_MAX 65536
#define PRESENCE_WAITING_MAX 64
#define PAGE_MAX 1000

/* ---- queues between the threads: the loop's end ---- */

static void queue_init(struct job_queue *queue)
{
    pthread_condattr_t monotonic;

    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&queue->filled, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    list_init(&queue->jobs);
}

void store_turn(struct store *store)
{
    struct berth_error error = { 0 };
    struct list done;
    struct list *node;

    list_init(&done);
    (void)pthread_mutex_lock(&store->lock);
    while ((node = list_shift(&store->done)))
        list_append(&done, node);
    (void)pthread_mutex_unlock(&store->lock);

    while ((node = list_shift(&done)))
        job_deliver(list_entry(node, struct job, node));
    if (!store->failure_reported && store_broken(store, &error)) {
        store->failure_reported = true;
        store->setup.failed(store->setup.context, &error);
    }
}

void store_stats(const struct store *store, struct store_stats *ret)
{
    /* Casting const away is allowed for the lock. */
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&store->lock;

    (void)pthread_mutex_lock(lock);
    *ret = store->stats;
    ret->queue = (int64_t)store->to_writer.count;
    (void)pthread_mutex_unlock(lock);
}

void store_set_feed_retention(struct store *store, int64_t retention_ms)
{
    (void)pthread_mutex_lock(&store->lock);
    store->feed_retention_ms = retention_ms;
    (void)pthread_mutex_unlock(&store->lock);
}

/* ---- begin operations ---- */

/* 0, or why no operation can begin. Called with the lock held. */
static int refuse(const struct store *store, const struct job_queue *queue,
                  struct berth_error *reterr)
{
    if (store->broken.code) {
        *reterr = store->broken;
        return store->broken.code;
    }
    if (store->closing)
        return berth_fail(reterr, BERTH_E_CLOSING, "the broker is stopping");
    if (queue->count >= QUEUE_MAX)
        return berth_fail(reterr, BERTH_E_BUSY, "%zu changes already wait for the disk",
                          queue->count);
    return 0;
}

static int submit(struct store *store, struct job_queue *queue, struct job *job,
                  struct berth_error *reterr)
{
    int r;

    job->wall_ms = store->setup.timers->wall_ms;
    job->mono_ms = store->setup.timers->mono_ms;
    (void)pthread_mutex_lock(&store->lock);
    r = refuse(store, queue, reterr);
    if (r == 0) {
        list_append(&queue->jobs, &job->node);
        queue->count++;
        (void)pthread_cond_signal(&queue->filled);
    }
    (void)pthread_mutex_unlock(&store->lock);
    if (r < 0)
        job_free(job);
    return r;
}

/* For operations that change nothing: the job is carried out, and its result dropped. */
static void cancel(struct op *op)
{
    ((struct job *)op->handle)->op = NULL;
}

static int begin(struct store *store, struct job_queue *queue, struct job *job,
                 op_cancel_fn *cancel_fn, struct op *op)
{
    int r;

    job->op = op;
    r = submit(store, queue, job, &op->error);
    return r < 0 ? r : op_begun(op, cancel_fn, job);
}

int store_commit_begin(struct store *store, struct changes *changes, struct op *op)
{
    return begin(store, &store->to_writer, &job_commit_new(changes)->base, NULL, op);
}

void store_presence(struct store *store, const struct presence_row *rows, size_t count)
{
    struct presence_job *job = job_new(JOB_PRESENCE, sizeof(*job) + count * sizeof(*rows));
    struct berth_error unheard = { 0 };
    bool full;

    job->count = count;
    if (count)
        memcpy(job->rows, rows, count * sizeof(*rows));
    (void)pthread_mutex_lock(&store->lock);
    full = store->presence_waiting >= PRESENCE_WAITING_MAX;
    store->presence_waiting += full ? 0 : 1;
    (void)pthread_mutex_unlock(&store->lock);
    if (full) {
        job_free(&job->base);
        return;
    }
    /* Not awaited, so no failure is returned: the store reports by other means that it is broken or
     * full. */
    if (submit(store, &store->to_writer, &job->base, &unheard) < 0) {
        (void)pthread_mutex_lock(&store->lock);
        store->presence_waiting--;
        (void)pthread_mutex_unlock(&store->lock);
    }
}

int store_backup_begin(struct store *store, const char *path, struct op *op)
{
    struct backup_job *job = job_new(JOB_BACKUP, sizeof(*job));

    if (strlen(path) >= sizeof(job->path)) {
        job_free(&job->base);
        return berth_fail(&op->error, BERTH_E_TOO_LARGE, "the path is too long");
    }
    copy_text(job->path, path);
    return begin(store, &store->to_writer, &job->base, NULL, op);
}

int store_erase_begin(struct store *store, uint64_t user_id, struct op *op)
{
    struct erase_job *job = job_new(JOB_ERASE, sizeof(*job));

    job->user_id = user_id;
    return begin(store, &store->to_writer, &job->base, NULL, op);
}

int store_audit_verify_begin(struct store *store, struct audit_verdict *ret, struct op *op)
{
    struct verify_job *job = job_new(JOB_VERIFY, sizeof(*job));

    job->caller_verdict = ret;
    return begin(store, &store->to_reader, &job->base, cancel, op);
}

static int begin_page(struct store *store, enum job_kind kind, int64_t after, int limit,
                      struct store_page *ret, struct op *op)
{
    struct page_job *job;

    if (after < 0 || limit < 1 || limit > PAGE_MAX) {
        return berth_fail(&op->error, BERTH_E_INVALID,
                          "a page begins at 0 or later and has 1 to %d items", PAGE_MAX);
    }
    job = job_new(kind, sizeof(*job));
    job->caller_page = ret;
    job->after = after;
    job->limit = limit;
    return begin(store, &store->to_reader, &job->base, cancel, op);
}

int store_feed_begin(struct store *store, int64_t after, int limit, struct store_page *ret,
                     struct op *op)
{
    return begin_page(store, JOB_FEED, after, limit, ret, op);
}

int store_audit_begin(struct store *store, int64_t after, int limit, struct store_page *ret,
                      struct op *op)
{
    return begin_page(store, JOB_AUDIT, after, limit, ret, op);
}

int store_audit_newest_begin(struct store *store, int64_t before, int limit, struct store_page *ret,
                             struct op *op)
{
    return begin_page(store, JOB_AUDIT_NEWEST, before, limit, ret, op);
}

int store_rows_begin(struct store *store, const struct rows_query *query, struct rows_page *ret,
                     struct op *op)
{
    struct rows_job *job;

    if (!core_keeps_history(query->kind) || query->limit < 1 || query->limit > PAGE_MAX ||
        query->filters > ROW_FILTERS_MAX)
        return berth_fail(&op->error, BERTH_E_INVALID, "a page of history has 1 to %d rows",
                          PAGE_MAX);
    job = job_new(JOB_ROWS, sizeof(*job));
    job->caller_page = ret;
    job->query = *query;
    return begin(store, &store->to_reader, &job->base, cancel, op);
}

/* ---- opening and closing ---- */

static int open_threads(struct store *store, struct berth_error *reterr)
{
    int64_t incarnation;
    int r;

    r = folder_check(store->folder, reterr);
    if (r == 0)
        r = folder_lock(store->folder, &store->lock_fd, reterr);
    if (r == 0)
        r = writer_open(store, &incarnation, reterr);
    if (r == 0)
        r = reader_open(store, reterr);
    if (r == 0)
        r = writer_start(store, reterr);
    if (r == 0)
        r = reader_start(store, reterr);
    return r;
}

int store_open(const struct store_setup *setup, struct store **ret, struct berth_error *reterr)
{
    struct store *store;
    int r;

    if (strlen(setup->folder) >= sizeof(store->folder))
        return berth_fail(reterr, BERTH_E_TOO_LARGE, "the path of the data folder is too long");
    /* Counting allocations takes a lock each time; fails, harmlessly, when SQLite was used before.
     */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

    store = berth_new(struct store);
    store->setup = *setup;
    store->lock_fd = -1;
    store->feed_retention_ms = setup->feed_retention_ms;
    copy_text(store->folder, setup->folder);
    store->setup.folder = store->folder;
    (void)pthread_mutex_init(&store->lock, NULL);
    queue_init(&store->to_writer);
    queue_init(&store->to_reader);
    list_init(&store->done);

    r = open_threads(store, reterr);
    if (r < 0) {
        store_close(store);
        return r;
    }
    *ret = store;
    return 0;
}

static void close_queues(struct store *store)
{
    (void)pthread_mutex_lock(&store->lock);
    store->closing = true;
    (void)pthread_cond_signal(&store->to_writer.filled);
    (void)pthread_cond_signal(&store->to_reader.filled);
    (void)pthread_mutex_unlock(&store->lock);
}

void store_close(struct store *store)
{
    struct berth_error error = { 0 };

    if (!store)
        return;
    close_queues(store);
    reader_close(store);
    if (writer_close(store, &error) < 0)
        store_break(store, &error);
    store_turn(store);

    if (store->lock_fd >= 0)
        (void)close(store->lock_fd); /* this releases the lock; nothing was written */
    (void)pthread_cond_destroy(&store->to_writer.filled);
    (void)pthread_cond_destroy(&store->to_reader.filled);
    (void)pthread_mutex_destroy(&store->lock);
    free(store);
}

/* ---- loading ---- */

static int load_numbers(sqlite3 *db, struct core *core, struct berth_error *reterr)
{
    int64_t incarnation = 0;
    int64_t last_id = 0;
    int64_t rev = 0;
    int r;

    r = sql_number(db, "SELECT \"last_id\" FROM \"sequence\"", 0, &last_id, reterr);
    if (r == 0)
        r = sql_number(db, "SELECT \"incarnation\" FROM \"sequence\"", 0, &incarnation, reterr);
    if (r == 0)
        r = feed_rev(db, &rev, reterr);
    if (r < 0)
        return r;
    if ((uint64_t)last_id > core->last_id)
        core->last_id = (uint64_t)last_id;
    core->rev = (uint64_t)rev;
    core_load_begin(core, incarnation);
    return 0;
}

static int load_rows(sqlite3 *db, enum entity_kind kind, bool all, struct core *core,
                     struct berth_error *reterr)
{
    struct row_cursor cursor;
    union row row;
    int r = row_sql_open(&cursor, db, kind, all, reterr);

    if (r < 0)
        return r;
    while ((r = row_sql_next(&cursor, &row, reterr)) > 0) {
        r = core_load(core, kind, &row, reterr);
        if (r < 0)
            break;
    }
    row_sql_close(&cursor);
    explicit_bzero(&row, sizeof(row));
    return r;
}

int store_load(struct store *store, struct core *core, struct berth_error *reterr)
{
    /* A recorded history includes the rows that have ended. */
    bool all = core->history != NULL;
    sqlite3 *db;
    int r;

    r = open_read_only(store->folder, &schema_main, &db, reterr);
    if (r < 0)
        return r;
    r = sql_run(db, "BEGIN", reterr); /* one read transaction */
    if (r == 0)
        r = load_numbers(db, core, reterr);
    for (int kind = ENTITY_NONE + 1; r == 0 && kind < ENTITY_KINDS; kind++)
        r = load_rows(db, (enum entity_kind)kind, all, core, reterr);
    if (r == 0)
        core_load_end(core);
    (void)sql_exec(db, "COMMIT"); /* nothing was written */
    (void)sqlite3_close(db);      /* query-only: closing cannot lose data */
    return r;
}
