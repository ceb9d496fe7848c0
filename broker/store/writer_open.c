/* writer_open.c - open the writer's files at the start and close them at the end. */
#include <string.h>

#include "berth/log.h"
#include "berth/loop.h"

#include "upkeep.h"
#include "writer.h"

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
    enum sql_status status;

    status = decisions_begin(decisions, reterr);
    if (status == SQL_OK) {
        int rc =
            sql_exec(writer->db, "UPDATE \"sequence\" SET \"incarnation\" = \"incarnation\" + 1");

        if (rc != SQLITE_OK)
            status = sql_failed(writer->db, rc, "incarnation", reterr);
    }
    if (status == SQL_OK && beginning->new_keys && decisions->chain.head.sequence > 0) {
        status =
            decision_note(decisions, "audit.keys-made", "keys.db",
                          "keys.db was missing; personal fields of earlier records cannot be read",
                          wall_ms, reterr);
    } else if (status == SQL_OK && beginning->end.first_bad) {
        status = decision_note(decisions, "audit.broken", "berth.db", beginning->end.reason,
                               wall_ms, reterr);
    }
    decisions->chain.moved = true; /* write the seal of the end at once */
    if (status == SQL_OK)
        status = decisions_commit(decisions, reterr);
    if (status != SQL_OK)
        decisions_rollback(decisions);
    return sql_code(status);
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

    r = open_main(store->folder, &writer->db, reterr);
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
        return berth_fail(reterr, BERTH_E_STORE, "cannot start a thread of the store: %s",
                          strerror(error));
    store->writer->running = true;
    return 0;
}

/* Checkpoint the whole log. Readers are closed by now. */
static int close_main(struct writer *writer, bool fold, struct berth_error *reterr)
{
    int rc = SQLITE_OK;
    int r = 0;

    /* After a failure the sync must not be repeated, not even by closing. */
    (void)sqlite3_db_config(writer->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, fold ? 0 : 1, NULL);
    if (fold)
        rc = sql_checkpoint(writer->db, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    /* On a full disk the log stays; the next broker checkpoints it. */
    if (sql_status_of(rc) != SQL_OK && sql_status_of(rc) != SQL_NO_SPACE)
        r = sql_fail(writer->db, rc, "the last checkpoint", reterr);
    rc = sqlite3_close(writer->db);
    if (rc != SQLITE_OK && r == 0)
        r = berth_fail(reterr, BERTH_E_STORE, "closing berth.db failed (SQLite %d)", rc);
    return r;
}

/* The first failure is returned, the others are logged. */
static int first_failure(int r, const struct berth_error *error, struct berth_error *reterr)
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
            upkeep_anchor(writer);
    }
    decisions_close(&writer->decisions);
    if (writer->db)
        r = close_main(writer, good && writer->running, reterr);
    if (writer->presence.db && presence_file_close(&writer->presence, &later) < 0)
        r = first_failure(r, &later, reterr);
    if (keyring_close(store->keys, &later) < 0)
        r = first_failure(r, &later, reterr);
    store->keys = NULL;
    store->writer = NULL;
    free(writer);
    return r;
}
