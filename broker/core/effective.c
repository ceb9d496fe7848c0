/* effective.c - parsing the lines of profiles, ranking profiles, and applying them to a terminal.
 */
#include "core/effective.h"

#include <stdio.h>
#include <string.h>

#include "core/match.h"
#include "core/place.h"
#include "core/reference.h"

/* How narrow a profile is for this terminal: higher wins; -1 when it does not apply. */
static int64_t rank(struct core *core, const struct terminal *terminal,
                    const struct row_profile *row)
{
    const struct place *place = place_find(core, terminal->row.place_id);
    const struct place *named = place_find(core, row->place_id);
    int64_t narrow = 0;

    switch (row->level) {
    case profile_level_EVERYWHERE:
        break;
    case profile_level_SITE:
        if (!place || !row->site_id || place->row.site_id != row->site_id)
            return -1;
        break;
    case profile_level_PLACE:
        if (!named || !place_is_within(core, terminal->row.place_id, row->place_id))
            return -1;
        narrow = (int64_t)strlen(named->row.name);
        break;
    case profile_level_TAG:
        if (!match_word(terminal->row.tags, row->subject))
            return -1;
        break;
    case profile_level_TERMINAL:
        if (terminal->row.id != row->terminal_id)
            return -1;
        break;
    case profile_level_NONE:
    case profile_level_END:
        return -1;
    }
    return ((int64_t)row->level * 1000 + narrow) * 10000 + row->priority;
}

/* One line "key = value"; false at the end. Empty lines and lines that begin with '#' are skipped.
 */
static bool next_line(const char **at, char key[48], char value[SETTING_VALUE], bool *ret_good)
{
    for (;;) {
        const char *line = *at;
        size_t length = strcspn(line, "\n");
        const char *equals = memchr(line, '=', length);
        size_t blank = strspn(line, " \t");

        if (!*line)
            return false;
        *at = line + length + (line[length] == '\n');
        if (blank >= length || line[blank] == '#')
            continue;
        *ret_good = false;
        if (!equals)
            return true;
        const char *from = line + blank;
        size_t size = (size_t)(equals - from);

        while (size > 0 && (from[size - 1] == ' ' || from[size - 1] == '\t'))
            size--;
        if (size == 0 || size >= 48)
            return true;
        memcpy(key, from, size);
        key[size] = '\0';
        from = equals + 1 + strspn(equals + 1, " \t");
        size = from < line + length ? (size_t)(line + length - from) : 0;
        while (size > 0 && (from[size - 1] == ' ' || from[size - 1] == '\t'))
            size--;
        if (size >= SETTING_VALUE)
            return true;
        memcpy(value, from, size);
        value[size] = '\0';
        *ret_good = true;
        return true;
    }
}

int effective_check(const char *lines, struct berth_error *reterr)
{
    const char *at = lines;
    char key[48];
    char value[SETTING_VALUE];
    bool good;
    int r;

    for (int line = 1; next_line(&at, key, value, &good); line++) {
        if (!good)
            return berth_fail(reterr, BERTH_E_INVALID, "line %d is not of the form 'key = value'",
                              line);
        r = setting_check(key, value, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

bool effective_next_value(const char **at, const char *key, char value[SETTING_VALUE])
{
    char found[48];
    bool good;

    while (next_line(at, found, value, &good))
        if (good && strcmp(found, key) == 0)
            return true;
    return false;
}

bool effective_has_value(const char *lines, const char *key, const char *value)
{
    char found[SETTING_VALUE];

    while (effective_next_value(&lines, key, found))
        if (strcmp(found, value) == 0)
            return true;
    return false;
}

bool effective_replace(char *lines, size_t size, const char *key, const char *from, const char *to)
{
    berth_cleanup(berth_freep) char *text = berth_alloc(size);
    char value[SETTING_VALUE];
    size_t length = 0;

    for (const char *line = lines; *line;) {
        size_t taken = strcspn(line, "\n");
        berth_cleanup(berth_freep) char *one = berth_alloc(taken + 1);
        const char *at = memcpy(one, line, taken);
        bool meant = effective_next_value(&at, key, value) && strcmp(value, from) == 0;

        length += (size_t)(meant ? snprintf(text + length, size - length, "%s = %s\n", key, to)
                                 : snprintf(text + length, size - length, "%s\n", one));
        if (length >= size)
            return false;
        line += taken + (line[taken] == '\n');
    }
    memcpy(lines, text, length + 1);
    return true;
}

/* Lines were checked when they were stored. Settings that this version does not know are ignored.
 */
static void apply(struct core *core, const struct row_profile *row, int64_t of,
                  int64_t ranks[EFFECTIVE_MAX], struct effective *ret)
{
    const struct subject named = profile_subject(row);
    const char *name = subject_name(core, &named);
    const char *at = row->settings;
    char key[48];
    char value[SETTING_VALUE];
    bool good;

    while (next_line(&at, key, value, &good)) {
        for (size_t i = 0; good && i < ret->count; i++) {
            struct effective_value *to = &ret->at[i];

            if (strcmp(to->row->key, key) != 0 || of < ranks[i] ||
                settings_set(&ret->settings, key, value, NULL) < 0)
                continue;
            ranks[i] = of;
            copy_text(to->value, value);
            (void)snprintf(to->level, sizeof(to->level), "%s%s%.60s",
                           profile_level_names[row->level], name[0] ? " " : "", name);
            copy_text(to->profile, row->name);
        }
    }
}

void effective_settings(struct core *core, const struct terminal *terminal, struct effective *ret)
{
    int64_t ranks[EFFECTIVE_MAX] = { 0 };
    const struct setting_row *rows = setting_rows(&ret->count);

    if (ret->count > EFFECTIVE_MAX)
        abort(); /* messages.def carries no more: a row too many in settings.def */
    settings_default(&ret->settings);
    for (size_t i = 0; i < ret->count; i++) {
        ret->at[i] = (struct effective_value){ .row = &rows[i] };
        copy_text(ret->at[i].value, rows[i].default_value);
        (void)snprintf(ret->at[i].level, sizeof(ret->at[i].level), "default");
    }
    list_each (core_all(core, ENTITY_profile), node) {
        const struct row_profile *row = &entity_at(node, profile)->row;
        int64_t of = rank(core, terminal, row);

        if (of >= 0)
            apply(core, row, of, ranks, ret);
    }
}
