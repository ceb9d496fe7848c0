/* decision.c - write one decision atomically. */
#include "decision.h"

#include <stdio.h>
#include <string.h>

#include "refusal.h"

/* ---- the batch ---- */

int decisions_open(sqlite3 *db, struct keyring *keys, struct decisions *decisions,
                   struct berth_error *reterr)
{
    const struct {
        sqlite3_stmt **statement;
        const char *text;
    } all[] = {
        { &decisions->begin, "BEGIN IMMEDIATE" },
        { &decisions->commit, "COMMIT" },
        { &decisions->rollback, "ROLLBACK" },
        { &decisions->savepoint, "SAVEPOINT \"decision\"" },
        { &decisions->release, "RELEASE \"decision\"" },
        { &decisions->undo, "ROLLBACK TO \"decision\"" },
        { &decisions->set_last_id, "UPDATE \"sequence\" SET \"last_id\" = ?1" },
    };
    int64_t last_id;
    int r = 0;

    *decisions = (struct decisions){ .db = db };
    for (size_t i = 0; r == 0 && i < BERTH_COUNT(all); i++)
        r = sql_prepare(db, all[i].text, all[i].statement, reterr);
    if (r == 0)
        r = row_sql_new(db, &decisions->rows, reterr);
    if (r == 0)
        r = feed_open(db, &decisions->feed, reterr);
    if (r == 0)
        r = audit_open(db, keys, &decisions->chain, reterr);
    if (r == 0)
        r = sql_number(db, "SELECT \"last_id\" FROM \"sequence\"", 0, &last_id, reterr);
    if (r == 0)
        decisions->last_id = (uint64_t)last_id;
    return r;
}

void decisions_close(struct decisions *decisions)
{
    sqlite3_stmt **const all[] = { &decisions->begin,      &decisions->commit,
                                   &decisions->rollback,   &decisions->savepoint,
                                   &decisions->release,    &decisions->undo,
                                   &decisions->set_last_id };

    for (size_t i = 0; i < BERTH_COUNT(all); i++)
        sql_drop(all[i]);
    row_sql_free(decisions->rows);
    decisions->rows = NULL;
    feed_close(&decisions->feed);
    audit_close(&decisions->chain);
}

static enum sql_status step(struct decisions *decisions, sqlite3_stmt *statement, const char *what,
                            struct berth_error *reterr)
{
    int rc = sql_step_once(statement);

    return rc == SQLITE_DONE ? SQL_OK : sql_failed(decisions->db, rc, what, reterr);
}

enum sql_status decisions_begin(struct decisions *decisions, struct berth_error *reterr)
{
    decisions->head_before = decisions->chain.head;
    decisions->last_id_before = decisions->last_id;
    return step(decisions, decisions->begin, "begin", reterr);
}

void decisions_rollback(struct decisions *decisions)
{
    /* SQLite may have rolled back already; after a failure of the file the result does not matter.
     */
    if (!sqlite3_get_autocommit(decisions->db))
        (void)sql_step_once(decisions->rollback);
    keyring_rollback(decisions->chain.keys);
    decisions->chain.head = decisions->head_before;
    decisions->chain.moved = false;
    decisions->last_id = decisions->last_id_before;
}

static enum sql_status write_last_id(struct decisions *decisions, struct berth_error *reterr)
{
    if (decisions->last_id == decisions->last_id_before)
        return SQL_OK;
    sql_bind_id(decisions->set_last_id, 1, decisions->last_id);
    return step(decisions, decisions->set_last_id, "sequence", reterr);
}

enum sql_status decisions_commit(struct decisions *decisions, struct berth_error *reterr)
{
    enum sql_status status = write_last_id(decisions, reterr);

    if (status == SQL_OK)
        status = audit_write_head(&decisions->chain, reterr);
    /* First the keys: a record must never be durable without the key that decrypts it. */
    if (status == SQL_OK)
        status = keyring_commit(decisions->chain.keys, reterr);
    if (status == SQL_OK)
        status = step(decisions, decisions->commit, "commit", reterr);
    if (status == SQL_OK)
        decisions->chain.moved = false;
    return status;
}

/* ---- one decision ---- */

static enum sql_status fail_changed(struct decisions *decisions, const struct change *change,
                                    struct berth_error *reterr)
{
    int64_t version = row_sql_version(decisions->rows, change->kind, change->row.id);
    char label[160];

    refusal_label(change->kind, &change->row, label);
    if (version > 0) {
        (void)berth_fail(reterr, BERTH_E_CONFLICT,
                         "%s was changed meanwhile: it has version %lld, not %lld", label,
                         (long long)version, (long long)change->base_version);
    } else {
        (void)berth_fail(reterr, BERTH_E_NOT_FOUND, "%s does not exist any more", label);
    }
    return SQL_REFUSED;
}

static enum sql_status write_row(struct decisions *decisions, const struct change *change,
                                 struct berth_error *reterr)
{
    int touched = 0;
    int rc = SQLITE_MISUSE;

    switch (change->verb) {
    case CHANGE_ADD:
        rc = row_sql_add(decisions->rows, change->kind, &change->row, &touched);
        break;
    case CHANGE_SET:
        rc = row_sql_set(decisions->rows, change->kind, &change->row, change->base_version,
                         &touched);
        break;
    case CHANGE_DROP:
        rc = row_sql_drop(decisions->rows, change->kind, change->row.id, change->base_version,
                          &touched);
        break;
    }
    if ((rc & 0xff) == SQLITE_CONSTRAINT) {
        (void)refusal_of(decisions->db, rc, change, reterr);
        return SQL_REFUSED;
    }
    if (rc != SQLITE_DONE)
        return sql_failed(decisions->db, rc, entity_row(change->kind)->table, reterr);
    return touched ? SQL_OK : fail_changed(decisions, change, reterr);
}

/* The order of rows in a decision is arbitrary. Written in that order, the new connection of a
 * session could violate a unique index, because the same decision ends the old one later. So: first
 * changes, then deletions, then additions; within each in the order of entities.def, which puts a
 * slot (and its epoch) before its session.
 */
static enum sql_status write_rows(struct decisions *decisions, const struct commit_job *job,
                                  struct berth_error *reterr)
{
    static const enum change_verb order[] = { CHANGE_SET, CHANGE_DROP, CHANGE_ADD };

    for (size_t verb = 0; verb < BERTH_COUNT(order); verb++) {
        for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
            for (size_t i = 0; i < job->count; i++) {
                const struct change *change = job->at[i];
                enum sql_status status;

                if (change->verb != order[verb] || change->kind != (enum entity_kind)kind)
                    continue;
                status = write_row(decisions, change, reterr);
                if (status != SQL_OK)
                    return status;
            }
        }
    }
    return SQL_OK;
}

/* Foreign keys are deferred to the end of the transaction; check them now, so that only this
 * decision fails. */
static enum sql_status check_references(struct decisions *decisions, const struct commit_job *job,
                                        struct berth_error *reterr)
{
    int open = 0;
    int highest = 0;

    (void)sqlite3_db_status(decisions->db, SQLITE_DBSTATUS_DEFERRED_FKS, &open, &highest, 0);
    if (open == 0)
        return SQL_OK;
    (void)refusal_of_references(decisions->db, (const struct change *const *)job->at, job->count,
                                reterr);
    return SQL_REFUSED;
}

static enum sql_status add_request(struct decisions *decisions, const struct commit_job *job,
                                   struct berth_error *reterr)
{
    struct feed_request request = { .id = job->request_id,
                                    .fingerprint = job->request_fingerprint,
                                    .rev = job->rev };

    for (size_t i = 0; request.added_id == 0 && i < job->count; i++)
        if (job->at[i]->verb == CHANGE_ADD)
            request.added_id = job->at[i]->row.id;
    return feed_add_request(&decisions->feed, &request, job->base.wall_ms, reterr);
}

static enum sql_status find_request(struct decisions *decisions, struct commit_job *job,
                                    struct berth_error *reterr)
{
    struct feed_request request = { .id = job->request_id,
                                    .fingerprint = job->request_fingerprint };
    enum sql_status status = feed_find_request(&decisions->feed, &request, &job->repeated, reterr);

    job->rev = request.rev;
    job->added_id = request.added_id;
    return status;
}

static enum sql_status write_all(struct decisions *decisions, struct commit_job *job,
                                 struct berth_error *reterr)
{
    enum sql_status status;

    status = write_rows(decisions, job, reterr);
    if (status == SQL_OK)
        status = check_references(decisions, job, reterr);
    for (size_t i = 0; status == SQL_OK && i < job->count; i++)
        status = feed_append(&decisions->feed, job->at[i], job->base.wall_ms, &job->rev, reterr);
    if (status == SQL_OK && *job->request_id && !job->unfinished)
        status = add_request(decisions, job, reterr);
    if (status == SQL_OK) {
        status = audit_append(&decisions->chain, &job->audit, job->base.wall_ms, job->base.mono_ms,
                              job->rev, reterr);
        job->sequence = decisions->chain.head.sequence;
    }
    return status;
}

static enum sql_status write_guarded(struct decisions *decisions, struct commit_job *job,
                                     struct berth_error *reterr)
{
    struct audit_head head = decisions->chain.head;
    struct berth_error undo_error = { 0 };
    enum sql_status status;
    enum sql_status undone;

    status = step(decisions, decisions->savepoint, "savepoint", reterr);
    if (status != SQL_OK)
        return status;
    status = write_all(decisions, job, reterr);
    if (status == SQL_OK)
        return step(decisions, decisions->release, "savepoint", reterr);
    if (status != SQL_REFUSED)
        return status; /* the whole batch is rolled back */

    decisions->chain.head = head;
    undone = step(decisions, decisions->undo, "undo", &undo_error);
    if (undone == SQL_OK)
        undone = step(decisions, decisions->release, "undo", &undo_error);
    if (undone == SQL_OK)
        return SQL_REFUSED;
    *reterr = undo_error;
    return undone;
}

static void note_ids(struct decisions *decisions, const struct commit_job *job)
{
    /* Also for a decision that is refused: its ids may be in logs and answers. */
    for (size_t i = 0; i < job->count; i++) {
        if (job->at[i]->verb == CHANGE_ADD && job->at[i]->row.id > decisions->last_id)
            decisions->last_id = job->at[i]->row.id;
    }
}

enum sql_status decision_write(struct decisions *decisions, struct commit_job *job,
                               struct berth_error *reterr)
{
    enum sql_status status = SQL_OK;
    int64_t rev;

    note_ids(decisions, job);
    if (*job->request_id) {
        status = find_request(decisions, job, reterr);
        if (status != SQL_OK || job->repeated)
            return status;
    }
    if (job->count == 0) { /* an audit record without a change: its rev is the last one */
        if (feed_rev(decisions->db, &rev, reterr) < 0)
            return SQL_BROKEN;
        job->rev = (uint64_t)rev;
    }
    return write_guarded(decisions, job, reterr);
}

enum sql_status decision_note(struct decisions *decisions, const char *action, const char *object,
                              const char *detail, int64_t wall_ms, struct berth_error *reterr)
{
    struct audit_note note = { .actor = "broker", .role = "broker", .outcome = "done" };
    int64_t rev;

    if (feed_rev(decisions->db, &rev, reterr) < 0)
        return SQL_BROKEN;
    copy_text(note.action, action);
    copy_text(note.object, object);
    copy_text(note.detail, detail);
    return audit_append(&decisions->chain, &note, wall_ms, 0, (uint64_t)rev, reterr);
}
