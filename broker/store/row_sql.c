/* row_sql.c - generate SQL from the record tables. */
#include "row_sql.h"

#include <stdio.h>
#include <string.h>

#define SQL_TEXT_MAX ROW_SQL_TEXT

struct kind_sql {
    sqlite3_stmt *add;
    sqlite3_stmt *set;
    sqlite3_stmt *drop;
    sqlite3_stmt *version;
};

struct row_sql {
    sqlite3 *db;
    struct kind_sql of[ENTITY_KINDS];
};

/* ---- texts ---- */

struct text {
    size_t length;
    char at[SQL_TEXT_MAX];
};

static void put(struct text *text, const char *format, ...) berth_printf(2, 3);

static void put(struct text *text, const char *format, ...)
{
    va_list list;
    int length;

    va_start(list, format);
    length = vsnprintf(text->at + text->length, sizeof(text->at) - text->length, format, list);
    va_end(list);
    if (length < 0 || (size_t)length >= sizeof(text->at) - text->length)
        abort(); /* the table has too many columns for the buffer: seen at the first start */
    text->length += (size_t)length;
}

/* Does the schema clear this reference when its target is deleted (ON DELETE SET NULL)? */
static int is_cleared(sqlite3 *db, const struct entity_row *entity, const struct field *field,
                      bool *ret, struct berth_error *reterr)
{
    struct text text = { 0 };
    int64_t count;
    int r;

    put(&text,
        "SELECT count(*) FROM pragma_foreign_key_list('%s') WHERE \"from\" = '%s' AND on_delete = "
        "'SET NULL'",
        entity->table, field->name);
    r = sql_number(db, text.at, 0, &count, reterr);
    *ret = r == 0 && count > 0;
    return r;
}

static int prepare_add(sqlite3 *db, const struct entity_row *entity, sqlite3_stmt **ret,
                       struct berth_error *reterr)
{
    struct text text = { 0 };

    put(&text, "INSERT INTO \"%s\" (", entity->table);
    for (size_t i = 0; i < entity->record->count; i++)
        put(&text, "%s\"%s\"", i ? ", " : "", entity->record->fields[i].name);
    put(&text, ") VALUES (");
    for (size_t i = 0; i < entity->record->count; i++)
        put(&text, "%s?%zu", i ? ", " : "", i + 1);
    put(&text, ")");
    return sql_prepare(db, text.at, ret, reterr);
}

static int prepare_set(sqlite3 *db, const struct entity_row *entity, sqlite3_stmt **ret,
                       struct berth_error *reterr)
{
    const struct record *record = entity->record;
    struct text text = { 0 };

    put(&text, "UPDATE \"%s\" SET ", entity->table);
    for (size_t i = 1; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        bool cleared = false;

        if (field->type == FIELD_ID) {
            int r = is_cleared(db, entity, field, &cleared, reterr);

            if (r < 0)
                return r;
        }
        put(&text, "%s\"%s\" = ", i > 1 ? ", " : "", field->name);
        if (cleared) {
            put(&text, "(SELECT \"id\" FROM \"%s\" WHERE \"id\" = ?%zu)",
                entity_row(entity_kind_of(field->refers))->table, i + 1);
        } else {
            put(&text, "?%zu", i + 1);
        }
    }
    put(&text, " WHERE \"id\" = ?1 AND \"version\" = ?%zu", record->count + 1);
    return sql_prepare(db, text.at, ret, reterr);
}

static int prepare_kind(sqlite3 *db, const struct entity_row *entity, struct kind_sql *sql,
                        struct berth_error *reterr)
{
    struct text drop = { 0 };
    struct text version = { 0 };
    int r;

    put(&drop, "DELETE FROM \"%s\" WHERE \"id\" = ?1 AND \"version\" = ?2", entity->table);
    put(&version, "SELECT \"version\" FROM \"%s\" WHERE \"id\" = ?1", entity->table);
    r = prepare_add(db, entity, &sql->add, reterr);
    if (r == 0)
        r = prepare_set(db, entity, &sql->set, reterr);
    if (r == 0)
        r = sql_prepare(db, drop.at, &sql->drop, reterr);
    if (r == 0)
        r = sql_prepare(db, version.at, &sql->version, reterr);
    return r;
}

int row_sql_new(sqlite3 *db, struct row_sql **ret, struct berth_error *reterr)
{
    struct row_sql *rows = berth_new(struct row_sql);

    rows->db = db;
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++) {
        int r = prepare_kind(db, entity_row((enum entity_kind)kind), &rows->of[kind], reterr);

        if (r < 0) {
            row_sql_free(rows);
            return r;
        }
    }
    *ret = rows;
    return 0;
}

void row_sql_free(struct row_sql *rows)
{
    if (!rows)
        return;
    for (int kind = 0; kind < ENTITY_KINDS; kind++) {
        sql_drop(&rows->of[kind].add);
        sql_drop(&rows->of[kind].set);
        sql_drop(&rows->of[kind].drop);
        sql_drop(&rows->of[kind].version);
    }
    free(rows);
}

/* ---- writing ---- */

static void bind_enum(sqlite3_stmt *statement, int at, const struct field *field, int value)
{
    int count = 0;

    while (field->names[count])
        count++;
    if (value > 0 && value < count)
        sql_bind_text(statement, at, field->names[value]);
    else
        (void)sqlite3_bind_null(statement, at); /* NOT NULL refuses it and names the column */
}

static void bind_field(sqlite3_stmt *statement, int at, const struct field *field, const void *row)
{
    const char *member = (const char *)row + field->offset;
    int64_t number;
    uint64_t id;
    bool truth;
    int value;

    switch (field->type) {
    case FIELD_BOOL:
        memcpy(&truth, member, sizeof(truth));
        (void)sqlite3_bind_int(statement, at, truth);
        return;
    case FIELD_INT:
    case FIELD_TIME:
        memcpy(&number, member, sizeof(number));
        (void)sqlite3_bind_int64(statement, at, number);
        return;
    case FIELD_ID:
        memcpy(&id, member, sizeof(id));
        sql_bind_id(statement, at, id);
        return;
    case FIELD_TEXT:
    case FIELD_LINES:
        sql_bind_text(statement, at, member);
        return;
    case FIELD_ENUM:
        memcpy(&value, member, sizeof(value));
        bind_enum(statement, at, field, value);
        return;
    case FIELD_SECRET:
    case FIELD_LIST:
        abort(); /* entities have none; test_schema checks that */
    }
}

static void bind_row(sqlite3_stmt *statement, enum entity_kind kind, const void *row)
{
    const struct record *record = entity_row(kind)->record;

    for (size_t i = 0; i < record->count; i++)
        bind_field(statement, (int)i + 1, &record->fields[i], row);
}

static int run(struct row_sql *rows, sqlite3_stmt *statement, int *ret_rows)
{
    int rc = sql_step_once(statement);

    *ret_rows = rc == SQLITE_DONE ? sqlite3_changes(rows->db) : 0;
    return rc;
}

int row_sql_add(struct row_sql *rows, enum entity_kind kind, const void *row, int *ret_rows)
{
    bind_row(rows->of[kind].add, kind, row);
    return run(rows, rows->of[kind].add, ret_rows);
}

int row_sql_set(struct row_sql *rows, enum entity_kind kind, const void *row, int64_t base_version,
                int *ret_rows)
{
    sqlite3_stmt *statement = rows->of[kind].set;

    bind_row(statement, kind, row);
    (void)sqlite3_bind_int64(statement, (int)entity_row(kind)->record->count + 1, base_version);
    return run(rows, statement, ret_rows);
}

int row_sql_drop(struct row_sql *rows, enum entity_kind kind, uint64_t id, int64_t base_version,
                 int *ret_rows)
{
    sqlite3_stmt *statement = rows->of[kind].drop;

    sql_bind_id(statement, 1, id);
    (void)sqlite3_bind_int64(statement, 2, base_version);
    return run(rows, statement, ret_rows);
}

int64_t row_sql_version(struct row_sql *rows, enum entity_kind kind, uint64_t id)
{
    sqlite3_stmt *statement = rows->of[kind].version;
    int64_t version = -1;
    int rc;

    sql_bind_id(statement, 1, id);
    rc = sql_step(statement);
    if (rc == SQLITE_ROW)
        version = sqlite3_column_int64(statement, 0);
    else if (rc == SQLITE_DONE)
        version = 0;
    (void)sqlite3_reset(statement);
    return version;
}

/* ---- reading ---- */

static int read_number(const struct field *field, int64_t number, char *member)
{
    bool truth = number != 0;

    if (number < 0)
        return -1;
    if (field->type == FIELD_BOOL)
        memcpy(member, &truth, sizeof(truth));
    else
        memcpy(member, &number, sizeof(number)); /* an ID is as wide */
    return 0;
}

static int read_field(sqlite3_stmt *statement, int column, const struct field *field, void *row)
{
    char *member = (char *)row + field->offset;
    const char *text;
    int value;

    switch (field->type) {
    case FIELD_BOOL:
    case FIELD_INT:
    case FIELD_TIME:
    case FIELD_ID:
        return read_number(field, sqlite3_column_int64(statement, column), member);
    case FIELD_TEXT:
    case FIELD_LINES:
        text = sql_text(statement, column);
        if (strlen(text) >= field->size)
            return -1;
        memcpy(member, text, strlen(text) + 1);
        return 0;
    case FIELD_ENUM:
        value = name_value(field->names, sql_text(statement, column));
        memcpy(member, &value, sizeof(value));
        return value < 0 ? -1 : 0;
    case FIELD_SECRET:
    case FIELD_LIST:
        break;
    }
    return -1;
}

int row_sql_read(sqlite3_stmt *statement, enum entity_kind kind, union row *row,
                 struct berth_error *reterr)
{
    const struct record *record = entity_row(kind)->record;

    memset(row, 0, sizeof(*row));
    for (size_t i = 0; i < record->count; i++) {
        if (read_field(statement, (int)i, &record->fields[i], row) < 0) {
            return berth_fail(reterr, BERTH_E_STORE,
                              "%s %lld: the store has an invalid value of '%s'", record->name,
                              (long long)sqlite3_column_int64(statement, 0),
                              record->fields[i].name);
        }
    }
    return 0;
}

/* The negation of core_has_ended in SQL, and the partial index of the rows that have not ended. */
static const struct {
    const char *is_open, *index;
} open_rows[ENTITY_KINDS] = {
    [ENTITY_assignment] = { "\"state\" = 'open'", "assignment_open" },
    [ENTITY_session] = { "\"state\" <> 'ended'", "session_open" },
    [ENTITY_connection] = { "\"state\" <> 'ended'", "connection_open" },
    [ENTITY_command] = { "\"state\" IN ('queued', 'sent', 'acked')", "command_open" },
};

static void put_select(struct text *text, const struct entity_row *entity)
{
    put(text, "SELECT ");
    for (size_t i = 0; i < entity->record->count; i++)
        put(text, "%s\"%s\"", i ? ", " : "", entity->record->fields[i].name);
    put(text, " FROM \"%s\"", entity->table);
}

void row_sql_select(enum entity_kind kind, char out[ROW_SQL_TEXT])
{
    struct text text = { 0 };

    put_select(&text, entity_row(kind));
    memcpy(out, text.at, text.length + 1);
}

/* INDEXED BY: an error, and not a slow start, when the index cannot be used. */
static void put_each(struct text *text, enum entity_kind kind, bool all)
{
    put_select(text, entity_row(kind));
    if (!all && open_rows[kind].index)
        put(text, " INDEXED BY \"%s\" WHERE %s", open_rows[kind].index, open_rows[kind].is_open);
    put(text, " ORDER BY \"id\"");
}

int row_sql_open(struct row_cursor *cursor, sqlite3 *db, enum entity_kind kind, bool all,
                 struct berth_error *reterr)
{
    struct text text = { 0 };

    *cursor = (struct row_cursor){ .db = db, .kind = kind };
    put_each(&text, kind, all);
    return sql_prepare(db, text.at, &cursor->statement, reterr);
}

int row_sql_next(struct row_cursor *cursor, union row *row, struct berth_error *reterr)
{
    int rc = sql_step(cursor->statement);
    int r;

    if (rc == SQLITE_DONE)
        return 0;
    if (rc != SQLITE_ROW)
        return sql_fail(cursor->db, rc, entity_row(cursor->kind)->table, reterr);
    r = row_sql_read(cursor->statement, cursor->kind, row, reterr);
    return r < 0 ? r : 1;
}

void row_sql_close(struct row_cursor *cursor)
{
    sql_drop(&cursor->statement);
}
