/* test_schema.c - the schema matches entities.def; files of other programs or newer versions are
 * refused. */
#include <fcntl.h>
#include <sys/wait.h>

#include "world.h"

/* ---- the schema against the tables ---- */

static const char *type_of(const struct field *field)
{
    switch (field->type) {
    case FIELD_BOOL:
    case FIELD_INT:
    case FIELD_TIME:
    case FIELD_ID:
        return "INTEGER";
    case FIELD_TEXT:
    case FIELD_LINES:
    case FIELD_ENUM:
        return "TEXT";
    case FIELD_SECRET:
    case FIELD_LIST:
        break;
    }
    return "none: an entity cannot hold this";
}

/* Columns that the schema has and the tables have not. */
static bool is_of_the_store(const char *column)
{
    return strcmp(column, "owner_broker") == 0 || strcmp(column, "owner_epoch") == 0;
}

static void check_columns(sqlite3 *db, const struct entity_row *entity)
{
    sqlite3_stmt *statement;
    size_t found = 0;

    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT name, type, \"notnull\" FROM pragma_table_info(?1)",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    (void)sqlite3_bind_text(statement, 1, entity->table, -1, SQLITE_STATIC);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *column = (const char *)sqlite3_column_text(statement, 0);
        const char *type = (const char *)sqlite3_column_text(statement, 1);
        const struct field *field = record_field(entity->record, column);

        if (!field && is_of_the_store(column))
            continue;
        if (!field)
            fail_msg("%s.%s is a column and no field", entity->table, column);
        if (strcmp(type, type_of(field)) != 0)
            fail_msg("%s.%s is %s, wanted %s", entity->table, column, type, type_of(field));
        if (field->type != FIELD_ID && !sqlite3_column_int(statement, 2))
            fail_msg("%s.%s may be NULL", entity->table, column);
        found++;
    }
    (void)sqlite3_finalize(statement);
    if (found != entity->record->count)
        fail_msg("%s: %zu of %zu fields have a column; write a migration", entity->table, found,
                 entity->record->count);
}

/* The CHECK of an enum as the schema must spell it. */
static void check_words(sqlite3 *db, const struct entity_row *entity, const struct field *field)
{
    char wanted[1024];
    int length = snprintf(wanted, sizeof(wanted), "CHECK (\"%s\" IN (", field->name);
    sqlite3_stmt *statement;

    for (int i = 1; field->names[i]; i++) {
        length += snprintf(wanted + length, sizeof(wanted) - (size_t)length, "%s'%s'",
                           i > 1 ? ", " : "", field->names[i]);
    }
    (void)snprintf(wanted + length, sizeof(wanted) - (size_t)length, "))");
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT sql FROM sqlite_schema WHERE name = ?1", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    (void)sqlite3_bind_text(statement, 1, entity->table, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    if (!strstr((const char *)sqlite3_column_text(statement, 0), wanted))
        fail_msg("%s lacks %s; write a migration", entity->table, wanted);
    (void)sqlite3_finalize(statement);
}

static void check_reference(const struct world *w, const struct entity_row *entity,
                            const struct field *field)
{
    char text[256];

    if (entity_kind_of(field->refers) == ENTITY_NONE)
        return; /* the row's own id */
    (void)snprintf(text, sizeof(text),
                   "SELECT count(*) FROM pragma_foreign_key_list('%s') WHERE \"from\" = '%s' AND "
                   "\"table\" = '%s'",
                   entity->table, field->name, entity_row(entity_kind_of(field->refers))->table);
    if (sql_count(w, "berth.db", text) != 1)
        fail_msg("%s.%s does not refer to %s", entity->table, field->name, field->refers);
}

TEST(schema, agrees_with_the_table_of_entities)
{
    struct world *w = world_new();
    sqlite3 *db = sql_peek(w, "berth.db");

    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        const struct entity_row *entity = entity_row((enum entity_kind)kind);

        check_columns(db, entity);
        for (size_t i = 0; i < entity->record->count; i++) {
            const struct field *field = &entity->record->fields[i];

            if (field->type == FIELD_ENUM)
                check_words(db, entity, field);
            if (field->type == FIELD_ID)
                check_reference(w, entity, field);
        }
    }
    (void)sqlite3_close(db);
    world_free(w);
}

TEST(schema, every_table_is_strict)
{
    struct world *w = world_new();

    EXPECT_INT(sql_count(w, "berth.db",
                         "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND schema = "
                         "'main' AND NOT strict"
                         " AND name NOT LIKE 'sqlite_%'"),
               0);
    EXPECT(sql_count(w, "berth.db", "SELECT count(*) FROM pragma_table_list WHERE strict") >
           ENTITY_KINDS);
    world_free(w);
}

TEST(schema, files_say_whose_they_are_and_are_durable)
{
    struct world *w = world_new();
    struct stat facts;

    EXPECT_INT(sql_count(w, "berth.db", "PRAGMA application_id"), 0x42727468);
    EXPECT(sql_count(w, "berth.db", "PRAGMA user_version") >= 1);
    EXPECT_INT(sql_count(w, "berth.db", "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    EXPECT_INT(sql_count(w, "presence.db", "SELECT journal_mode = 'wal' FROM pragma_journal_mode"),
               1);
    for (size_t i = 0; i < 3; i++) {
        static const char *const files[] = { "berth.db", "presence.db", "keys.db" };

        assert_int_equal(stat(world_path(w, files[i]), &facts), 0);
        EXPECT_INT(facts.st_mode & 0777, 0600);
    }
    world_free(w);
}

/* ---- what is refused ---- */

TEST(open, refuses_a_newer_schema)
{
    struct world *w = world_new();
    char as_it_was[64];

    (void)snprintf(as_it_was, sizeof(as_it_was), "PRAGMA user_version = %d",
                   (int)sql_count(w, "berth.db", "PRAGMA user_version"));
    world_close(w);
    sql_do(w, "berth.db", "PRAGMA user_version = 4711");
    EXPECT_ERR(world_open(w), BERTH_E_SCHEMA);
    EXPECT_SAYS(w->error.text, "berth.db has schema 4711, this Berth knows up to ");
    sql_do(w, "berth.db", as_it_was);
    EXPECT_OK(world_open(w));

    world_close(w);
    sql_do(w, "keys.db", "PRAGMA user_version = 4711");
    EXPECT_ERR(world_open(w), BERTH_E_SCHEMA);
    world_free(w);
}

TEST(open, refuses_a_file_of_another_program)
{
    struct world *w = world_at("/tmp");

    sql_do(w, "berth.db", "CREATE TABLE songs (title TEXT)");
    EXPECT_ERR(world_open(w), BERTH_E_SCHEMA);
    EXPECT_SAYS(w->error.text, "berth.db is not a file of Berth");
    EXPECT_INT(sql_count(w, "berth.db", "SELECT count(*) FROM sqlite_schema"),
               1); /* and left as it was */
    world_free(w);
}

TEST(open, refuses_a_damaged_file)
{
    struct world *w = world_new();
    FILE *file;

    (void)add_user(w, "anna");
    world_close(w);
    file = fopen(world_path(w, "berth.db"), "r+b");
    assert_non_null(file);
    (void)fseek(file, 4096 * 3, SEEK_SET);
    for (int i = 0; i < 4096 * 20; i++)
        (void)fputc(0xa5, file);
    (void)fclose(file);
    EXPECT_ERR(world_open(w), BERTH_E_STORE);
    world_free(w);
}

TEST(open, refuses_a_folder_that_others_can_read)
{
    struct world *w = world_at("/tmp");

    assert_int_equal(chmod(w->folder, 0750), 0);
    EXPECT_ERR(world_open(w), BERTH_E_DENIED);
    EXPECT_SAYS(w->error.text, "other users can read the data folder");
    EXPECT_SAYS(w->error.text, "(mode 0750); run 'chmod 0700' on it");
    assert_int_equal(chmod(w->folder, 0701), 0);
    EXPECT_ERR(world_open(w), BERTH_E_DENIED);
    assert_int_equal(chmod(w->folder, 0700), 0);
    EXPECT_OK(world_open(w));
    world_free(w);
}

TEST(open, refuses_a_folder_of_somebody_else)
{
    struct world *w;

    if (geteuid() != 0)
        skip(); /* only root can give a folder away */
    w = world_at("/tmp");
    assert_int_equal(chown(w->folder, 65534, 65534), 0);
    EXPECT_ERR(world_open(w), BERTH_E_DENIED);
    EXPECT_SAYS(w->error.text, "belongs to user 65534");
    world_free(w);
}

TEST(open, refuses_a_second_broker_on_the_same_folder)
{
    struct world *w = world_new();
    const struct store_setup setup = {
        .folder = w->folder, .timers = &w->timers, .wake = world_wake, .context = w
    };
    struct berth_error error = { 0 };
    struct store *second = NULL;
    int status;
    pid_t child;

    EXPECT_ERR(store_open(&setup, &second, &error), BERTH_E_CONFLICT);
    EXPECT_SAYS(error.text, "is in use by a running broker");

    child = fork();
    if (child == 0)
        _exit(store_open(&setup, &second, &error) == BERTH_E_CONFLICT ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    EXPECT_INT(status, 0);
    (void)add_user(w, "anna"); /* the first goes on */
    world_free(w);
}

TEST(open, makes_a_missing_folder_for_itself_alone)
{
    struct world *w = world_at("/tmp");
    struct stat facts;

    assert_int_equal(rmdir(w->folder), 0);
    EXPECT_OK(world_open(w));
    assert_int_equal(stat(w->folder, &facts), 0);
    EXPECT_INT(facts.st_mode & 0777, 0700);
    world_free(w);
}

TEST_MAIN()
