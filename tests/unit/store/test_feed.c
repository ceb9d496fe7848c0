/* test_feed.c - the change feed: in order, resumable, with a clear end, without secrets. */
#include "world.h"

static int page(struct world *w, int64_t after, int limit, struct store_page *ret)
{
    struct wait wait;

    wait_init(w, &wait);
    *ret = (struct store_page){ 0 };
    return settle(w, &wait, store_feed_begin(w->store, after, limit, ret, &wait.op));
}

static const char *item_text(const struct store_page *page, size_t at, const char *name)
{
    return json_string_value(json_object_get(json_array_get(page->items, at), name));
}

static int64_t item_number(const struct store_page *page, size_t at, const char *name)
{
    return json_integer_value(json_object_get(json_array_get(page->items, at), name));
}

TEST(feed, tells_each_change_in_order_and_resumes)
{
    struct world *w = world_new();
    uint64_t id = add_user(w, "anna");
    struct row_user row = *ROW(w, user, id);
    struct store_page all;
    struct store_page rest;
    json_t *body;

    EXPECT_OK(set_row(w, ENTITY_user, &row));
    row = *ROW(w, user, id);
    EXPECT_OK(drop_row(w, ENTITY_user, &row));

    EXPECT_OK(page(w, 0, 100, &all));
    EXPECT_INT(json_array_size(all.items), 3);
    EXPECT_INT(all.last, 3);
    EXPECT_STR(item_text(&all, 0, "verb"), "add");
    EXPECT_STR(item_text(&all, 1, "verb"), "set");
    EXPECT_STR(item_text(&all, 2, "verb"), "drop");
    EXPECT_STR(item_text(&all, 0, "entity"), "user");
    EXPECT_INT(item_number(&all, 1, "rev"), 2);
    EXPECT_INT(item_number(&all, 1, "version"), 2);
    EXPECT_INT(item_number(&all, 1, "id"), id);
    EXPECT_INT(item_number(&all, 1, "at_ms"), WALL_MS);
    body = json_object_get(json_array_get(all.items, 2), "row");
    EXPECT_STR(json_string_value(json_object_get(body, "name")), "anna");
    json_decref(all.items);

    EXPECT_OK(page(w, 1, 1, &rest));
    EXPECT_INT(json_array_size(rest.items), 1);
    EXPECT_INT(rest.last, 2);
    json_decref(rest.items);
    EXPECT_OK(page(w, 3, 100, &rest)); /* nothing new is no failure */
    EXPECT_INT(json_array_size(rest.items), 0);
    EXPECT_INT(rest.last, 3);
    json_decref(rest.items);
    world_free(w);
}

TEST(feed, holds_no_hash_and_no_token)
{
    struct world *w = world_new();
    struct row_user row = new_user(w, "anna");
    struct row_invitation invitation = { .id = core_next_id(w->core),
                                         .token_hash = "MARKER-token" };
    struct store_page all;
    char *text;

    (void)snprintf(row.password_hash, sizeof(row.password_hash), "MARKER-argon");
    EXPECT_OK(add_row(w, ENTITY_user, &row));
    EXPECT_OK(add_row(w, ENTITY_invitation, &invitation));
    EXPECT_OK(page(w, 0, 100, &all));
    text = json_text(all.items);
    EXPECT_SAYS(text, "anna");
    EXPECT(!strstr(text, "MARKER"));
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM change WHERE body LIKE '%MARKER%'"),
               0);
    free(text);
    json_decref(all.items);
    world_free(w);
}

TEST(feed, refuses_pages_that_make_no_sense)
{
    struct world *w = world_new();
    struct store_page none;

    EXPECT_ERR(page(w, -1, 10, &none), BERTH_E_INVALID);
    EXPECT_ERR(page(w, 0, 0, &none), BERTH_E_INVALID);
    EXPECT_ERR(page(w, 0, 1001, &none), BERTH_E_INVALID);
    EXPECT_ERR(page(w, 1, 10, &none),
               BERTH_E_NOT_FOUND); /* a rev that was never given: another site's client */
    EXPECT_SAYS(w->error.text, "start over");
    EXPECT_OK(page(w, 0, 10, &none));
    json_decref(none.items);
    world_free(w);
}

TEST(feed, forgets_what_is_old_and_says_so)
{
    enum { MANY = 1200 };
    struct world *w = world_new();
    struct store_page rest;
    struct timespec pause = { .tv_nsec = 20000000 };
    int64_t limit_ms;
    char text[96];

    for (int i = 0; i < MANY / 30; i++) { /* old: the loop's wall clock is years behind */
        struct changes *changes = deciding("user.add");

        for (int j = 0; j < 30; j++) {
            struct row_user row = new_user(w, "x");

            (void)snprintf(row.name, sizeof(row.name), "user-%d-%d", i, j);
            (void)changes_add(changes, ENTITY_user, &row);
        }
        (void)snprintf(changes->request_id, sizeof(changes->request_id), "r-%d", i);
        EXPECT_OK(commit(w, changes));
    }
    world_close(w);
    (void)snprintf(text, sizeof(text), "UPDATE change SET at_ms = %lld WHERE rev <= 700", 1000LL);
    sql_do(w, "berth.db", text);
    (void)snprintf(text, sizeof(text), "UPDATE request SET at_ms = %lld WHERE rev <= 690", 1000LL);
    sql_do(w, "berth.db", text);

    w->feed_retention_ms = INT64_C(86400000) * 3650;
    EXPECT_OK(world_open(w));
    limit_ms = clock_mono_ms() + test_wait_limit_ms();
    while (sql_count(w, "berth.db", "SELECT min(rev) FROM change") < 701 &&
           clock_mono_ms() < limit_ms)
        (void)nanosleep(&pause, NULL);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT min(rev) FROM change"), 701);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM change"), MANY - 700);
    while (sql_count(w, "berth.db", "SELECT count(*) FROM request") > MANY / 30 - 23 &&
           clock_mono_ms() < limit_ms)
        (void)nanosleep(&pause, NULL);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM request"), MANY / 30 - 23);

    EXPECT_ERR(page(w, 699, 10, &rest), BERTH_E_NOT_FOUND);
    EXPECT_STR(w->error.text, "changes up to rev 700 are not stored any more; start over");
    EXPECT_OK(page(w, 700, 10, &rest));
    EXPECT_INT(json_array_size(rest.items), 10);
    json_decref(rest.items);
    EXPECT_INT(w->core->rev, MANY);
    (void)add_user(w, "late");
    EXPECT_INT(w->core->rev, MANY + 1); /* revs go on */
    world_free(w);
}

TEST(feed, a_cancelled_page_is_dropped)
{
    struct world *w = world_new();
    struct store_page none = { 0 };
    struct wait wait;

    (void)add_user(w, "anna");
    wait_init(w, &wait);
    EXPECT_OK(store_feed_begin(w->store, 0, 10, &none, &wait.op));
    op_cancel(&wait.op);
    world_turn(w);
    (void)add_user(w, "bert");
    EXPECT(!wait.done);
    EXPECT(none.items == NULL);
    world_free(w);
}

TEST_MAIN()
