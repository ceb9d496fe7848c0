/* value.c - parse values in URLs and on command lines. */
#include "api/table/value.h"

#include <string.h>
#include <strings.h>

void value_short_name(const struct field *field, char out[48])
{
    size_t length = strnlen(field->name, 47);

    if (field->type == FIELD_ID && field->refers[0] && length > 3 &&
        strcmp(field->name + length - 3, "_id") == 0)
        length -= 3;
    memcpy(out, field->name, length);
    out[length] = '\0';
}

const struct field *value_field(const struct record *record, const char *name)
{
    const struct field *field = record_field(record, name);
    char shorter[48];

    for (size_t i = 0; !field && i < record->count; i++) {
        value_short_name(&record->fields[i], shorter);
        if (strcmp(shorter, name) == 0)
            field = &record->fields[i];
    }
    return field;
}

bool value_is_number(const char *text, uint64_t *ret)
{
    uint64_t value = 0;

    if (!*text)
        return false;
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value) || value > INT64_MAX)
            return false;
    }
    *ret = value;
    return true;
}

int value_yes_no(const char *name, const char *text, bool *ret, struct berth_error *reterr)
{
    static const char *const yes[] = { "yes", "true", "1", "on" };
    static const char *const no[] = { "no", "false", "0", "off" };

    for (size_t i = 0; i < BERTH_COUNT(yes); i++) {
        *ret = strcasecmp(text, yes[i]) == 0;
        if (*ret || strcasecmp(text, no[i]) == 0)
            return 0;
    }
    return berth_fail(reterr, BERTH_E_INVALID, "%s: expected yes or no, not '%s'", name, text);
}

static int bool_from_text(const struct field *field, const char *text, json_t **ret,
                          struct berth_error *reterr)
{
    bool value;
    int r = value_yes_no(field->name, text, &value, reterr);

    if (r == 0)
        *ret = json_boolean(value);
    return r;
}

int value_from_text(const struct field *field, const char *text, json_t **ret,
                    struct berth_error *reterr)
{
    uint64_t number;

    *ret = NULL;
    switch (field->type) {
    case FIELD_BOOL:
        return bool_from_text(field, text, ret, reterr);
    case FIELD_INT:
    case FIELD_TIME:
        if (!value_is_number(text, &number))
            return berth_fail(reterr, BERTH_E_INVALID, "%s: expected a whole number, not '%s'",
                              field->name, text);
        *ret = json_integer((json_int_t)number);
        break;
    case FIELD_ID:
        *ret =
            value_is_number(text, &number) ? json_integer((json_int_t)number) : json_string(text);
        break;
    case FIELD_TEXT:
    case FIELD_LINES:
    case FIELD_ENUM:
    case FIELD_SECRET:
        *ret = json_string(text);
        break;
    case FIELD_LIST:
        break;
    }
    if (!*ret)
        return berth_fail(reterr, BERTH_E_INVALID, "%s: cannot be set by a text", field->name);
    return 0;
}
