/* migrate.c - check the schema version of a file and migrate it. */
#include "migrate.h"

#include <stdio.h>

int schema_version(sqlite3 *db, const struct schema *schema, int *ret, struct berth_error *reterr)
{
    int64_t application_id = 0;
    int64_t version = 0;
    int64_t tables = 0;
    int r;

    r = sql_number(db, "PRAGMA application_id", 0, &application_id, reterr);
    if (r == 0)
        r = sql_number(db, "PRAGMA user_version", 0, &version, reterr);
    if (r == 0)
        r = sql_number(db, "SELECT count(*) FROM sqlite_schema", 0, &tables, reterr);
    if (r < 0)
        return r;

    if (application_id != schema->application_id &&
        (application_id != 0 || version != 0 || tables != 0))
        return berth_fail(reterr, BERTH_E_SCHEMA, "%s is not a file of Berth (application id %llx)",
                          schema->file, (unsigned long long)application_id);
    if (version > schema->count) {
        return berth_fail(reterr, BERTH_E_SCHEMA,
                          "%s has schema %lld, this Berth knows up to %d; start the newer Berth, "
                          "or restore a backup "
                          "that was made before the upgrade",
                          schema->file, (long long)version, schema->count);
    }
    *ret = (int)version;
    return 0;
}

/* Dangling references: a migration that leaves some is a bug, and its transaction must fail. */
static int check_references(sqlite3 *db, const struct migration *step, struct berth_error *reterr)
{
    berth_cleanup(sql_drop) sqlite3_stmt *statement = NULL;
    int rc;
    int r;

    r = sql_prepare(db, "PRAGMA foreign_key_check", &statement, reterr);
    if (r < 0)
        return r;
    rc = sql_step(statement);
    if (rc == SQLITE_ROW)
        r = berth_fail(reterr, BERTH_E_SCHEMA,
                       "migration %s leaves a row of '%s' with a dangling reference", step->name,
                       sql_text(statement, 0));
    else if (rc != SQLITE_DONE)
        r = sql_fail(db, rc, "foreign_key_check", reterr);
    return r;
}

static int migrate_step(sqlite3 *db, const struct schema *schema, int to,
                        struct berth_error *reterr)
{
    const struct migration *step = &schema->steps[to - 1];
    char mark[128];
    int r;

    (void)snprintf(mark, sizeof(mark), "PRAGMA user_version = %d; PRAGMA application_id = %d;", to,
                   schema->application_id);
    r = sql_run(db, "BEGIN IMMEDIATE", reterr);
    if (r < 0)
        return r;
    r = sql_run(db, step->text, reterr);
    if (r == 0)
        r = check_references(db, step, reterr);
    if (r == 0)
        r = sql_run(db, mark, reterr);
    if (r == 0)
        r = sql_run(db, "COMMIT", reterr);
    if (r < 0) {
        if (!sqlite3_get_autocommit(db))
            (void)sql_exec(db, "ROLLBACK");
        return berth_fail_in(reterr, "migration %s of %s", step->name, schema->file);
    }
    return 0;
}

int schema_migrate(sqlite3 *db, const struct schema *schema, int version,
                   struct berth_error *reterr)
{
    int r;

    if (version >= schema->count)
        return 0;
    /* A migration may rebuild a table that others refer to, so foreign keys are checked at its end
     * only. */
    r = sql_run(db, "PRAGMA foreign_keys = OFF", reterr);
    for (int to = version + 1; r == 0 && to <= schema->count; to++)
        r = migrate_step(db, schema, to, reterr);
    if (r < 0)
        return r;
    return sql_run(db, "PRAGMA foreign_keys = ON", reterr);
}
