/* test_requests.c - a file of the schema before, which remembers requests by nothing but their
 * keys: it opens, what it holds stays, and no old key stands for anything.
 */
#include "store/migrate.h"
#include "store/room.h"

#include "world.h"

static const char rows[] =
    "INSERT INTO users VALUES (30, 1, 'anna', '', 'person', 0, '');"
    "INSERT INTO request VALUES ('r-17', 'of somebody, for something', 1, 1790000000000);"
    "INSERT INTO request VALUES ('r-18', 'of somebody, for something', 1, 1000);"
    "UPDATE sequence SET last_id = 100;";

/* How many steps make the schema before. */
static int steps_before(void)
{
    for (int i = 0; i < schema_facts.count; i++)
        if (strcmp(schema_facts.steps[i].name, "0005_requests") == 0)
            return i;
    fail_msg("there is no such migration");
    return 0;
}

static struct world *migrated(void)
{
    struct world *w = world_at("/tmp");
    struct schema before = schema_facts;
    sqlite3 *db = NULL;

    before.count = steps_before();
    EXPECT_OK(open_current(w->folder, &before, true, &db, &w->error));
    if (sqlite3_exec(db, rows, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    if (world_open(w) < 0)
        fail_msg("%s", w->error.text);
    return w;
}

TEST(requests, of_the_schema_before_are_forgotten_and_the_rows_stay)
{
    struct world *w = migrated();
    struct changes *changes = deciding("user.add");
    struct row_user row = new_user(w, "bob");

    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM request"), 0);
    EXPECT_STR(ROW(w, user, 30)->name, "anna");
    (void)changes_add(changes, ENTITY_user, &row);
    (void)snprintf(changes->request_id, sizeof(changes->request_id), "r-17");
    EXPECT_OK(commit(w, changes));
    EXPECT_STR(ROW(w, user, row.id)->name, "bob");
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM request"), 1);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT made_id FROM request"), row.id);
    world_free(w);
}

TEST_MAIN()
