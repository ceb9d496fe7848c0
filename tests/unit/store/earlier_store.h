/* earlier_store.h - a store on a folder with existing contents. */
#ifndef BERTH_TESTS_UNIT_STORE_EARLIER_STORE_H
#define BERTH_TESTS_UNIT_STORE_EARLIER_STORE_H

#include "store/migrate.h"
#include "store/store_internal.h"

#include "past_rows.h"
#include "world.h"

/* How many steps make the schema that the step `name` found. */
static berth_unused int steps_before(const char *name)
{
    for (int i = 0; i < schema_main.count; i++)
        if (strcmp(schema_main.steps[i].name, name) == 0)
            return i;
    fail_msg("there is no step '%s'", name);
    return 0;
}

/* A file of the schema that the step `name` found, with these rows, and the store opened on it. */
static berth_unused struct world *world_migrated(const char *name, const char *rows)
{
    struct world *w = world_at("/tmp");
    struct schema before = schema_main;
    sqlite3 *db = NULL;

    before.count = steps_before(name);
    EXPECT_OK(open_migrated(w->folder, &before, true, &db, &w->error));
    if (sqlite3_exec(db, rows, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    if (world_open(w) < 0)
        fail_msg("%s", w->error.text);
    return w;
}

/* Everything that was there once is over, `count` sessions; the world is open again. */
static berth_unused struct world *world_with_past(int count, struct past_rows *past)
{
    struct world *w = world_new();

    world_close(w);
    if (!past_rows_make(world_path(w, "berth.db"), count, past))
        fail_msg("the past could not be written");
    EXPECT_OK(world_open(w));
    return w;
}

#endif
