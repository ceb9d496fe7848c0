/* past_rows.h - writes many ended sessions into a berth.db that no broker has open.
 *
 * For tests and benchmarks of what must not grow with the history. The SQL is Berth's own schema's;
 * its constraints hold, so a row that Berth could not have written is refused.
 */
#ifndef BERTH_TESTS_PAST_ROWS_H
#define BERTH_TESTS_PAST_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>

/* What the rows refer to. */
#define PAST_POOLS 4
#define PAST_PEOPLE 1000 /* users, as many desktops, as many terminals */

struct past_rows {
    long long first; /* id of the first row; below it stand no rows of ours */
    long long count; /* sessions; each has an assignment, a connection, every tenth a command */
};

/* Ids of the n-th (from 0). */
static inline long long past_pool(const struct past_rows *past, long long n)
{
    return past->first + n;
}
static inline long long past_user(const struct past_rows *past, long long n)
{
    return past->first + PAST_POOLS + n;
}
static inline long long past_session(const struct past_rows *past, long long n)
{
    return past->first + PAST_POOLS + 4 * PAST_PEOPLE + 4 * n + 1;
}

#define PAST_N                                                                                     \
    "WITH RECURSIVE \"n\" (\"i\") AS (SELECT 0 UNION ALL SELECT \"i\" + 1 FROM \"n\" WHERE \"i\" " \
    "+ 1 < "

static inline bool past_rows_run(sqlite3 *db, const char *text)
{
    char *error = NULL;

    if (sqlite3_exec(db, text, NULL, NULL, &error) == SQLITE_OK)
        return true;
    (void)fprintf(stderr, "past rows: %s\n", error ? error : "?");
    sqlite3_free(error);
    return false;
}

static inline bool past_rows_world(sqlite3 *db, const struct past_rows *past)
{
    char text[4096];
    long long f = past->first;

    (void)snprintf(
        text, sizeof(text),
        PAST_N
        "%d) INSERT INTO \"pools\" SELECT %lld + \"i\", 1, 'past-' || \"i\", '', 'manual',"
        " NULL, '', '', 1000, 0, 0, 0, 'keep', 'passthrough', '', '', 'always', 'fixed', 3389,"
        " 0, 0, 0, 0, '', 0, NULL, '' FROM \"n\";" PAST_N
        "%d) INSERT INTO \"users\" SELECT %lld + \"i\", 1, 'past-user-' || \"i\", '',"
        " 'person', 0, '' FROM \"n\";" PAST_N
        "%d) INSERT INTO \"desktops\" SELECT %lld + \"i\", 1, 'past-desktop-' || \"i\","
        " %lld + \"i\" %% %d, NULL, '', '', NULL, '192.0.2.1', 3389 + \"i\", '', 0, 0, 0, '', 0, "
        "0, 0"
        " FROM \"n\";" PAST_N
        "%d) INSERT INTO \"slots\" SELECT %lld + \"i\", 1, %lld + \"i\", 0, %lld"
        " FROM \"n\";" PAST_N
        "%d) INSERT INTO \"terminals\" SELECT %lld + \"i\", 1, 'past-terminal-' || \"i\","
        " 'accepted', NULL, '', '', '', '', '', '', NULL, 0, '', '', 0 FROM \"n\";",
        PAST_POOLS, f, PAST_PEOPLE, f + PAST_POOLS, PAST_PEOPLE, f + PAST_POOLS + PAST_PEOPLE, f,
        PAST_POOLS, PAST_PEOPLE, f + PAST_POOLS + 2 * PAST_PEOPLE, f + PAST_POOLS + PAST_PEOPLE,
        past->count, PAST_PEOPLE, f + PAST_POOLS + 3 * PAST_PEOPLE);
    return past_rows_run(db, text);
}

static inline bool past_rows_history(sqlite3 *db, const struct past_rows *past)
{
    char text[4096];
    long long f = past->first;
    long long users = f + PAST_POOLS;
    long long base = f + PAST_POOLS + 4 * PAST_PEOPLE;

    (void)snprintf(
        text, sizeof(text),
        PAST_N "%lld) INSERT INTO \"assignments\" SELECT %lld + 4 * \"i\", 2, %lld + \"i\" %% %d,"
               " %lld + \"i\" %% %d, %lld + \"i\" %% %d, 0, 'closed', 1000 * \"i\","
               " 1000 * \"i\" + 900, 'signed off' FROM \"n\";" PAST_N
               "%lld) INSERT INTO \"sessions\" SELECT %lld + 4 * \"i\" + 1, 4, %lld + 4 * \"i\","
               " %lld + \"i\" %% %d, %lld + \"i\" %% %d, %lld + \"i\" %% %d, 0, \"i\" / %d,"
               " %lld + \"i\" %% %d, 'ended', 1000 * \"i\", 1000 * \"i\" + 900,"
               " 1000 * \"i\" + 900, 'signed off' FROM \"n\";" PAST_N
               "%lld) INSERT INTO \"connections\" SELECT %lld + 4 * \"i\" + 2, 3,"
               " %lld + 4 * \"i\" + 1, %lld + \"i\" %% %d, \"i\" / %d, 'ended', 1000 * \"i\","
               " 1000 * \"i\" + 900, 700, 0, 'signed off' FROM \"n\";" PAST_N
               "%lld) INSERT INTO \"commands\" SELECT %lld + 4 * \"i\" + 3, 3,"
               " %lld + \"i\" %% %d, 'message', 'hello', CASE \"i\" %% 3 WHEN 0 THEN 'done'"
               " WHEN 1 THEN 'failed' ELSE 'expired' END, '', 1000 * \"i\", 1000 * \"i\" + 60000,"
               " 'root' FROM \"n\" WHERE \"i\" %% 10 = 0;"
               "UPDATE \"sequence\" SET \"last_id\" = max(\"last_id\", %lld + 4 * %lld);",
        past->count, base, users, PAST_PEOPLE, f, PAST_POOLS, users + PAST_PEOPLE, PAST_PEOPLE,
        past->count, base, base, users, PAST_PEOPLE, f, PAST_POOLS, users + PAST_PEOPLE,
        PAST_PEOPLE, PAST_PEOPLE, users + 3 * PAST_PEOPLE, PAST_PEOPLE, past->count, base, base,
        users + 3 * PAST_PEOPLE, PAST_PEOPLE, PAST_PEOPLE, past->count, base,
        users + 3 * PAST_PEOPLE, PAST_PEOPLE, base, past->count);
    return past_rows_run(db, text);
}

/* Write them all, above the highest id of the file. false: it said why on standard error. */
static inline bool past_rows_make(const char *file, long long count, struct past_rows *ret)
{
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    bool made = false;

    if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT \"last_id\" + 1 FROM \"sequence\"", -1, &statement, NULL) ==
            SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        *ret = (struct past_rows){ sqlite3_column_int64(statement, 0), count };
        made = true;
    }
    (void)sqlite3_finalize(statement);
    /* Foreign keys are on: no reference names what is not there. */
    made = made &&
           past_rows_run(db, "PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF;"
                             "PRAGMA cache_size = -262144; BEGIN") &&
           past_rows_world(db, ret) && past_rows_history(db, ret) &&
           past_rows_run(db, "COMMIT; PRAGMA wal_checkpoint (TRUNCATE)");
    (void)sqlite3_close(db);
    return made;
}

#endif
