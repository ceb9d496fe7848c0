/* setting.c - check and store the settings of a profile. */
#include "berth/setting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct setting_row rows[] = {
#define SETTING(key_, kind_, default_, allowed_, unit_, sentence_) \
    { .key = #key_,                                                \
      .kind = SETTING_##kind_,                                     \
      .offset = offsetof(struct settings, key_),                   \
      .default_value = (default_),                                 \
      .allowed = (allowed_),                                       \
      .unit = (unit_),                                             \
      .sentence = (sentence_) },
#include "berth/settings.def"
};

const struct setting_row *setting_rows(size_t *ret_count)
{
    *ret_count = BERTH_COUNT(rows);
    return rows;
}

const struct setting_row *setting_row(const char *key)
{
    for (size_t i = 0; i < BERTH_COUNT(rows); i++)
        if (strcmp(rows[i].key, key) == 0)
            return &rows[i];
    return NULL;
}

static int refuse(const struct setting_row *row, const char *value, struct berth_error *reterr)
{
    return berth_fail(reterr, BERTH_E_INVALID, "setting %s: '%s' is not allowed (%s%s%s)", row->key,
                      value, row->allowed[0] ? row->allowed : "a line of at most 127 bytes",
                      row->unit[0] ? " " : "", row->unit);
}

/* Parse a number that lies within the row's "least..largest". */
static bool number_of(const struct setting_row *row, const char *value, int64_t *ret)
{
    const char *dots = strstr(row->allowed, "..");
    long long least = strtoll(row->allowed, NULL, 10);
    long long largest = dots ? strtoll(dots + 2, NULL, 10) : least;
    char *end = NULL;
    long long number;

    errno = 0;
    number = strtoll(value, &end, 10);
    if (errno || end == value || *end || number < least || number > largest)
        return false;
    *ret = number;
    return true;
}

/* Is `value` one of the words in "one|two"? */
static bool is_choice(const char *allowed, const char *value)
{
    size_t length = strcspn(value, "|");

    if (value[length] == '|')
        return false;
    for (const char *word = allowed; word; word = strchr(word, '|')) {
        if (*word == '|')
            word++;
        if (length > 0 && strncmp(word, value, length) == 0 &&
            (word[length] == '\0' || word[length] == '|'))
            return true;
    }
    return false;
}

/* One line without control characters, not too long. */
static bool is_line(const char *value)
{
    size_t length = 0;

    for (const char *c = value; *c; c++, length++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return length < SETTING_VALUE;
}

int setting_check(const char *key, const char *value, struct berth_error *reterr)
{
    struct settings scratch;

    settings_default(&scratch);
    return settings_set(&scratch, key, value, reterr);
}

void settings_default(struct settings *settings)
{
    memset(settings, 0, sizeof(*settings));
    for (size_t i = 0; i < BERTH_COUNT(rows); i++) {
        struct berth_error error = { 0 };

        if (settings_set(settings, rows[i].key, rows[i].default_value, &error) < 0) {
            (void)fprintf(stderr, "settings.def: %s\n", error.text);
            abort(); /* a default in settings.def is not allowed by its own row */
        }
    }
}

int settings_set(struct settings *settings, const char *key, const char *value,
                 struct berth_error *reterr)
{
    const struct setting_row *row = setting_row(key);
    char *member;
    int64_t number;

    if (!row)
        return berth_fail(reterr, BERTH_E_NOT_FOUND, "unknown setting '%s'", key);
    member = (char *)settings + row->offset;
    switch (row->kind) {
    case SETTING_BOOL:
        if (!is_choice(row->allowed, value))
            return refuse(row, value, reterr);
        *(bool *)(void *)member = strcmp(value, "yes") == 0;
        return 0;
    case SETTING_INT:
        if (!number_of(row, value, &number))
            return refuse(row, value, reterr);
        *(int64_t *)(void *)member = number;
        return 0;
    case SETTING_CHOICE:
        if (!is_choice(row->allowed, value))
            return refuse(row, value, reterr);
        break;
    case SETTING_TEXT:
        break;
    }
    if (!is_line(value))
        return refuse(row, value, reterr);
    berth_copy_text(member, SETTING_VALUE, value);
    return 0;
}
