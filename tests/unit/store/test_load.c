/* test_load.c - a start reads only open rows, however long the history is. */
#include "store/row_sql.h"
#include "store/store_internal.h"

#include "earlier_store.h"

#define PAST 20000

static size_t count_in_memory(const struct world *w)
{
    size_t count = 0;

    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++)
        count += w->core->of[kind].count;
    return count;
}

TEST(load, reads_nothing_that_is_over)
{
    struct past_rows past;
    struct world *w = world_with_past(PAST, &past);
    const size_t kept = PAST_POOLS + 4 * PAST_PEOPLE;

    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM sessions"), PAST);
    EXPECT_INT(w->core->loaded, kept);
    EXPECT_INT(count_in_memory(w), kept);
    EXPECT_INT(w->core->ended_count, 0);
    EXPECT_INT(w->core->of[ENTITY_session].count, 0);
    /* Their numbers are not given again. */
    EXPECT(core_next_id(w->core) > (uint64_t)past_session(&past, PAST - 1));
    world_free(w);
}

TEST(load, reads_what_is_open_among_it)
{
    struct past_rows past;
    struct world *w = world_with_past(PAST, &past);
    struct claim claim = { .user_id = (uint64_t)past_user(&past, 1),
                           .pool_id = add_pool(w, "open") };
    const struct row_command command = { .id = core_next_id(w->core),
                                         .terminal_id = add_terminal(w, "t1"),
                                         .kind = command_kind_MESSAGE,
                                         .state = command_QUEUED };
    size_t before;

    claim.desktop_id = add_desktop(w, claim.pool_id, "open-1");
    EXPECT_OK(commit(w, claiming(w, &claim, 0)));
    EXPECT_OK(add_row(w, ENTITY_command, &command));
    before = count_in_memory(w);
    world_close(w);
    EXPECT_OK(world_open(w));
    EXPECT_INT(count_in_memory(w), before);
    EXPECT(core_find(w->core, ENTITY_session, claim.session_id) != NULL);
    EXPECT(core_find(w->core, ENTITY_assignment, claim.assignment_id) != NULL);
    EXPECT(core_find(w->core, ENTITY_command, command.id) != NULL);
    world_free(w);
}

/* ---- what core_has_ended says and what SQL says are the same ---- */

struct seen {
    enum entity_kind kind;
    size_t open, over;
};

static void look(struct world *w, sqlite3 *db, enum entity_kind kind, bool all, struct seen *seen)
{
    struct row_cursor cursor;
    union row row;
    int r;

    EXPECT_OK(row_sql_open(&cursor, db, kind, all, &w->error));
    while ((r = row_sql_next(&cursor, &row, &w->error)) > 0) {
        if (core_has_ended(kind, &row))
            seen->over++;
        else
            seen->open++;
    }
    EXPECT_OK(r);
    row_sql_close(&cursor);
}

/* A row of each state, past all rules: only the condition is at stake. */
static void put_each_state(struct world *w, enum entity_kind kind, const struct field *state)
{
    sqlite3 *db = NULL;
    struct row_sql *rows = NULL;
    union row row;
    int touched;

    assert_int_equal(sqlite3_open(world_path(w, "berth.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA ignore_check_constraints = ON;"
                                  "DROP TRIGGER IF EXISTS \"session_epoch_made\"",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    EXPECT_OK(row_sql_new(db, &rows, &w->error));
    for (int value = 1; state->names[value]; value++) {
        memset(&row, 0, sizeof(row));
        row.id = (uint64_t)(1000 + value);
        row.version = 1;
        if (kind == ENTITY_command)
            row.command.kind = command_kind_MESSAGE;
        memcpy((char *)&row + state->offset, &value, sizeof(value));
        assert_int_equal(row_sql_add(rows, kind, &row, &touched), SQLITE_DONE);
    }
    row_sql_free(rows);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

TEST(load, means_by_open_what_the_core_means)
{
    struct world *w = world_new();
    size_t kinds = 0;

    world_close(w);
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        const struct field *state =
            record_field(entity_row((enum entity_kind)kind)->record, "state");
        struct seen all = { 0 };
        struct seen open = { 0 };
        sqlite3 *db;

        if (!core_keeps_history((enum entity_kind)kind))
            continue;
        kinds++;
        put_each_state(w, (enum entity_kind)kind, state);
        db = sql_peek(w, "berth.db");
        look(w, db, (enum entity_kind)kind, true, &all);
        look(w, db, (enum entity_kind)kind, false, &open);
        (void)sqlite3_close(db);
        EXPECT(all.open > 0);
        EXPECT(all.over > 0);
        EXPECT_INT(open.open, all.open);
        EXPECT_INT(open.over, 0);
    }
    EXPECT_INT(kinds, 4);
    world_free(w);
}
TEST_MAIN()
