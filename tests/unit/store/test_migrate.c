/* test_migrate.c - from one schema to the next: whole or not at all, with a backup before. */
#include <dirent.h>

#include "store/migrate.h"
#include "store/store_internal.h"

#include "world.h"

#define STEP_A                                                                                 \
    {                                                                                          \
        "0001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT; INSERT INTO a VALUES (17);" \
    }
#define STEP_B                                                                                \
    {                                                                                         \
        "0002_b",                                                                             \
            "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id)) STRICT;" \
    }

static const struct migration good[] = {
    STEP_A,
    STEP_B,
    { "0003_c", "INSERT INTO b VALUES (1, 17); CREATE TABLE c (id INTEGER PRIMARY KEY) STRICT;" },
};
static const struct migration dangling[] = { STEP_A,
                                             STEP_B,
                                             { "0003_bad", "INSERT INTO b VALUES (1, 99);" } };
static const struct migration broken[] = {
    STEP_A,
    STEP_B,
    { "0003_bad", "CREATE TABLE c (id INTEGER) STRICT; INSERT INTO nowhere VALUES (1);" }
};

static int open_with(struct world *w, const struct migration *steps, int count)
{
    const struct schema schema = {
        .file = "test.db", .application_id = 4711, .steps = steps, .count = count
    };
    sqlite3 *db = NULL;
    int r;

    w->error = (struct berth_error){ 0 };
    r = open_migrated(w->folder, &schema, true, &db, &w->error);
    if (r == 0)
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return r;
}

/* The one file whose name begins so; "" when there is none. */
static const char *file_beginning(const struct world *w, const char *prefix)
{
    static char name[300];
    DIR *folder = opendir(w->folder);
    struct dirent *entry;

    name[0] = '\0';
    while ((entry = readdir(folder)))
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            (void)snprintf(name, sizeof(name), "%s", entry->d_name);
    (void)closedir(folder);
    return name;
}

TEST(migrate, goes_step_by_step_and_keeps_a_copy)
{
    struct world *w = world_at("/tmp");
    struct stat facts;

    EXPECT_OK(open_with(w, good, 1));
    EXPECT_STR(file_beginning(w, "test.db.schema-"), ""); /* nothing was there to be kept */
    EXPECT_OK(open_with(w, good, 3));
    EXPECT_INT(sql_count(w, "test.db", "PRAGMA user_version"), 3);
    EXPECT_INT(sql_count(w, "test.db", "PRAGMA application_id"), 4711);
    EXPECT_INT(sql_count(w, "test.db", "SELECT a_id FROM b"), 17);

    EXPECT(*file_beginning(w, "test.db.schema-1."));
    assert_int_equal(stat(world_path(w, file_beginning(w, "test.db.schema-1.")), &facts), 0);
    EXPECT_INT(facts.st_mode & 0777, 0600);
    EXPECT_INT(sql_count(w, file_beginning(w, "test.db.schema-1."), "PRAGMA user_version"), 1);
    EXPECT_INT(sql_count(w, file_beginning(w, "test.db.schema-1."), "SELECT id FROM a"), 17);
    EXPECT(log_count(EV_STORE_MIGRATED) == 1);

    EXPECT_OK(open_with(w, good, 3)); /* nothing to do: no further copy */
    EXPECT_INT(log_count(EV_STORE_MIGRATED), 1);
    EXPECT_ERR(open_with(w, good, 2), BERTH_E_SCHEMA); /* and never back */
    world_free(w);
}

TEST(migrate, a_step_that_fails_leaves_the_version_before)
{
    struct world *w = world_at("/tmp");

    EXPECT_OK(open_with(w, good, 2));
    for (int i = 0; i < 20; i++) { /* several in one millisecond: each keeps a copy of its own */
        EXPECT(open_with(w, broken, 3) < 0);
        EXPECT_SAYS(w->error.text, "migration 0003_bad of test.db");
    }
    EXPECT_INT(sql_count(w, "test.db", "PRAGMA user_version"), 2);
    EXPECT_INT(sql_count(w, "test.db", "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);

    EXPECT_ERR(open_with(w, dangling, 3), BERTH_E_SCHEMA);
    EXPECT_SAYS(w->error.text, "migration 0003_bad leaves a row of 'b' with a dangling reference");
    EXPECT_INT(sql_count(w, "test.db", "PRAGMA user_version"), 2);
    EXPECT_INT(sql_count(w, "test.db", "SELECT count(*) FROM b"), 0);
    EXPECT_OK(open_with(w, good, 3));
    world_free(w);
}

TEST_MAIN()
