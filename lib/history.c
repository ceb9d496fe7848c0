/* history.c - tables made from history.def, and lines as JSON text. */
#include "berth/history.h"

#include <stdio.h>
#include <string.h>

#include "berth/json.h"

/* Deepest nesting of a line: it is flat. */
#define LINE_DEPTH 4

/* clang-format off */
#define ENUM_BEGIN(name) const char *const name##_names[] = { "",
#define ENUM_VALUE(name, symbol, text, sentence) text,
#define ENUM_END(name) NULL };
#include "berth/history.def"

#define LINE(name, sentence) static const struct field name##_fields[] = {
#define LINE_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence) \
    RECORD_FIELD_ROW(struct history_##record, kind, member, arg, see, unit, sentence)
#include "berth/history.def"

#define LINE(name, sentence) \
    [HISTORY_##name] = RECORD_OF(name, sentence, struct history_##name, 0),
static const struct record records[HISTORY_KINDS] = {
#include "berth/history.def"
};
/* clang-format on */

const struct record *history_record(enum history_kind kind)
{
    return &records[kind];
}

static enum history_kind kind_of(const char *name)
{
    for (enum history_kind kind = HISTORY_NONE + 1; kind < HISTORY_KINDS; kind++) {
        if (strcmp(records[kind].name, name) == 0)
            return kind;
    }
    return HISTORY_NONE;
}

/* ---- encoding: without jansson where possible, because a busy broker writes thousands of lines a
 * second ---- */

struct text {
    char *at;
    size_t size, capacity;
};

static void add(struct text *out, const char *bytes, size_t size)
{
    if (out->size + size + 1 > out->capacity) {
        out->capacity = (out->size + size + 1) * 2;
        out->at = berth_realloc(out->at, out->capacity);
    }
    memcpy(out->at + out->size, bytes, size);
    out->size += size;
    out->at[out->size] = '\0';
}

static void add_number(struct text *out, int64_t number)
{
    char digits[24];

    add(out, digits, (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)number));
}

static bool is_plain(const char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
            return false;
    }
    return true;
}

/* Texts that need escapes are encoded by jansson. */
static void add_text(struct text *out, const char *text)
{
    json_t *string = is_plain(text) ? NULL : json_string(text);
    char *quoted = string ? json_text(string) : NULL;

    if (quoted) {
        add(out, quoted, strlen(quoted));
    } else {
        add(out, "\"", 1);
        add(out, text, is_plain(text) ? strlen(text) : 0); /* not UTF-8 */
        add(out, "\"", 1);
    }
    free(quoted);
    json_decref(string);
}

static void add_name(struct text *out, const char *name)
{
    add(out, out->size == 0 ? "{\"" : ",\"", 2);
    add(out, name, strlen(name));
    add(out, "\":", 2);
}

static void add_field(struct text *out, const struct field *field, const char *at)
{
    int64_t number = 0;
    bool truth = false;
    int word = 0;

    switch (field->type) {
    case FIELD_BOOL:
        memcpy(&truth, at, sizeof(truth));
        add_name(out, field->name);
        add(out, truth ? "true" : "false", truth ? 4 : 5);
        return;
    case FIELD_INT:
    case FIELD_TIME:
    case FIELD_ID:
        memcpy(&number, at, sizeof(number));
        add_name(out, field->name);
        add_number(out, number);
        return;
    case FIELD_TEXT:
    case FIELD_LINES:
        add_name(out, field->name);
        add_text(out, at);
        return;
    case FIELD_ENUM:
        memcpy(&word, at, sizeof(word));
        add_name(out, field->name);
        add_text(out, field->names[word]);
        return;
    case FIELD_SECRET:
    case FIELD_LIST:
        break;
    }
    abort(); /* not used in history.def */
}

/* Leave out fields that are zero, empty or false: they decode to the same, and the file is smaller.
 */
static bool is_nothing(const struct field *field, const char *at)
{
    size_t size = field->type == FIELD_TEXT || field->type == FIELD_LINES ? 1 : field->size;

    for (size_t i = 0; i < size; i++) {
        if (at[i])
            return false;
    }
    return true;
}

char *history_encode(const struct history_line *line)
{
    const struct record *record = &records[line->kind];
    struct text out = { 0 };

    add_name(&out, "line");
    add_text(&out, record->name);
    add_name(&out, "at_us");
    add_number(&out, line->at_us);
    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        const char *at = (const char *)&line->run + field->offset;

        if (!is_nothing(field, at))
            add_field(&out, field, at);
    }
    add(&out, "}", 1);
    return out.at;
}

/* ---- decoding ---- */

int history_decode(const char *text, size_t size, struct history_line *ret,
                   struct berth_error *reterr)
{
    berth_cleanup(json_unrefp) json_t *object = json_parse(text, size, LINE_DEPTH, reterr);
    const char *name = json_string_value(json_object_get(object, "line"));
    const json_t *at = json_object_get(object, "at_us");

    ret->kind = HISTORY_NONE;
    if (!object)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "not a line of a history: expected a JSON object");
    if (!name || !json_is_integer(at))
        return berth_fail(reterr, BERTH_E_INVALID, "a line without 'line' or 'at_us'");
    ret->kind = kind_of(name);
    if (ret->kind == HISTORY_NONE)
        return berth_fail(reterr, BERTH_E_INVALID, "unknown line '%.40s'", name);
    ret->at_us = json_integer_value(at);
    return record_decode(&records[ret->kind], object, &ret->run, reterr);
}
