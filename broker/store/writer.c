/* writer.c - batches of decisions, and the chores between them. */
#include "writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/log.h"
#include "berth/loop.h"

#include "backup.h"
#include "decision.h"
#include "presence_file.h"
#include "room.h"

/* Beyond this a batch gains nothing and only makes its first operation wait. */
#define BATCH_MAX 256
#define PROBE_EVERY_MS 1000
/* There is room again when this much can be had: several batches. */
#define PROBE_BYTES (256 << 10)
#define PRUNE_EVERY_MS 60000
#define ANCHOR_EVERY_MS 60000
/* Rows and pages of one step of a chore: some milliseconds that commits wait at most. */
#define PRESENCE_STEP 500
#define BACKUP_STEP 256
/* Frames of the log that were not folded back yet: 4 MiB. */
#define CHECKPOINT_FRAMES 1000

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

/* ---- trouble ---- */

static void note_degraded(struct writer *writer, bool degraded)
{
    if (writer->degraded == degraded)
        return;
    writer->degraded = degraded;
    (void)pthread_mutex_lock(&writer->store->lock);
    writer->store->stats.degraded = degraded;
    (void)pthread_mutex_unlock(&writer->store->lock);
    if (degraded)
        log_event(EV_STORE_DEGRADED, "folder", writer->store->folder);
    else
        log_event(EV_STORE_RECOVERED, "folder", writer->store->folder);
}

/* What a failure that is not one decision's own means for the store. */
static void suffer(struct writer *writer, enum sql_trouble trouble, const struct berth_error *error)
{
    switch (trouble) {
    case SQL_NO_SPACE:
        writer->probe_at_ms = clock_mono_ms() + PROBE_EVERY_MS;
        note_degraded(writer, true);
        return;
    case SQL_BROKEN:
        store_break(writer->store, error);
        return;
    case SQL_REFUSED: /* the caller's own */
    case SQL_BUSY:    /* another program holds the file; the next batch tries again */
    case SQL_FINE:
        return;
    }
}

/* A transaction of the store's own: audit notes, pruning, the trial write. */
typedef enum sql_trouble work_fn(struct writer *writer, struct berth_error *reterr);

static enum sql_trouble in_transaction(struct writer *writer, work_fn *work,
                                       struct berth_error *reterr)
{
    enum sql_trouble trouble = decisions_begin(&writer->decisions, reterr);

    if (trouble == SQL_FINE)
        trouble = work(writer, reterr);
    if (trouble == SQL_FINE)
        trouble = decisions_commit(&writer->decisions, reterr);
    if (trouble != SQL_FINE)
        decisions_rollback(&writer->decisions);
    return trouble;
}

/* ---- decisions ---- */

static void end_all(struct list *jobs, int code, const struct berth_error *error)
{
    list_each (jobs, node) {
        struct job *job = list_entry(node, struct job, node);

        if (job->result == 0) /* one that was refused keeps its own reason */
            job_end(job, code, error);
    }
}

static enum sql_trouble write_batch(struct writer *writer, struct list *jobs,
                                    struct berth_error *reterr)
{
    enum sql_trouble trouble = decisions_begin(&writer->decisions, reterr);

    if (trouble != SQL_FINE)
        return trouble;
    list_each (jobs, node) {
        struct commit_job *job = list_entry(node, struct commit_job, base.node);
        struct berth_error error = { 0 };

        trouble = decision_write(&writer->decisions, job, &error);
        if (trouble == SQL_REFUSED) {
            job_end(&job->base, error.code, &error);
            log_failure(EV_STORE_REFUSED, &error, job->audit.action);
        } else if (trouble != SQL_FINE) {
            *reterr = error;
            return trouble;
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
    store->stats.wal_bytes = bytes;
    (void)pthread_mutex_unlock(&store->lock);
}

static int64_t mono_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Either the whole batch (but for what a constraint refused) is on the disk when this returns, or
 * nothing of it is told. */
static void run_batch(struct writer *writer, struct list *jobs, int64_t size)
{
    struct berth_error error = { 0 };
    int64_t began_us = mono_us();
    enum sql_trouble trouble;

    if (store_broken(writer->store, &error)) {
        end_all(jobs, error.code, &error);
    } else if (writer->degraded) {
        (void)berth_fail(&error, BERTH_E_NO_SPACE,
                         "the broker's disk is full; nothing was changed");
        end_all(jobs, error.code, &error);
    } else {
        trouble = write_batch(writer, jobs, &error);
        if (trouble == SQL_FINE) {
            count_batch(writer, size, mono_us() - began_us);
        } else {
            decisions_rollback(&writer->decisions);
            suffer(writer, trouble, &error);
            end_all(jobs, error.code, &error);
        }
    }
    store_done(writer->store, jobs);
}

/* ---- the other jobs ---- */

static void end_one(struct writer *writer, struct job *job, int result,
                    const struct berth_error *error)
{
    struct list ended;

    list_init(&ended);
    list_remove(&job->node);
    job_end(job, result, error);
    list_append(&ended, &job->node);
    store_done(writer->store, &ended);
}

static void erase_person(struct writer *writer, struct erase_job *job)
{
    struct berth_error error = { 0 };
    enum sql_trouble trouble;

    trouble = keyring_erase(writer->store->keys, job->user_id, &error);
    if (trouble == SQL_FINE)
        trouble = decisions_begin(&writer->decisions, &error);
    if (trouble == SQL_FINE)
        trouble = feed_scrub(&writer->decisions.feed, job->user_id, &error);
    if (trouble == SQL_FINE)
        trouble = decisions_commit(&writer->decisions, &error);
    if (trouble != SQL_FINE) {
        decisions_rollback(&writer->decisions);
        suffer(writer, trouble, &error);
    }
    end_one(writer, &job->base, error.code, &error);
}

static void presence_step(struct writer *writer)
{
    struct presence_job *job =
        list_entry(writer->presence_jobs.next, struct presence_job, base.node);
    size_t count =
        job->count - job->written < PRESENCE_STEP ? job->count - job->written : PRESENCE_STEP;
    struct berth_error error = { 0 };
    enum sql_trouble trouble = SQL_FINE;

    /* On a full disk last-seen facts are dropped: the next ones say more. */
    if (!writer->degraded && !store_broken(writer->store, NULL)) {
        trouble = presence_file_put(&writer->presence, job->rows + job->written, count, &error);
        job->written += count;
        if (trouble == SQL_FINE && job->written < job->count)
            return;
        if (trouble == SQL_FINE)
            trouble = presence_file_checkpoint(&writer->presence, &error);
        suffer(writer, trouble, &error);
    }
    (void)pthread_mutex_lock(&writer->store->lock);
    writer->store->presence_waiting--;
    (void)pthread_mutex_unlock(&writer->store->lock);
    list_remove(&job->base.node);
    job_free(&job->base);
}

static void backup_some(struct writer *writer)
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
    writer->backup = (struct backup_run){ 0 };
    end_one(writer, &job->base, r, &error);
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
    case JOB_VERIFY:
        break;
    }
    abort(); /* never put into this queue */
}

/* ---- chores ---- */

static enum sql_trouble prune(struct writer *writer, struct berth_error *reterr)
{
    int64_t keep_ms;

    (void)pthread_mutex_lock(&writer->store->lock);
    keep_ms = writer->store->feed_keep_ms;
    (void)pthread_mutex_unlock(&writer->store->lock);
    writer->prune_more = false;
    if (keep_ms <= 0)
        return SQL_FINE;
    return feed_prune(&writer->decisions.feed, clock_wall_ms() - keep_ms, &writer->prune_more,
                      reterr);
}

static enum sql_trouble trial_write(struct writer *writer, struct berth_error *reterr)
{
    int rc = sql_exec(writer->db, "UPDATE \"sequence\" SET \"probes\" = \"probes\" + 1");

    return rc == SQLITE_OK ? SQL_FINE : sql_failed(writer->db, rc, "trial write", reterr);
}

/* Frames that were folded back; a reader that holds an old view makes this come short, the next
 * time does the rest. */
static void checkpoint(struct writer *writer)
{
    struct berth_error error = { 0 };
    enum sql_trouble trouble;
    int frames = 0;
    int folded = 0;
    int rc;

    rc = sql_checkpoint(writer->db, SQLITE_CHECKPOINT_PASSIVE, &frames, &folded);
    trouble = sql_failed(writer->db, rc, "checkpoint", &error);
    if (trouble == SQL_FINE)
        writer->wal_folded = folded;
    suffer(writer, trouble, &error);
}

/* Can a file grow by as much as a few batches need? */
static bool has_room(const struct store *store)
{
    char path[FOLDER_PATH + 8];
    bool room;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/probe", store->folder);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    room = posix_fallocate(fd, 0, PROBE_BYTES) == 0;
    (void)close(fd); /* the file goes at once */
    (void)unlink(path);
    return room;
}

static void probe(struct writer *writer)
{
    struct berth_error error = { 0 };
    enum sql_trouble trouble;

    writer->probe_at_ms = clock_mono_ms() + PROBE_EVERY_MS;
    checkpoint(writer);
    if (!has_room(writer->store))
        return;
    trouble = in_transaction(writer, trial_write, &error);
    if (trouble == SQL_FINE)
        note_degraded(writer, false);
    else
        suffer(writer, trouble, &error);
}

static void anchor(struct writer *writer)
{
    const struct audit_head *head = &writer->decisions.chain.head;
    struct berth_error error = { 0 };
    enum sql_trouble trouble;

    writer->anchor_at_ms = clock_mono_ms() + ANCHOR_EVERY_MS;
    if (head->sequence == writer->anchored)
        return;
    trouble = keyring_anchor(writer->store->keys, head->sequence, head->hash, &error);
    if (trouble == SQL_FINE)
        writer->anchored = head->sequence;
    suffer(writer, trouble, &error);
}

/* Milliseconds until a chore is due; 0: now. */
static int64_t chores_wait_ms(const struct writer *writer)
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

    if (writer->degraded) {
        if (now >= writer->probe_at_ms)
            probe(writer);
        return;
    }
    if (writer->prune_more || now >= writer->prune_at_ms) {
        writer->prune_at_ms = now + PRUNE_EVERY_MS;
        suffer(writer, in_transaction(writer, prune, &error), &error);
    }
    if (writer->wal_frames < writer->wal_folded)
        writer->wal_folded = 0; /* the log began anew */
    if (writer->wal_frames - writer->wal_folded >= CHECKPOINT_FRAMES)
        checkpoint(writer);
    if (now >= writer->anchor_at_ms)
        anchor(writer);
}

static void chores(struct writer *writer)
{
    if (!list_empty(&writer->presence_jobs))
        presence_step(writer);
    if (!list_empty(&writer->backup_jobs))
        backup_some(writer);
    if (!store_broken(writer->store, NULL)) {
        maintain(writer);
    } else { /* nothing is touched any more; the loop ends the program */
        writer->prune_more = false;
        writer->degraded = false;
        writer->prune_at_ms = writer->anchor_at_ms = clock_mono_ms() + PRUNE_EVERY_MS;
    }
}

/* ---- the thread ---- */

/* Decisions that stand next to each other are one transaction; the order of all jobs is kept. */
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

static void *writer_main(void *argument)
{
    struct writer *writer = argument;
    struct list jobs;
    bool open = true;

    while (open || !list_empty(&writer->presence_jobs) || !list_empty(&writer->backup_jobs)) {
        list_init(&jobs);
        open = store_take(writer->store, &writer->store->to_writer, chores_wait_ms(writer),
                          BATCH_MAX, &jobs);
        run_jobs(writer, &jobs);
        chores(writer);
    }
    return NULL;
}

/* ---- opening and closing ---- */

static int note_frames(void *context, berth_unused sqlite3 *db, berth_unused const char *name,
                       int frames)
{
    ((struct writer *)context)->wal_frames = frames;
    return SQLITE_OK;
}

struct beginning {
    struct audit_verdict end;
    bool new_keys;
    int64_t incarnation;
};

static int raise_incarnation(struct writer *writer, const struct beginning *beginning,
                             struct berth_error *reterr)
{
    struct decisions *decisions = &writer->decisions;
    int64_t wall_ms = clock_wall_ms();
    enum sql_trouble trouble;

    trouble = decisions_begin(decisions, reterr);
    if (trouble == SQL_FINE) {
        int rc =
            sql_exec(writer->db, "UPDATE \"sequence\" SET \"incarnation\" = \"incarnation\" + 1");

        if (rc != SQLITE_OK)
            trouble = sql_failed(writer->db, rc, "incarnation", reterr);
    }
    if (trouble == SQL_FINE && beginning->new_keys && decisions->chain.head.sequence > 0) {
        trouble = decision_note(decisions, "audit.keys-made", "keys.db",
                                "there were no keys; personal fields sealed before cannot be read",
                                wall_ms, reterr);
    } else if (trouble == SQL_FINE && beginning->end.first_bad) {
        trouble = decision_note(decisions, "audit.broken", "berth.db", beginning->end.reason,
                                wall_ms, reterr);
    }
    decisions->chain.moved = true; /* so that the end bears a seal from the beginning on */
    if (trouble == SQL_FINE)
        trouble = decisions_commit(decisions, reterr);
    if (trouble != SQL_FINE)
        decisions_rollback(decisions);
    return sql_code(trouble);
}

static int begin(struct writer *writer, bool new_keys, int64_t *ret_incarnation,
                 struct berth_error *reterr)
{
    struct beginning beginning = { .new_keys = new_keys };
    int r;

    r = verify_end(writer->db, new_keys ? NULL : writer->store->keys, &beginning.end, reterr);
    if (r < 0)
        return r;
    if (beginning.end.first_bad)
        log_event(EV_AUDIT_BROKEN, "record", beginning.end.first_bad, "reason",
                  beginning.end.reason);

    r = sql_number(writer->db, "SELECT \"incarnation\" FROM \"sequence\"", 0, ret_incarnation,
                   reterr);
    if (r < 0)
        return r;
    (*ret_incarnation)++;
    writer->decisions.chain.incarnation = *ret_incarnation;
    return raise_incarnation(writer, &beginning, reterr);
}

int writer_open(struct store *store, int64_t *ret_incarnation, struct berth_error *reterr)
{
    struct writer *writer = berth_new(struct writer);
    bool new_keys = false;
    int r;

    writer->store = store;
    store->writer = writer;
    list_init(&writer->presence_jobs);
    list_init(&writer->backup_jobs);
    writer->anchor_at_ms = clock_mono_ms() + ANCHOR_EVERY_MS;

    r = open_facts(store->folder, &writer->db, reterr);
    if (r == 0)
        r = keyring_open(store->folder, &store->keys, &new_keys, reterr);
    if (r == 0)
        r = presence_file_open(store->folder, &writer->presence, reterr);
    if (r == 0)
        r = decisions_open(writer->db, store->keys, &writer->decisions, reterr);
    if (r == 0) {
        (void)sqlite3_wal_hook(writer->db, note_frames, writer);
        r = begin(writer, new_keys, ret_incarnation, reterr);
    }
    return r;
}

int writer_start(struct store *store, struct berth_error *reterr)
{
    int error = pthread_create(&store->writer->thread, NULL, writer_main, store->writer);

    if (error)
        return berth_fail(reterr, BERTH_E_STORE, "the store's thread does not start: %s",
                          strerror(error));
    store->writer->running = true;
    return 0;
}

/* Fold the log back whole. Readers are closed by now. */
static int close_facts(struct writer *writer, bool fold, struct berth_error *reterr)
{
    int rc = SQLITE_OK;
    int r = 0;

    if (fold)
        rc = sql_checkpoint(writer->db, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    /* On a full disk the log stays as it is and is folded back by the next broker. */
    if (sql_trouble(rc) != SQL_FINE && sql_trouble(rc) != SQL_NO_SPACE)
        r = sql_fail(writer->db, rc, "the last checkpoint", reterr);
    rc = sqlite3_close(writer->db);
    if (rc != SQLITE_OK && r == 0)
        r = berth_fail(reterr, BERTH_E_STORE, "closing berth.db failed (SQLite %d)", rc);
    return r;
}

/* The first failure is told, the others are logged. */
static int worst(int r, const struct berth_error *error, struct berth_error *reterr)
{
    if (r == 0)
        *reterr = *error;
    else
        log_failure(EV_STORE_FAILED, error, "closing");
    return BERTH_E_STORE;
}

int writer_close(struct store *store, struct berth_error *reterr)
{
    struct writer *writer = store->writer;
    struct berth_error later = { 0 };
    bool good = !store_broken(store, NULL);
    int r = 0;

    if (!writer)
        return 0;
    if (writer->running) {
        (void)pthread_join(writer->thread, NULL);
        good = !store_broken(store, NULL);
        if (good)
            anchor(writer);
    }
    decisions_close(&writer->decisions);
    if (writer->db)
        r = close_facts(writer, good && writer->running, reterr);
    if (writer->presence.db && presence_file_close(&writer->presence, &later) < 0)
        r = worst(r, &later, reterr);
    if (keyring_close(store->keys, &later) < 0)
        r = worst(r, &later, reterr);
    store->keys = NULL;
    store->writer = NULL;
    free(writer);
    return r;
}
