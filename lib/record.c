/* record.c - structs from JSON and back, by their field tables. */
#include "berth/record.h"

#include <string.h>

static const char *const type_names[] = {
    [FIELD_BOOL] = "true or false", [FIELD_INT] = "a whole number", [FIELD_TIME] = "a time in ms",
    [FIELD_ID] = "an id",           [FIELD_TEXT] = "a text",        [FIELD_LINES] = "a text",
    [FIELD_ENUM] = "a word",        [FIELD_SECRET] = "a text",      [FIELD_LIST] = "a list",
};

static void *member(const struct field *field, void *row)
{
    return (char *)row + field->offset;
}

static const void *member_const(const struct field *field, const void *row)
{
    return (const char *)row + field->offset;
}

static int wrong(const struct record *record, const struct field *field, struct berth_error *reterr)
{
    return berth_fail(reterr, BERTH_E_INVALID, "%s.%s: expected %s", record->name, field->name,
                      type_names[field->type]);
}

static int decode_number(const struct record *record, const struct field *field, const json_t *json,
                         void *row, struct berth_error *reterr)
{
    int64_t value = json_integer_value(json);
    int64_t most = field->type == FIELD_INT ? field->max : INT64_MAX;

    if (json_is_null(json) && field->type != FIELD_INT)
        value = 0;
    else if (!json_is_integer(json))
        return wrong(record, field, reterr);
    if (value < 0 || value > most) {
        return berth_fail(reterr, BERTH_E_INVALID, "%s.%s: %lld is not between 0 and %lld",
                          record->name, field->name, (long long)value, (long long)most);
    }
    memcpy(member(field, row), &value,
           sizeof(value)); /* an ID is as wide, and was checked not to be negative */
    return 0;
}

static bool is_printable(const char *text, size_t length, bool lines)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == 0x7f || (c < 0x20 && !(lines && (c == '\n' || c == '\t' || c == '\r'))))
            return false;
    }
    return true;
}

static int decode_text(const struct record *record, const struct field *field, const json_t *json,
                       void *row, struct berth_error *reterr)
{
    const char *text = json_string_value(json);
    size_t length = json_string_length(json);

    if (!json_is_string(json))
        return wrong(record, field, reterr);
    if (length >= field->size) {
        return berth_fail(reterr, BERTH_E_INVALID, "%s.%s: %zu bytes exceed the limit of %zu",
                          record->name, field->name, length, field->size - 1);
    }
    if (!is_printable(text, length, field->type == FIELD_LINES)) {
        return berth_fail(reterr, BERTH_E_INVALID, "%s.%s: contains a control character",
                          record->name, field->name);
    }
    memset(member(field, row), 0, field->size);
    memcpy(member(field, row), text, length);
    return 0;
}

static int decode_secret(const struct record *record, const struct field *field, const json_t *json,
                         void *row, struct berth_error *reterr)
{
    if (!json_is_string(json))
        return wrong(record, field, reterr);
    if (!secret_set(member(field, row), json_string_value(json), json_string_length(json))) {
        return berth_fail(reterr, BERTH_E_INVALID, "%s.%s: longer than %d bytes, or contains a NUL",
                          record->name, field->name, SECRET_MAX - 1);
    }
    return 0;
}

static int decode_enum(const struct record *record, const struct field *field, const json_t *json,
                       void *row, struct berth_error *reterr)
{
    const char *name = json_string_value(json);
    int value = 0;

    if (!json_is_string(json))
        return wrong(record, field, reterr);
    for (int i = 1; field->names[i]; i++) {
        if (strcmp(field->names[i], name) == 0)
            value = i;
    }
    if (!value) {
        return berth_fail(reterr, BERTH_E_INVALID, "%s.%s: '%.40s' is not a valid value (%s, ...)",
                          record->name, field->name, name, field->names[1]);
    }
    memcpy(member(field, row), &value, sizeof(value));
    return 0;
}

static int decode_list(const struct record *record, const struct field *field, const json_t *json,
                       void *row, struct berth_error *reterr)
{
    size_t count = json_array_size(json);
    int r;

    if (!json_is_array(json))
        return wrong(record, field, reterr);
    if (count > field->capacity) {
        return berth_fail(reterr, BERTH_E_INVALID, "%s.%s: %zu elements exceed the limit of %zu",
                          record->name, field->name, count, field->capacity);
    }
    for (size_t i = 0; i < count; i++) {
        r = record_decode(field->sub, json_array_get(json, i),
                          (char *)member(field, row) + i * field->sub->size, reterr);
        if (r < 0)
            return r;
    }
    memcpy((char *)row + field->count_offset, &count, sizeof(count));
    return 0;
}

static int decode_field(const struct record *record, const struct field *field, const json_t *json,
                        void *row, struct berth_error *reterr)
{
    bool truth = json_is_true(json);

    switch (field->type) {
    case FIELD_BOOL:
        if (!json_is_boolean(json))
            return wrong(record, field, reterr);
        memcpy(member(field, row), &truth, sizeof(truth));
        return 0;
    case FIELD_INT:
    case FIELD_TIME:
    case FIELD_ID:
        return decode_number(record, field, json, row, reterr);
    case FIELD_TEXT:
    case FIELD_LINES:
        return decode_text(record, field, json, row, reterr);
    case FIELD_ENUM:
        return decode_enum(record, field, json, row, reterr);
    case FIELD_SECRET:
        return decode_secret(record, field, json, row, reterr);
    case FIELD_LIST:
        return decode_list(record, field, json, row, reterr);
    }
    return berth_fail(reterr, BERTH_E_INTERNAL, "%s.%s: unknown type", record->name, field->name);
}

const struct field *record_field(const struct record *record, const char *name)
{
    for (size_t i = 0; i < record->count; i++) {
        if (strcmp(record->fields[i].name, name) == 0)
            return &record->fields[i];
    }
    return NULL;
}

int record_decode(const struct record *record, const json_t *object, void *out,
                  struct berth_error *reterr)
{
    memset(out, 0, record->size);
    if (!json_is_object(object))
        return berth_fail(reterr, BERTH_E_INVALID, "%s: expected an object", record->name);
    for (size_t i = 0; i < record->count; i++) {
        const json_t *value = json_object_get(object, record->fields[i].name);
        int r;

        if (!value)
            continue;
        r = decode_field(record, &record->fields[i], value, out, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

int record_merge(const struct record *record, const json_t *object, void *out,
                 struct berth_error *reterr)
{
    void *iterator;

    if (!json_is_object(object))
        return berth_fail(reterr, BERTH_E_INVALID, "%s: expected an object", record->name);
    /* jansson iterates a const object with a non-const iterator; nothing is changed. */
    iterator = json_object_iter((json_t *)(uintptr_t)object);
    for (; iterator; iterator = json_object_iter_next((json_t *)(uintptr_t)object, iterator)) {
        const char *name = json_object_iter_key(iterator);
        const struct field *field = record_field(record, name);
        int r;

        if (!field)
            return berth_fail(reterr, BERTH_E_INVALID, "%s has no field '%.40s'", record->name,
                              name);
        r = decode_field(record, field, json_object_iter_value(iterator), out, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

static json_t *encode_list(const struct field *field, const void *row, unsigned see_mask)
{
    json_t *list = json_array();
    size_t count;

    memcpy(&count, (const char *)row + field->count_offset, sizeof(count));
    for (size_t i = 0; i < count && i < field->capacity; i++) {
        const void *element = (const char *)member_const(field, row) + i * field->sub->size;

        (void)json_array_append_new(list, record_encode(field->sub, element, see_mask));
    }
    return list;
}

static json_t *encode_field(const struct field *field, const void *row, unsigned see_mask)
{
    const void *at = member_const(field, row);
    const struct secret *secret = at;
    int64_t number;
    bool truth;
    int value;

    switch (field->type) {
    case FIELD_BOOL:
        memcpy(&truth, at, sizeof(truth));
        return json_boolean(truth);
    case FIELD_INT:
        memcpy(&number, at, sizeof(number));
        return json_integer(number);
    case FIELD_TIME:
    case FIELD_ID:
        memcpy(&number, at, sizeof(number));
        return number ? json_integer(number) : json_null();
    case FIELD_TEXT:
    case FIELD_LINES:
        return json_string(at);
    case FIELD_ENUM:
        memcpy(&value, at, sizeof(value));
        return value ? json_string(field->names[value]) : NULL;
    case FIELD_SECRET:
        return json_string(see_mask == SEE_MASK_WIRE ? secret->text : "***");
    case FIELD_LIST:
        return encode_list(field, row, see_mask);
    }
    return NULL;
}

json_t *record_encode(const struct record *record, const void *row, unsigned see_mask)
{
    json_t *object = json_object();

    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        json_t *value;

        if (see_mask != SEE_MASK_WIRE && !(field->see & see_mask))
            continue;
        value = encode_field(field, row, see_mask);
        if (value)
            (void)json_object_set_new(object, field->name, value);
    }
    return object;
}

void record_wipe(const struct record *record, void *row)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];

        if (field->type == FIELD_SECRET)
            secret_wipe(member(field, row));
        for (size_t e = 0; field->type == FIELD_LIST && e < field->capacity; e++)
            record_wipe(field->sub, (char *)member(field, row) + e * field->sub->size);
    }
}
