/* migrate.h - numbered schema versions and the migrations between them.
 *
 * Module store, private. A migration is an SQL file under migrations/, embedded unchanged and never
 * edited after a release. It runs in one transaction that also sets user_version, so that a file
 * always has exactly one version. application_id distinguishes Berth's files from others. Files of
 * a later version of Berth are refused.
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

/* The migrations of one file; after the first n it has version n. */
struct schema {
    const char *file; /* "berth.db" */
    int32_t application_id;
    const struct migration *steps;
    int count;
};

extern const struct schema schema_main;
extern const struct schema schema_keys;
extern const struct schema schema_presence;

/* The version of a file; 0 for an empty one. Errors: SCHEMA (not a file of Berth, or newer than
 * this program). */
int schema_version(sqlite3 *db, const struct schema *schema, int *ret,
                   struct berth_error *reterr) berth_must_check;

/* Migrate an open file from `version` to the latest one. Foreign keys are checked before each
 * commit and enforced afterwards. */
int schema_migrate(sqlite3 *db, const struct schema *schema, int version,
                   struct berth_error *reterr) berth_must_check;

#endif
