/* test_requests.c - a database of the earlier schema, which stores only the keys of requests: it
 * opens, its rows stay, and no old key is valid any more. */
#include "earlier_store.h"

static const char rows[] =
    "INSERT INTO users VALUES (30, 1, 'anna', '', 'person', 0, '');"
    "INSERT INTO request VALUES ('r-17', 'of somebody, for something', 1, 1790000000000);"
    "INSERT INTO request VALUES ('r-18', 'of somebody, for something', 1, 1000);"
    "UPDATE sequence SET last_id = 100;";

TEST(requests, of_the_schema_before_are_forgotten_and_the_rows_stay)
{
    struct world *w = world_migrated("0005_requests", rows);
    struct changes *changes = deciding("user.add");
    struct row_user row = new_user(w, "bob");

    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM request"), 0);
    EXPECT_STR(ROW(w, user, 30)->name, "anna");
    (void)changes_add(changes, ENTITY_user, &row);
    (void)snprintf(changes->request_id, sizeof(changes->request_id), "r-17");
    EXPECT_OK(commit(w, changes));
    EXPECT_STR(ROW(w, user, row.id)->name, "bob");
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM request"), 1);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT added_id FROM request"), row.id);
    world_free(w);
}

TEST_MAIN()
