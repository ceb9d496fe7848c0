/* migrate.h - schemas, numbered and frozen, and the way from one to the next.
 *
 * Module store, private. A migration is a text file under migrations/, embedded as it stands. It
 * runs in one transaction together with the raise of user_version, so a file is always at a whole
 * version. application_id tells our files from others. A file that a later Berth wrote is refused:
 * what it means is not known here.
 *
 * To add a migration: write migrations/000N_what.sql, add its row in migrations.c, change
 * entities.def to match; tests/unit/store/test_schema.c compares the two.
 */
#ifndef BERTH_STORE_MIGRATE_H
#define BERTH_STORE_MIGRATE_H

#include "sql.h"

struct migration {
    const char *name;
    const char *text;
};

/* The migrations of one file; the version it has after the first n is n. */
struct schema {
    const char *file; /* "berth.db" */
    int32_t application_id;
    const struct migration *steps;
    int count;
};

extern const struct schema schema_main;
extern const struct schema schema_keys;
extern const struct schema schema_presence;

/* The version a file has; 0 for an empty one. SCHEMA for one that is not ours or is newer than this
 * program. */
int schema_version(sqlite3 *db, const struct schema *schema, int *ret,
                   struct berth_error *reterr) berth_must_check;

/* Bring an open file from `version` to the latest one. Foreign keys are checked before each commit
 * and are on afterwards. */
int schema_migrate(sqlite3 *db, const struct schema *schema, int version,
                   struct berth_error *reterr) berth_must_check;

#endif
