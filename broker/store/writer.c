/* writer.c - batches of decisions, and what failures mean. */
#include "writer.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "berth/history_file.h"
#include "berth/log.h"
#include "berth/loop.h"

#include "core/history_lines.h"

#include "upkeep.h"

/* Larger batches are not faster; they only delay their first operation. */
#define BATCH_MAX 256

/* ---- decisions ---- */

static void end_all(struct list *jobs, int code, const struct berth_error *error)
{
    list_each (jobs, node) {
        struct job *job = list_entry(node, struct job, node);

        if (job->result == 0) /* a refused decision keeps its own error */
            job_end(job, code, error);
    }
}

/* ---- the history: record what is durable, before it is acknowledged ---- */

static void note_job(struct writer *writer, const struct commit_job *job)
{
    struct history *history = writer->store->setup.history;
    struct history_line line = { .kind = HISTORY_row, .at_us = history_now_us() };

    for (size_t i = 0; i < job->count; i++) {
        line.row = history_of_change(&job->audit, job->at, job->count, i, job->rev);
        line.row.verb = history_verb_STORED;
        line.row.incarnation = writer->decisions.chain.incarnation;
        history->take(history, &line);
    }
    if (!job->sequence)
        return;
    line.kind = HISTORY_audit;
    line.audit = history_of_audit(&job->audit, job->at, job->count, job->rev, job->sequence);
    history->take(history, &line);
}

static void note_batch(struct writer *writer, struct list *jobs)
{
    if (!writer->store->setup.history)
        return;
    list_each (jobs, node) {
        const struct commit_job *job = list_entry(node, struct commit_job, base.node);

        if (job->base.result == 0 && !job->repeated)
            note_job(writer, job);
    }
}

static enum sql_status write_batch(struct writer *writer, struct list *jobs,
                                   struct berth_error *reterr)
{
    enum sql_status status = decisions_begin(&writer->decisions, reterr);

    if (status != SQL_OK)
        return status;
    list_each (jobs, node) {
        struct commit_job *job = list_entry(node, struct commit_job, base.node);
        struct berth_error error = { 0 };

        status = decision_write(&writer->decisions, job, &error);
        if (status == SQL_REFUSED) {
            job_end(&job->base, error.code, &error);
            log_failure(EV_STORE_REFUSED, &error, job->audit.action);
        } else if (status != SQL_OK) {
            *reterr = error;
            return status;
        }
    }
    return decisions_commit(&writer->decisions, reterr);
}

static int64_t wal_bytes(const struct store *store)
{
    char path[FOLDER_PATH + 8];
    struct stat facts;

    (void)snprintf(path, sizeof(path), "%s/berth.db-wal", store->folder);
    return stat(path, &facts) == 0 ? facts.st_size : 0;
}

static void count_batch(struct writer *writer, int64_t size, int64_t took_us)
{
    struct store *store = writer->store;
    int64_t bytes = wal_bytes(store);

    (void)pthread_mutex_lock(&store->lock);
    store->stats.commits++;
    store->stats.operations += size;
    if (size > store->stats.batch_max)
        store->stats.batch_max = size;
    store->stats.last_commit_us = took_us;
    histogram_add(&store->stats.commit, took_us);
    store->stats.wal_bytes = bytes;
    (void)pthread_mutex_unlock(&store->lock);
}

static int64_t mono_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* When this returns, either the whole batch (except decisions refused by a constraint) is durable,
 * or none of it is acknowledged. */
static void run_batch(struct writer *writer, struct list *jobs, int64_t size)
{
    struct berth_error error = { 0 };
    int64_t began_us = mono_us();
    enum sql_status status;

    if (store_broken(writer->store, &error)) {
        end_all(jobs, error.code, &error);
    } else if (writer->degraded) {
        (void)berth_fail(&error, BERTH_E_NO_SPACE,
                         "the broker's disk is full; nothing was changed");
        end_all(jobs, error.code, &error);
    } else {
        status = write_batch(writer, jobs, &error);
        if (status == SQL_OK) {
            count_batch(writer, size, mono_us() - began_us);
            note_batch(writer, jobs);
        } else {
            decisions_rollback(&writer->decisions);
            writer_handle_failure(writer, status, &error);
            end_all(jobs, error.code, &error);
        }
    }
    store_done(writer->store, jobs);
}

/* ---- the other jobs ---- */

static void erase_person(struct writer *writer, struct erase_job *job)
{
    struct berth_error error = { 0 };
    enum sql_status status;

    if (store_broken(writer->store, &error)) {
        writer_end(writer, &job->base, error.code, &error);
        return;
    }
    status = keyring_erase(writer->store->keys, job->user_id, &error);
    if (status == SQL_OK)
        status = decisions_begin(&writer->decisions, &error);
    if (status == SQL_OK)
        status = feed_scrub(&writer->decisions.feed, job->user_id, &error);
    if (status == SQL_OK)
        status = decisions_commit(&writer->decisions, &error);
    if (status != SQL_OK) {
        decisions_rollback(&writer->decisions);
        writer_handle_failure(writer, status, &error);
    }
    writer_end(writer, &job->base, error.code, &error);
}

static void run_other(struct writer *writer, struct job *job)
{
    switch (job->kind) {
    case JOB_PRESENCE:
        list_append(&writer->presence_jobs, &job->node);
        return;
    case JOB_BACKUP:
        list_append(&writer->backup_jobs, &job->node);
        return;
    case JOB_ERASE:
        erase_person(writer, container_of(job, struct erase_job, base));
        return;
    case JOB_COMMIT:
    case JOB_FEED:
    case JOB_AUDIT:
    case JOB_AUDIT_NEWEST:
    case JOB_ROWS:
    case JOB_VERIFY:
        break;
    }
    abort(); /* not a job of this thread */
}

/* ---- the thread ---- */

/* Adjacent decisions share a transaction; the order of all jobs is kept. */
static void run_jobs(struct writer *writer, struct list *jobs)
{
    struct list batch;
    int64_t size = 0;

    list_init(&batch);
    list_each (jobs, node) {
        struct job *job = list_entry(node, struct job, node);

        list_remove(node);
        if (job->kind == JOB_COMMIT) {
            list_append(&batch, node);
            size++;
            continue;
        }
        if (size)
            run_batch(writer, &batch, size);
        size = 0;
        run_other(writer, job);
    }
    if (size)
        run_batch(writer, &batch, size);
}

void *writer_main(void *argument)
{
    struct writer *writer = argument;
    struct list jobs;
    bool open = true;

    while (open || !list_empty(&writer->presence_jobs) || !list_empty(&writer->backup_jobs)) {
        list_init(&jobs);
        open = store_take(writer->store, &writer->store->to_writer, upkeep_wait_ms(writer),
                          BATCH_MAX, &jobs);
        run_jobs(writer, &jobs);
        upkeep_step(writer);
    }
    return NULL;
}
