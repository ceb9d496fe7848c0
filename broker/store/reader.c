/* reader.c - read pages of the feed and of the audit trail, and verify the trail. */
#include "reader.h"

#include <string.h>

#include "feed.h"
#include "migrate.h"
#include "rows_page.h"
#include "store_internal.h"
#include "verify.h"

/* Records that one step of a verification reads: about ten milliseconds, then other jobs run. */
#define VERIFY_RECORDS 5000

struct reader {
    struct store *store;
    pthread_t thread;
    bool running;
    sqlite3 *db;
    struct list walks; /* verify jobs that are not finished */
};

static void end(struct reader *reader, struct job *job, int result, const struct berth_error *error)
{
    struct list ended;

    if (result == BERTH_E_STORE)
        store_break(reader->store, error);
    list_init(&ended);
    list_remove(&job->node);
    job_end(job, result, error);
    list_append(&ended, &job->node);
    store_done(reader->store, &ended);
}

/* ---- pages ---- */

static int read_records(sqlite3 *db, struct keyring *keys, struct page_job *job,
                        struct berth_error *reterr)
{
    bool newest = job->base.kind == JOB_AUDIT_NEWEST;
    berth_cleanup(sql_drop) sqlite3_stmt *statement = NULL;
    int rc;
    int r;

    r = sql_prepare(db,
                    newest ? "SELECT " AUDIT_COLUMNS " FROM \"audit\" WHERE \"sequence\" < ?1"
                             " ORDER BY \"sequence\" DESC LIMIT ?2"
                           : "SELECT " AUDIT_COLUMNS " FROM \"audit\" WHERE \"sequence\" > ?1"
                             " ORDER BY \"sequence\" LIMIT ?2",
                    &statement, reterr);
    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, newest && !job->after ? INT64_MAX : job->after);
    (void)sqlite3_bind_int(statement, 2, job->limit);
    job->page = (struct store_page){ .items = json_array(), .last = job->after };
    while ((rc = sql_step(statement)) == SQLITE_ROW) {
        struct audit_record record;
        unsigned char hash[32] = { 0 };

        /* A malformed record is shown as it is; `audit verify` reports it. */
        (void)audit_read(statement, &record, hash);
        job->page.last = record.sequence;
        (void)json_array_append_new(job->page.items, audit_json(&record, hash, keys));
    }
    return rc == SQLITE_DONE ? 0 : sql_fail(db, rc, "audit trail", reterr);
}

static void run_page(struct reader *reader, struct page_job *job)
{
    struct berth_error error = { 0 };
    int r;

    if (job->base.kind == JOB_FEED)
        r = feed_page(reader->db, job->after, job->limit, &job->page, &error);
    else
        r = read_records(reader->db, reader->store->keys, job, &error);
    end(reader, &job->base, r, &error);
}

static void run_rows(struct reader *reader, struct rows_job *job)
{
    struct berth_error error = { 0 };
    int r = rows_page_read(reader->db, &job->query, &job->page, &error);

    end(reader, &job->base, r, &error);
}

/* ---- verification ---- */

static void walk_step(struct reader *reader)
{
    struct verify_job *job = list_entry(reader->walks.next, struct verify_job, base.node);
    struct berth_error error = { 0 };
    int r;

    r = verify_step(reader->db, reader->store->keys, VERIFY_RECORDS, &job->walk, &error);
    if (r < 0 || job->walk.finished)
        end(reader, &job->base, r, &error);
}

/* ---- the thread ---- */

static void run(struct reader *reader, struct job *job)
{
    struct berth_error error = { 0 };

    if (store_broken(reader->store, &error)) {
        end(reader, job, error.code, &error);
        return;
    }
    switch (job->kind) {
    case JOB_FEED:
    case JOB_AUDIT:
    case JOB_AUDIT_NEWEST:
        run_page(reader, container_of(job, struct page_job, base));
        return;
    case JOB_ROWS:
        run_rows(reader, container_of(job, struct rows_job, base));
        return;
    case JOB_VERIFY:
        list_remove(&job->node);
        list_append(&reader->walks, &job->node);
        return;
    case JOB_COMMIT:
    case JOB_PRESENCE:
    case JOB_BACKUP:
    case JOB_ERASE:
        break;
    }
    abort(); /* not a job of this thread */
}

static void *reader_main(void *argument)
{
    struct reader *reader = argument;
    struct list jobs;
    bool open = true;

    while (open || !list_empty(&reader->walks)) {
        int64_t wait_ms = list_empty(&reader->walks) ? -1 : 0;

        list_init(&jobs);
        open = store_take(reader->store, &reader->store->to_reader, wait_ms, 16, &jobs);
        list_each (&jobs, node)
            run(reader, list_entry(node, struct job, node));
        if (!list_empty(&reader->walks))
            walk_step(reader);
    }
    return NULL;
}

int reader_open(struct store *store, struct berth_error *reterr)
{
    struct reader *reader = berth_new(struct reader);

    reader->store = store;
    store->reader = reader;
    list_init(&reader->walks);
    return open_read_only(store->folder, &schema_main, &reader->db, reterr);
}

int reader_start(struct store *store, struct berth_error *reterr)
{
    int error = pthread_create(&store->reader->thread, NULL, reader_main, store->reader);

    if (error)
        return berth_fail(reterr, BERTH_E_STORE, "cannot start a thread of the store: %s",
                          strerror(error));
    store->reader->running = true;
    return 0;
}

void reader_close(struct store *store)
{
    struct reader *reader = store->reader;

    if (!reader)
        return;
    if (reader->running)
        (void)pthread_join(reader->thread, NULL);
    (void)sqlite3_close(reader->db); /* query-only: closing cannot lose data */
    store->reader = NULL;
    free(reader);
}
