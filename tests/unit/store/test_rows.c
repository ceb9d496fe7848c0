/* test_rows.c - pages of past rows, read from the file. */
#include "store/rows_page.h"

#include "earlier_store.h"

/* More than one page reads (20,000). */
#define PAST 20100

static struct rows_page read_page(struct world *w, const struct rows_query *query)
{
    struct rows_page page = { 0 };
    struct wait wait;

    wait_init(w, &wait);
    EXPECT_OK(settle(w, &wait, store_rows_begin(w->store, query, &page, &wait.op)));
    return page;
}

static void want(struct rows_query *query, const char *name)
{
    query->filter[query->filters++] = record_field(entity_row(query->kind)->record, name);
}

TEST(rows, come_newest_first_and_each_once)
{
    struct past_rows past;
    struct world *w = world_with_past(PAST, &past);
    struct rows_query query = { .kind = ENTITY_session, .newest_first = true, .limit = 700 };
    long long expected = PAST;

    do {
        struct rows_page page = read_page(w, &query);
        const struct row_session *rows = (const struct row_session *)(const void *)page.rows;

        for (size_t i = 0; i < page.count; i++)
            if (rows[i].id != (uint64_t)past_session(&past, --expected))
                fail_msg("row %zu is session %llu", i, (unsigned long long)rows[i].id);
        query.from = page.next;
        free(page.rows);
    } while (query.from);
    EXPECT_INT(expected, 0);

    query = (struct rows_query){ .kind = ENTITY_session, .limit = 1 };
    {
        struct rows_page page = read_page(w, &query);

        EXPECT_INT(((const union row *)(const void *)page.rows)->id, past_session(&past, 0));
        EXPECT_INT(page.next, past_session(&past, 0));
        free(page.rows);
    }
    world_free(w);
}

TEST(rows, are_filtered_with_bounded_work)
{
    struct past_rows past;
    struct world *w = world_with_past(PAST, &past);
    struct rows_query query = { .kind = ENTITY_session, .newest_first = true, .limit = 100 };
    struct rows_page page;

    query.row.session.user_id = (uint64_t)past_user(&past, 500);
    want(&query, "user_id");
    page = read_page(w, &query);
    EXPECT_INT(page.count, PAST / PAST_PEOPLE);
    EXPECT_INT(page.next, 0);
    free(page.rows);

    /* No row has this and no index helps: the page ends early and says where to go on. */
    query = (struct rows_query){ .kind = ENTITY_session, .newest_first = true, .limit = 100 };
    query.row.session.slot = 7;
    want(&query, "slot");
    query.from = 0;
    page = read_page(w, &query);
    EXPECT_INT(page.count, 0);
    EXPECT_INT(page.next, past_session(&past, PAST - 20000));
    free(page.rows);
    query.from = page.next;
    page = read_page(w, &query);
    EXPECT_INT(page.count, 0);
    EXPECT_INT(page.next, 0);
    free(page.rows);
    query.from = 0;

    query.row.session.state = session_ENDED;
    query.filters = 0;
    want(&query, "state");
    query.past = true;
    page = read_page(w, &query);
    EXPECT_INT(page.count, 100);
    free(page.rows);
    world_free(w);
}

/* The plan of a statement: what SQLite would walk through. */
static void plan_of(sqlite3 *db, const char *text, char out[512])
{
    char explain[ROWS_PAGE_SQL + 32];
    sqlite3_stmt *statement;

    out[0] = '\0';
    (void)snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", text);
    assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW)
        (void)snprintf(out + strlen(out), 512 - strlen(out), "%s; ",
                       (const char *)sqlite3_column_text(statement, 3));
    (void)sqlite3_finalize(statement);
}

static void check_plan(sqlite3 *db, struct rows_query *query, const struct field *field)
{
    const uint64_t id = 1;
    const struct field *by;
    char text[ROWS_PAGE_SQL];
    char plan[512];

    query->filters = 0;
    if (field) {
        want(query, field->name);
        memcpy((char *)&query->row + field->offset, &id, sizeof(id));
    }
    rows_page_sql(query, text, &by);
    plan_of(db, text, plan);
    if (!strstr(plan, "SEARCH") || strstr(plan, "SCAN") || strstr(plan, "TEMP B-TREE") ||
        (field && strcmp(field->name, "id") != 0 && !strstr(plan, "USING INDEX")))
        fail_msg("%s: %s", text, plan);
}

TEST(rows, no_page_reads_a_whole_table_or_sorts)
{
    struct world *w = world_new();
    sqlite3 *db = sql_peek(w, "berth.db");

    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        const struct record *record = entity_row((enum entity_kind)kind)->record;

        for (int newest = 0; newest < 2 && core_keeps_history((enum entity_kind)kind); newest++) {
            struct rows_query query = { .kind = (enum entity_kind)kind,
                                        .newest_first = newest,
                                        .limit = 100 };

            check_plan(db, &query, NULL);
            for (size_t i = 0; i < record->count; i++)
                if (record->fields[i].type == FIELD_ID)
                    check_plan(db, &query, &record->fields[i]);
        }
    }
    (void)sqlite3_close(db);
    world_free(w);
}

TEST(rows, the_trail_is_read_from_its_end)
{
    struct world *w = world_new();
    struct store_page page = { 0 };
    struct wait wait;

    for (int i = 0; i < 5; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "user-%d", i);
        (void)add_user(w, name);
    }
    wait_init(w, &wait);
    EXPECT_OK(settle(w, &wait, store_audit_newest_begin(w->store, 0, 2, &page, &wait.op)));
    EXPECT_INT(json_array_size(page.items), 2);
    EXPECT_INT(json_integer_value(json_object_get(json_array_get(page.items, 0), "sequence")), 5);
    EXPECT_INT(page.last, 4);
    json_decref(page.items);
    wait_init(w, &wait);
    EXPECT_OK(settle(w, &wait, store_audit_newest_begin(w->store, 4, 9, &page, &wait.op)));
    EXPECT_INT(json_array_size(page.items), 3);
    EXPECT_INT(page.last, 1);
    json_decref(page.items);
    world_free(w);
}

TEST_MAIN()
