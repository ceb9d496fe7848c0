/* rows.c - peers-rows: the rows of a decision, written by bare SQLite.
 *
 *     peers-rows FOLDER SCHEMA.sql DECISIONS A-COMMIT
 *
 * The rows that tests/bench/store.c has berthd's store write: a sign-on sets the slot's epoch and
 * adds an assignment, a session and a connection; the next decision ends them again; each row has a
 * line in the feed and each decision one in the audit trail, as long as Berth's. WAL,
 * synchronous=FULL, foreign keys, Berth's own schema. Not included: the second thread, JSON,
 * sealing, the hash chain. One JSON object goes to standard output.
 */
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch.h"

#define PEOPLE 64

/* Lengths as in a file of bench-store. */
#define FEED_BYTES 145
#define SEALED_BYTES 120

/* clang-format off */
enum statement { BEGIN, COMMIT, SLOT, OPEN_ASSIGNMENT, OPEN_SESSION, OPEN_CONNECTION,
                 END_CONNECTION, END_SESSION, END_ASSIGNMENT, FEED, AUDIT, HEAD, STATEMENTS };

/* ?1: the id; ?2: the person; ?3: the epoch or the session. */
static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [SLOT] = "UPDATE slots SET version = version + 1, epoch = ?3 WHERE id = ?2",
    [OPEN_ASSIGNMENT] = "INSERT INTO assignments VALUES (?1, 1, ?2, 1, ?2, 0, 'open', 1800000000000, 0, '')",
    [OPEN_SESSION] = "INSERT INTO sessions VALUES (?1, 1, ?1 - 1, ?2, 1, ?2, 0, ?3, ?2, 'preparing', 0, 0, 0, '')",
    [OPEN_CONNECTION] = "INSERT INTO connections VALUES (?1, 1, ?1 - 1, ?2, ?3, 'connecting', 0, 0, 0, 0, '')",
    [END_CONNECTION] = "UPDATE connections SET version = 2, state = 'ended' WHERE id = ?1",
    [END_SESSION] = "UPDATE sessions SET version = 2, state = 'ended' WHERE id = ?1",
    [END_ASSIGNMENT] = "UPDATE assignments SET version = 2, state = 'closed' WHERE id = ?1",
    [FEED] = "INSERT INTO change (at_ms, entity, entity_id, verb, version, body)"
             " VALUES (1800000000000, 'session', ?1, 'set', 2, ?4)",
    [AUDIT] = "INSERT INTO audit VALUES (?1, 1800000000000, 12120835, 1, ?2, ?2, ?1, '', 'user',"
              " 'session.claim', '', 'done', '', ?5, zeroblob (32), randomblob (32))",
    [HEAD] = "UPDATE audit_head SET sequence = ?1, hash = randomblob (32)",
};
/* clang-format on */

static struct {
    sqlite3 *db;
    sqlite3_stmt *at[STATEMENTS];
    char feed[FEED_BYTES];
    char sealed[SEALED_BYTES];
    long long last_id, audits;
    long long open_id[PEOPLE + 1]; /* the assignment; 0: signed off */
    long long epoch[PEOPLE + 1];
} here;

static void check(int result, int wanted)
{
    if (result == wanted)
        return;
    (void)fprintf(stderr, "peers-rows: %s\n", sqlite3_errmsg(here.db));
    exit(1);
}

static void run(const char *sql)
{
    check(sqlite3_exec(here.db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void step(enum statement which, long long id, long long person, long long number)
{
    sqlite3_stmt *statement = here.at[which];

    (void)sqlite3_bind_int64(statement, 1, id);
    (void)sqlite3_bind_int64(statement, 2, person);
    (void)sqlite3_bind_int64(statement, 3, number);
    (void)sqlite3_bind_text(statement, 4, here.feed, FEED_BYTES, SQLITE_STATIC);
    (void)sqlite3_bind_blob(statement, 5, here.sealed, SEALED_BYTES, SQLITE_STATIC);
    check(sqlite3_step(statement), SQLITE_DONE);
    (void)sqlite3_reset(statement);
}

static void decide(long long person)
{
    long long id = here.open_id[person];
    int rows = 4;

    if (id == 0) {
        id = here.last_id + 1;
        here.last_id += 3;
        here.epoch[person]++;
        step(SLOT, 0, person, here.epoch[person]);
        step(OPEN_ASSIGNMENT, id, person, 0);
        step(OPEN_SESSION, id + 1, person, here.epoch[person]);
        step(OPEN_CONNECTION, id + 2, person, here.epoch[person]);
        here.open_id[person] = id;
    } else {
        step(END_CONNECTION, id + 2, person, 0);
        step(END_SESSION, id + 1, person, 0);
        step(END_ASSIGNMENT, id, person, 0);
        here.open_id[person] = 0;
        rows = 3;
    }
    for (int i = 0; i < rows; i++)
        step(FEED, id + i, person, 0);
    step(AUDIT, ++here.audits, person, 0);
    step(HEAD, here.audits, person, 0);
}

static char *slurp(const char *path)
{
    static char text[65536];
    FILE *stream = fopen(path, "re");
    size_t size = stream ? fread(text, 1, sizeof(text) - 1, stream) : 0;

    if (stream)
        (void)fclose(stream);
    text[size] = '\0';
    return text;
}

static void open_file(const char *folder, const char *schema)
{
    char path[512];
    char row[512];

    (void)snprintf(path, sizeof(path), "%s/rows.db", folder);
    check(sqlite3_open(path, &here.db), SQLITE_OK);
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
        "PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY");
    run(slurp(schema));
    run("BEGIN; INSERT INTO pools VALUES (1, 1, 'ward-3', '', 'floating', NULL, '', '', 0, 0, 0, 0,"
        " 'refresh', 'per-session', '', '', 'always', 'agent', 3389, 0, 0, 0, 0, '', 0)");
    for (int i = 1; i <= PEOPLE; i++) {
        (void)snprintf(row, sizeof(row),
                       "INSERT INTO users VALUES (%d, 1, 'user-%d', '', 'person', 0, '')", i, i);
        run(row);
        (void)snprintf(row, sizeof(row),
                       "INSERT INTO desktops VALUES (%d, 1, 'd-%d', 1, NULL, '', '', NULL, '', 0, "
                       "'', 0, 0, 0, '')",
                       i, i);
        run(row);
        (void)snprintf(row, sizeof(row), "INSERT INTO slots VALUES (%d, 1, %d, 0, 0)", i, i);
        run(row);
        (void)snprintf(
            row, sizeof(row),
            "INSERT INTO terminals VALUES (%d, 1, 't-%d', 'accepted', NULL, '', '', '', '', '', '',"
            " NULL, 0, '', '', 0)",
            i, i);
        run(row);
    }
    run("COMMIT");
    for (int i = 0; i < STATEMENTS; i++)
        check(
            sqlite3_prepare_v3(here.db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &here.at[i], NULL),
            SQLITE_OK);
}

int main(int argc, char **argv)
{
    long decisions = argc == 5 ? strtol(argv[3], NULL, 10) : 0;
    long group = argc == 5 ? strtol(argv[4], NULL, 10) : 0;
    int64_t from_us, cpu_us, took_us;
    json_t *result;

    if (decisions < 1 || group < 1 || group > PEOPLE) {
        (void)fprintf(stderr,
                      "usage: peers-rows FOLDER SCHEMA.sql DECISIONS A-COMMIT (at most %d)\n",
                      PEOPLE);
        return 2;
    }
    memset(here.feed, 'x', sizeof(here.feed));
    open_file(argv[1], argv[2]);
    from_us = watch_now_us();
    cpu_us = watch_own_cpu_us();
    for (long done = 0; done < decisions;) {
        step(BEGIN, 0, 0, 0);
        for (long i = 0; i < group && done < decisions; i++, done++)
            decide(done % PEOPLE + 1);
        step(COMMIT, 0, 0, 0);
    }
    took_us = watch_now_us() - from_us;
    cpu_us = watch_own_cpu_us() - cpu_us;
    result = json_pack("{s:I, s:I, s:f, s:f}", "decisions", (json_int_t)decisions, "a_commit",
                       (json_int_t)group, "per_second", (double)decisions * 1e6 / (double)took_us,
                       "cpu_us", (double)cpu_us / (double)decisions);
    (void)json_dumpf(result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    (void)putchar('\n');
    json_decref(result);
    for (int i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(here.at[i]);
    (void)sqlite3_close(here.db);
    return 0;
}
