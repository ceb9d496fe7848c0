/* show.c - print answers as text: a sentence, a list of values, or a table. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/table/value.h"

#include "ctl.h"

#define COLUMNS_MAX 24
#define CELL_MAX 96

/* ---- one value ---- */

static void format_time(int64_t ms, char *out, size_t size)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;

    if (!localtime_r(&seconds, &parts) || !strftime(out, size, "%Y-%m-%d %H:%M:%S", &parts))
        (void)snprintf(out, size, "%lld", (long long)ms);
}

static void format_seconds(int64_t seconds, char *out, size_t size)
{
    if (seconds < 120)
        (void)snprintf(out, size, "%llds", (long long)seconds);
    else if (seconds < 7200)
        (void)snprintf(out, size, "%lldm", (long long)(seconds / 60));
    else if (seconds < 172800)
        (void)snprintf(out, size, "%lldh", (long long)(seconds / 3600));
    else
        (void)snprintf(out, size, "%lldd", (long long)(seconds / 86400));
}

/* field NULL: the name of a reference. */
static void format(const struct field *field, const json_t *value, char *out, size_t size)
{
    if (!value || json_is_null(value))
        (void)snprintf(out, size, "-");
    else if (json_is_boolean(value))
        berth_copy_text(out, size, json_is_true(value) ? "yes" : "no");
    else if (json_is_string(value))
        berth_copy_text(out, size, json_string_length(value) ? json_string_value(value) : "-");
    else if (field && field->type == FIELD_TIME)
        format_time(json_integer_value(value), out, size);
    else if (field && field->type == FIELD_INT && strcmp(field->unit, "s") == 0)
        format_seconds(json_integer_value(value), out, size);
    else
        (void)snprintf(out, size, "%lld", (long long)json_integer_value(value));
}

/* Truncate to the characters that fit, never in the middle of one. */
static void shorten(char *text, size_t most)
{
    size_t length = strlen(text);

    for (char *c = text; *c; c++)
        *c = *c == '\n' || *c == '\t' ? ' ' : *c;
    while (ctl_width(text) > most && length > 0) {
        length--;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
        text[length] = '\0';
    }
}

/* ---- colours: states that need attention ---- */

static const char *const good[] = { "ready", "up",        "present", "active", "accepted",
                                    "done",  "published", "current", "open",   NULL };
static const char *const bad[] = { "quarantined", "lost",   "down",    "degraded", "absent",
                                   "revoked",     "failed", "expired", NULL };
static const char *const transitional[] = { "starting", "stopping",    "opening",   "waiting",
                                            "suspect",  "presumed",    "preparing", "ending",
                                            "drain",    "maintenance", NULL };

static bool is_among(const char *const *words, const char *text)
{
    for (; *words; words++)
        if (strcmp(*words, text) == 0)
            return true;
    return false;
}

static const char *colour_of(size_t column, const char *text)
{
    (void)column;
    if (is_among(good, text))
        return "\033[32m";
    if (is_among(bad, text))
        return "\033[31m";
    if (is_among(transitional, text))
        return "\033[33m";
    return NULL;
}

/* ---- tables ---- */

struct column {
    char path[48]; /* "state" or "runtime.state" */
    const struct field *field;
};

static const json_t *value_at(const json_t *item, const char *path)
{
    if (strncmp(path, "runtime.", 8) == 0)
        return json_object_get(json_object_get(item, "runtime"), path + 8);
    return json_object_get(item, path);
}

static const char *heading(const char *path, char out[48])
{
    const char *dot = strrchr(path, '.');
    size_t i;

    path = dot ? dot + 1 : path;
    for (i = 0; path[i] && i < 47; i++)
        out[i] = path[i] >= 'a' && path[i] <= 'z' ? (char)(path[i] - 'a' + 'A') : path[i];
    out[i] = '\0';
    /* Units are shown in the cells, not in the header. */
    if (i > 2 && strcmp(out + i - 2, "_S") == 0)
        out[i - 2] = '\0';
    if (i > 3 && strcmp(out + i - 3, "_MS") == 0)
        out[i - 3] = '\0';
    return out;
}

static void print_table(const struct ctl *ctl, const struct column *column, size_t columns,
                        const json_t *items)
{
    size_t rows = json_array_size(items);
    char **cells = berth_new_array(char *, (rows + 1) * columns);
    char text[1024];

    for (size_t i = 0; i < columns; i++)
        cells[i] = berth_strdup(heading(column[i].path, text));
    for (size_t row = 0; row < rows; row++) {
        const json_t *item = json_array_get(items, row);

        for (size_t i = 0; i < columns; i++) {
            const struct field *field = column[i].field;

            format(field, value_at(item, column[i].path), text, sizeof(text));
            shorten(text, CELL_MAX);
            cells[(row + 1) * columns + i] = berth_strdup(text);
        }
    }
    ctl_table(stdout, columns, rows + 1, (const char *const *)cells,
              ctl->colour ? colour_of : NULL);
    for (size_t i = 0; i < (rows + 1) * columns; i++)
        free(cells[i]);
    free(cells);
}

static size_t entity_columns(enum entity_kind kind, struct column column[COLUMNS_MAX])
{
    const struct record *record = entity_row(kind)->record;
    const struct record *runtime = collection_runtime(kind);
    const char *at = collection_columns(kind);
    size_t columns = 0;

    while (*at && columns < COLUMNS_MAX) {
        size_t length = strcspn(at, " ");
        struct column *one = &column[columns++];

        (void)snprintf(one->path, sizeof(one->path), "%.*s", (int)length, at);
        if (strncmp(one->path, "runtime.", 8) == 0)
            one->field = runtime ? record_field(runtime, one->path + 8) : NULL;
        else
            one->field = record_field(record, one->path);
        at += length;
        at += strspn(at, " ");
    }
    return columns;
}

/* All columns except those that are too long for a cell. */
static size_t view_columns(const struct record *record, struct column column[COLUMNS_MAX])
{
    size_t columns = 0;

    for (size_t i = 0; i < record->count && columns < COLUMNS_MAX; i++) {
        const struct field *field = &record->fields[i];

        if (field->type == FIELD_LIST || field->type == FIELD_LINES ||
            strcmp(field->name, "hash") == 0)
            continue;
        copy_text(column[columns].path, field->name);
        column[columns++].field = field;
    }
    return columns;
}

static void show_list(const struct ctl *ctl, const struct verb *verb, const json_t *items)
{
    struct column column[COLUMNS_MAX];
    size_t columns = verb->shape == ROWS ? entity_columns(verb->entity, column)
                                         : view_columns(verb->view, column);

    if (json_array_size(items) == 0) {
        (void)fputs("none\n", stdout);
        return;
    }
    print_table(ctl, column, columns, items);
}

/* ---- values, one per line ---- */

static void print_field(const char *name, const struct field *field, const json_t *value,
                        const char *indent)
{
    char text[4096];

    format(field, value, text, sizeof(text));
    if (strchr(text, '\n')) {
        (void)printf("%s%s:\n", indent, name);
        ctl_print(stdout, text, true);
        if (text[strlen(text) - 1] != '\n')
            (void)fputc('\n', stdout);
        return;
    }
    (void)printf("%s%-20s ", indent, name);
    ctl_print(stdout, text, false);
    (void)fputc('\n', stdout);
}

/* Empty values are not printed. */
static bool is_shown(const json_t *value)
{
    return value && !json_is_null(value) &&
           !(json_is_string(value) && json_string_length(value) == 0);
}

/* Sentences are printed without a name. */
static void print_sentences(const json_t *items)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        const char *text = json_string_value(json_object_get(json_array_get(items, i), "text"));

        (void)fputs("- ", stdout);
        ctl_print(stdout, text ? text : "", false);
        (void)fputc('\n', stdout);
    }
}

static void show_sublist(const struct ctl *ctl, const struct field *field, const json_t *items)
{
    struct column column[COLUMNS_MAX];
    size_t columns = view_columns(field->sub, column);

    if (json_array_size(items) == 0)
        return;
    (void)printf("\n%s:\n", field->name);
    if (columns == 1 && strcmp(column[0].path, "text") == 0)
        print_sentences(items);
    else
        print_table(ctl, column, columns, items);
}

static void show_view(const struct ctl *ctl, const struct record *record, const json_t *answer,
                      const char *indent)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        const json_t *value = json_object_get(answer, field->name);

        if (field->type != FIELD_LIST && is_shown(value))
            print_field(field->name, field, value, indent);
    }
    for (size_t i = 0; i < record->count; i++)
        if (record->fields[i].type == FIELD_LIST)
            show_sublist(ctl, &record->fields[i], json_object_get(answer, record->fields[i].name));
}

/* A reference is shown by its name if it has one. */
static void show_row(const struct ctl *ctl, enum entity_kind kind, const json_t *answer)
{
    const struct record *record = entity_row(kind)->record;
    const struct record *runtime = collection_runtime(kind);

    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        const json_t *value = json_object_get(answer, field->name);
        char shorter[48];

        if (!value)
            continue;
        value_short_name(field, shorter);
        if (strcmp(shorter, field->name) != 0 && json_object_get(answer, shorter))
            print_field(shorter, NULL, json_object_get(answer, shorter), "");
        else
            print_field(field->name, field, value, "");
    }
    if (runtime && json_object_get(answer, "runtime")) {
        (void)fputs("present state:\n", stdout);
        show_view(ctl, runtime, json_object_get(answer, "runtime"), "  ");
    }
}

/* "pool 'ward-3' is added (4)"; `show` prints all values. */
static void print_saved(const struct verb *verb, const json_t *answer)
{
    const char *name = json_string_value(json_object_get(answer, "name"));
    char kind_name[48];

    verb_name_for_cli(entity_row(verb->entity)->name, kind_name);
    (void)printf("%s ", kind_name);
    if (name) {
        (void)fputc('\'', stdout);
        ctl_print(stdout, name, false);
        (void)fputs("' ", stdout);
    }
    (void)printf("is %s (%lld)\n", verb->plain == PLAIN_ADD ? "added" : "changed",
                 (long long)json_integer_value(json_object_get(answer, "id")));
}

/* ---- the whole answer ---- */

void ctl_show_plan(const json_t *plan, FILE *out)
{
    const json_t *lines = json_object_get(plan, "changes");

    for (size_t i = 0; i < json_array_size(lines); i++) {
        const char *text = json_string_value(json_object_get(json_array_get(lines, i), "text"));

        (void)fputs("- ", out);
        ctl_print(out, text ? text : "", false);
        (void)fputc('\n', out);
    }
}

static bool is_sentence(const struct verb *verb)
{
    return verb->view == &view_result_record;
}

void ctl_show(const struct ctl *ctl, const struct verb *verb, const json_t *answer)
{
    const char *text = json_string_value(json_object_get(answer, "text"));

    if (json_is_true(json_object_get(answer, "dry_run")))
        ctl_show_plan(answer, stdout);
    else if (verb->shape == LIST || verb->shape == ROWS)
        show_list(ctl, verb, json_object_get(answer, "items"));
    else if (verb->plain == PLAIN_ADD || verb->plain == PLAIN_SET)
        print_saved(verb, answer);
    else if (verb->shape == ROW)
        show_row(ctl, verb->entity, answer);
    else if (is_sentence(verb)) {
        ctl_print(stdout, text ? text : "", false);
        (void)fputc('\n', stdout);
    } else
        show_view(ctl, verb->view, answer, "");
}
