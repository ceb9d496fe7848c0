/* history.c - tables made from history.def, and lines as JSON text. */
#include "berth/history.h"

#include <string.h>

#include "berth/json.h"
#include "berth/map.h"

/* Deepest nesting of a line: it is flat. */
#define LINE_DEPTH 4

/* clang-format off */
#define KINDS(name) const char *const name##_names[] = { "",
#define KIND(name, symbol, text, sentence) text,
#define KINDS_END(name) NULL };
#include "berth/history.def"
#undef KINDS
#undef KIND
#undef KINDS_END

#define LINE(name, sentence) static const struct field name##_fields[] = {
#define LINE_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence) \
    RECORD_FIELD_ROW(struct history_##record, kind, member, arg, see, unit, sentence)
#include "berth/history.def"
#undef LINE
#undef LINE_END
#undef FIELD

#define FIELD(record, kind, member, arg, see, unit, sentence)
#define LINE_END(name)
#define LINE(name_, sentence_) \
    [HISTORY_##name_] = { #name_, sentence_, name_##_fields, BERTH_COUNT(name_##_fields), \
                          sizeof(struct history_##name_) },
static const struct record records[HISTORY_KINDS] = {
#include "berth/history.def"
};
#undef LINE
#undef LINE_END
#undef FIELD
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

/* What is zero, empty or false is left out: decoding makes it so again, and a day is a long text.
 */
static void leave_out_nothings(json_t *object)
{
    const char *name;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, name, value)
    {
        bool nothing = json_is_null(value) || json_is_false(value) ||
                       (json_is_integer(value) && json_integer_value(value) == 0) ||
                       (json_is_string(value) && json_string_length(value) == 0);

        if (nothing)
            (void)json_object_del(object, name);
    }
}

char *history_encode(const struct history_line *line)
{
    berth_cleanup(json_unrefp) json_t *object =
        record_encode(&records[line->kind], &line->run, SEE_MASK_ALL);

    leave_out_nothings(object);
    (void)json_object_set_new(object, "line", json_string(records[line->kind].name));
    (void)json_object_set_new(object, "at_us", json_integer((json_int_t)line->at_us));
    return json_text(object);
}

int history_decode(const char *text, size_t size, struct history_line *ret,
                   struct berth_error *reterr)
{
    berth_cleanup(json_unrefp) json_t *object = json_parse(text, size, LINE_DEPTH, reterr);
    const char *name = json_string_value(json_object_get(object, "line"));
    const json_t *at = json_object_get(object, "at_us");

    ret->kind = HISTORY_NONE;
    if (!object)
        return berth_fail(reterr, BERTH_E_INVALID, "no line of a history: it is no JSON object");
    if (!name || !json_is_integer(at))
        return berth_fail(reterr, BERTH_E_INVALID, "a line without 'line' or 'at_us'");
    ret->kind = kind_of(name);
    if (ret->kind == HISTORY_NONE)
        return berth_fail(reterr, BERTH_E_INVALID, "unknown line '%.40s'", name);
    ret->at_us = json_integer_value(at);
    return record_decode(&records[ret->kind], object, &ret->run, reterr);
}

int64_t history_hash(const uint8_t key[16], const char *text)
{
    struct map_key map_key;
    int64_t hash;

    memcpy(&map_key, key, sizeof(map_key));
    hash = (int64_t)(map_siphash(map_key, text, strlen(text)) >> 1);
    return hash ? hash : 1;
}
