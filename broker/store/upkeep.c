/* upkeep.c - the writer's periodic work between batches, in steps. */
#include "upkeep.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "berth/log.h"
#include "berth/loop.h"

#include "writer.h"

/* There is space again when this much can be allocated: several batches. */
#define PROBE_BYTES (256 << 10)
#define PRUNE_EVERY_MS 60000
/* Rows and pages of one step: commits wait some milliseconds at most. */
#define PRESENCE_STEP 500
#define BACKUP_STEP 256
/* Frames of the log before a checkpoint: 4 MiB. */
#define CHECKPOINT_FRAMES 1000

/* A transaction of the store itself: audit records, pruning, the trial write. */
typedef enum sql_status work_fn(struct writer *writer, struct berth_error *reterr);

static enum sql_status in_transaction(struct writer *writer, work_fn *work,
                                      struct berth_error *reterr)
{
    enum sql_status status = decisions_begin(&writer->decisions, reterr);

    if (status == SQL_OK)
        status = work(writer, reterr);
    if (status == SQL_OK)
        status = decisions_commit(&writer->decisions, reterr);
    if (status != SQL_OK)
        decisions_rollback(&writer->decisions);
    return status;
}

/* ---- jobs that take several steps ---- */

static void presence_step(struct writer *writer)
{
    struct presence_job *job =
        list_entry(writer->presence_jobs.next, struct presence_job, base.node);
    size_t count =
        job->count - job->written < PRESENCE_STEP ? job->count - job->written : PRESENCE_STEP;
    struct berth_error error = { 0 };
    enum sql_status status = SQL_OK;

    /* On a full disk last-seen rows are dropped: later ones replace them. */
    if (!writer->degraded && !store_broken(writer->store, NULL)) {
        status = presence_file_put(&writer->presence, job->rows + job->written, count, &error);
        job->written += count;
        if (status == SQL_OK && job->written < job->count)
            return;
        if (status == SQL_OK)
            status = presence_file_checkpoint(&writer->presence, &error);
        writer_handle_failure(writer, status, &error);
    }
    (void)pthread_mutex_lock(&writer->store->lock);
    writer->store->presence_waiting--;
    (void)pthread_mutex_unlock(&writer->store->lock);
    list_remove(&job->base.node);
    job_free(&job->base);
}

static void backup_continue(struct writer *writer)
{
    struct backup_job *job = list_entry(writer->backup_jobs.next, struct backup_job, base.node);
    struct berth_error error = { 0 };
    int r = 1;

    if (store_broken(writer->store, &error))
        r = error.code;
    else if (!writer->backup.target)
        r = backup_start(writer->db, job->path, &writer->backup, &error);
    if (r >= 0)
        r = backup_step(&writer->backup, BACKUP_STEP, &error);
    if (r > 0)
        return;
    if (r == 0)
        log_event(EV_BACKUP_DONE, "file", job->path);
    else
        backup_cancel(&writer->backup);
    writer->backup = (struct backup_run){ 0 };
    writer_end(writer, &job->base, r, &error);
}

/* ---- periodic work ---- */

static enum sql_status prune(struct writer *writer, struct berth_error *reterr)
{
    int64_t retention_ms;

    (void)pthread_mutex_lock(&writer->store->lock);
    retention_ms = writer->store->feed_retention_ms;
    (void)pthread_mutex_unlock(&writer->store->lock);
    writer->prune_more = false;
    if (retention_ms <= 0)
        return SQL_OK;
    return feed_prune(&writer->decisions.feed, clock_wall_ms() - retention_ms, &writer->prune_more,
                      reterr);
}

static enum sql_status trial_write(struct writer *writer, struct berth_error *reterr)
{
    int rc = sql_exec(writer->db, "UPDATE \"sequence\" SET \"probes\" = \"probes\" + 1");

    return rc == SQLITE_OK ? SQL_OK : sql_failed(writer->db, rc, "trial write", reterr);
}

/* Checkpoint. A reader with an older snapshot limits it; the next checkpoint does the rest. */
static void checkpoint(struct writer *writer)
{
    struct berth_error error = { 0 };
    enum sql_status status;
    int frames = 0;
    int folded = 0;
    int rc;

    rc = sql_checkpoint(writer->db, SQLITE_CHECKPOINT_PASSIVE, &frames, &folded);
    status = sql_failed(writer->db, rc, "checkpoint", &error);
    if (status == SQL_OK)
        writer->wal_folded = folded;
    writer_handle_failure(writer, status, &error);
}

/* Can a file grow by the size of a few batches? */
static bool has_disk_space(const struct store *store)
{
    char path[FOLDER_PATH + 8];
    bool has_space;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/probe", store->folder);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    has_space = posix_fallocate(fd, 0, PROBE_BYTES) == 0;
    (void)close(fd);
    (void)unlink(path);
    return has_space;
}

static void probe(struct writer *writer)
{
    struct berth_error error = { 0 };
    enum sql_status status;

    writer->probe_at_ms = clock_mono_ms() + PROBE_EVERY_MS;
    checkpoint(writer);
    if (!has_disk_space(writer->store))
        return;
    status = in_transaction(writer, trial_write, &error);
    if (status == SQL_OK)
        writer_recover(writer);
    else
        writer_handle_failure(writer, status, &error);
}

void upkeep_anchor(struct writer *writer)
{
    const struct audit_head *head = &writer->decisions.chain.head;
    struct berth_error error = { 0 };
    enum sql_status status;

    writer->anchor_at_ms = clock_mono_ms() + ANCHOR_EVERY_MS;
    if (head->sequence == writer->anchored)
        return;
    status = keyring_anchor(writer->store->keys, head->sequence, head->hash, &error);
    if (status == SQL_OK)
        writer->anchored = head->sequence;
    writer_handle_failure(writer, status, &error);
}

int64_t upkeep_wait_ms(const struct writer *writer)
{
    int64_t now = clock_mono_ms();
    int64_t next = writer->prune_at_ms;

    if (!list_empty(&writer->presence_jobs) || !list_empty(&writer->backup_jobs) ||
        writer->prune_more)
        return 0;
    if (writer->anchor_at_ms < next)
        next = writer->anchor_at_ms;
    if (writer->degraded && writer->probe_at_ms < next)
        next = writer->probe_at_ms;
    return next > now ? next - now : 0;
}

static void maintain(struct writer *writer)
{
    struct berth_error error = { 0 };
    int64_t now = clock_mono_ms();
    enum sql_status status;

    if (writer->degraded) {
        if (now >= writer->probe_at_ms)
            probe(writer);
        return;
    }
    if (writer->prune_more || now >= writer->prune_at_ms) {
        writer->prune_at_ms = now + PRUNE_EVERY_MS;
        status = in_transaction(writer, prune, &error);
        writer_handle_failure(writer, status, &error);
    }
    if (writer->wal_frames < writer->wal_folded)
        writer->wal_folded = 0; /* the log was restarted */
    if (writer->wal_frames - writer->wal_folded >= CHECKPOINT_FRAMES)
        checkpoint(writer);
    if (now >= writer->anchor_at_ms)
        upkeep_anchor(writer);
}

void upkeep_step(struct writer *writer)
{
    if (!list_empty(&writer->presence_jobs))
        presence_step(writer);
    if (!list_empty(&writer->backup_jobs))
        backup_continue(writer);
    if (!store_broken(writer->store, NULL)) {
        maintain(writer);
    } else { /* write nothing any more; the loop ends the program */
        writer->prune_more = false;
        writer->degraded = false;
        writer->prune_at_ms = writer->anchor_at_ms = clock_mono_ms() + PRUNE_EVERY_MS;
    }
}
