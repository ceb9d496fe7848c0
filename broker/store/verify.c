/* verify.c - verify that the audit trail is as Berth wrote it. */
#include "verify.h"

#include <stdio.h>
#include <string.h>

#define VERIFY_STEP 20000

static void bad(struct audit_verdict *verdict, int64_t sequence, const char *format, ...)
    berth_printf(3, 4);

/* Keep the first fault. */
static void bad(struct audit_verdict *verdict, int64_t sequence, const char *format, ...)
{
    va_list list;

    if (verdict->first_bad)
        return;
    verdict->first_bad = sequence;
    va_start(list, format);
    (void)vsnprintf(verdict->reason, sizeof(verdict->reason), format, list);
    va_end(list);
}

static void check_record(struct verify_walk *walk, sqlite3_stmt *statement, int64_t anchored,
                         const unsigned char anchored_hash[32])
{
    struct audit_verdict *verdict = &walk->verdict;
    long long wanted = walk->at.sequence + 1;
    struct audit_record record;
    unsigned char claimed[32];
    unsigned char hash[32];

    if (!audit_read(statement, &record, claimed) || !audit_hash(&record, hash)) {
        bad(verdict, record.sequence, "record %lld is malformed", (long long)record.sequence);
        return;
    }
    if (record.sequence != wanted)
        bad(verdict, wanted, "record %lld is missing", wanted);
    else if (memcmp(record.previous, walk->at.hash, 32) != 0)
        bad(verdict, wanted, "record %lld does not follow the one before it", wanted);
    else if (memcmp(hash, claimed, 32) != 0)
        bad(verdict, wanted, "record %lld was altered", wanted);
    else if (wanted == anchored && memcmp(hash, anchored_hash, 32) != 0)
        bad(verdict, wanted, "record %lld is not the one that keys.db has", wanted);
    else if (strcmp(record.action, "audit.broken") == 0)
        bad(verdict, wanted, "the end of the trail had been changed when record %lld was written",
            wanted);
    if (verdict->first_bad)
        return;
    walk->at.sequence = record.sequence;
    memcpy(walk->at.hash, hash, 32);
    verdict->records++;
}

struct end_note {
    struct audit_head head;
    char seal[72];
};

static int read_end(sqlite3 *db, struct end_note *ret, struct berth_error *reterr)
{
    berth_cleanup(sql_drop) sqlite3_stmt *statement = NULL;
    int rc;
    int r;

    r = sql_prepare(db, "SELECT \"sequence\", \"hash\", \"seal\" FROM \"audit_head\"", &statement,
                    reterr);
    if (r < 0)
        return r;
    rc = sql_step(statement);
    *ret = (struct end_note){ 0 };
    if (rc == SQLITE_ROW) {
        ret->head.sequence = sqlite3_column_int64(statement, 0);
        copy_text(ret->seal, sql_text(statement, 2));
        if (!sql_hash(statement, 1, ret->head.hash))
            ret->head.sequence = -1; /* matches no record */
    } else if (rc != SQLITE_DONE) {
        r = sql_fail(db, rc, "audit trail", reterr);
    }
    return r;
}

/* `at` is the last record. */
static void check_end(const struct end_note *note, struct keyring *keys,
                      const struct audit_head *at, struct audit_verdict *verdict)
{
    unsigned char anchored_hash[32];
    char seal[72];

    if (note->head.sequence > at->sequence) {
        bad(verdict, at->sequence + 1, "the trail ends at record %lld, but %lld were written",
            (long long)at->sequence, (long long)note->head.sequence);
    } else if (note->head.sequence < at->sequence) {
        bad(verdict, note->head.sequence + 1, "the records after %lld were not written by Berth",
            (long long)note->head.sequence);
    } else if (memcmp(note->head.hash, at->hash, 32) != 0) {
        bad(verdict, at->sequence, "record %lld is not the last one that Berth wrote",
            (long long)at->sequence);
    }
    if (!keys)
        return;
    keyring_seal(keys, note->head.sequence, note->head.hash, seal);
    if (strcmp(seal, note->seal) != 0)
        bad(verdict, note->head.sequence, "the seal of the end of the trail is wrong");
    if (keyring_anchored(keys, anchored_hash) > at->sequence)
        bad(verdict, at->sequence + 1,
            "the trail ends before a record that keys.db has: an older copy");
}

/* Called within the read transaction of the step. */
static int walk_records(sqlite3 *db, struct keyring *keys, int64_t limit, struct verify_walk *walk,
                        struct berth_error *reterr)
{
    unsigned char anchored_hash[32];
    int64_t anchored = keys ? keyring_anchored(keys, anchored_hash) : 0;
    berth_cleanup(sql_drop) sqlite3_stmt *statement = NULL;
    int64_t count = 0;
    int rc = SQLITE_DONE;
    int r;

    r = sql_prepare(
        db, "SELECT " AUDIT_COLUMNS " FROM \"audit\" WHERE \"sequence\" > ?1 ORDER BY \"sequence\"",
        &statement, reterr);
    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, walk->at.sequence);
    while (count < limit && !walk->verdict.first_bad && (rc = sql_step(statement)) == SQLITE_ROW) {
        check_record(walk, statement, anchored, anchored_hash);
        count++;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        r = sql_fail(db, rc, "audit trail", reterr);
    walk->finished = rc == SQLITE_DONE || walk->verdict.first_bad;
    return r;
}

int verify_step(sqlite3 *db, struct keyring *keys, int64_t limit, struct verify_walk *walk,
                struct berth_error *reterr)
{
    struct end_note note;
    int r;

    r = sql_run(db, "BEGIN", reterr);
    if (r < 0)
        return r;
    r = walk_records(db, keys, limit, walk, reterr);
    if (r == 0 && walk->finished)
        r = read_end(db, &note, reterr);
    if (r == 0 && walk->finished && !walk->verdict.first_bad)
        check_end(&note, keys, &walk->at, &walk->verdict);
    audit_hex(walk->at.hash, walk->verdict.head);
    (void)sql_exec(db, "COMMIT"); /* nothing was written */
    return r;
}

int verify_all(sqlite3 *db, struct keyring *keys, struct audit_verdict *ret,
               struct berth_error *reterr)
{
    struct verify_walk walk = { 0 };
    int r = 0;

    while (r == 0 && !walk.finished)
        r = verify_step(db, keys, VERIFY_STEP, &walk, reterr);
    *ret = walk.verdict;
    return r;
}

int verify_end(sqlite3 *db, struct keyring *keys, struct audit_verdict *ret,
               struct berth_error *reterr)
{
    struct audit_head last = { 0 };
    struct end_note note;
    sqlite3_stmt *statement;
    int rc;
    int r;

    *ret = (struct audit_verdict){ 0 };
    r = read_end(db, &note, reterr);
    if (r < 0)
        return r;
    r = sql_prepare(
        db, "SELECT \"sequence\", \"hash\" FROM \"audit\" ORDER BY \"sequence\" DESC LIMIT 1",
        &statement, reterr);
    if (r < 0)
        return r;
    rc = sql_step(statement);
    if (rc == SQLITE_ROW) {
        last.sequence = sqlite3_column_int64(statement, 0);
        if (!sql_hash(statement, 1, last.hash))
            bad(ret, last.sequence, "record %lld is malformed", (long long)last.sequence);
    } else if (rc != SQLITE_DONE) {
        r = sql_fail(db, rc, "audit trail", reterr);
    }
    sql_drop(&statement);
    if (r == 0)
        check_end(&note, keys, &last, ret);
    audit_hex(last.hash, ret->head);
    return r;
}
