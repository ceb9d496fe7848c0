/* args.c - parse the command line by the table of verbs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/table/value.h"

#include "ctl.h"

#define FILE_MAX 65536

/* ---- options ---- */

struct text_option {
    const char *name;
    size_t offset;
};

static const struct text_option text_options[] = {
    { "--socket", offsetof(struct ctl, socket) },
    { "--url", offsetof(struct ctl, url) },
    { "--token-file", offsetof(struct ctl, token_file) },
    { "--ca", offsetof(struct ctl, authority) },
    { "--to", offsetof(struct ctl, to) },
    { "--count", offsetof(struct ctl, count) },
};

static const struct text_option flag_options[] = {
    { "--json", offsetof(struct ctl, json) }, { "--yes", offsetof(struct ctl, yes) },
    { "-y", offsetof(struct ctl, yes) },      { "--dry-run", offsetof(struct ctl, dry_run) },
    { "--help", offsetof(struct ctl, help) }, { "-h", offsetof(struct ctl, help) },
};

static bool take_flag(struct ctl *ctl, const char *arg)
{
    for (size_t i = 0; i < BERTH_COUNT(flag_options); i++) {
        if (strcmp(flag_options[i].name, arg) == 0) {
            *(bool *)(void *)((char *)ctl + flag_options[i].offset) = true;
            return true;
        }
    }
    return false;
}

/* Parse --name VALUE and --name=VALUE. Returns how many arguments were used. */
static int take_text(struct ctl *ctl, const char *arg, const char *next, struct berth_error *reterr)
{
    size_t length = strcspn(arg, "=");

    for (size_t i = 0; i < BERTH_COUNT(text_options); i++) {
        const char **slot = (const char **)(void *)((char *)ctl + text_options[i].offset);

        if (strncmp(text_options[i].name, arg, length) != 0 || text_options[i].name[length])
            continue;
        *slot = arg[length] == '=' ? arg + length + 1 : next;
        if (!*slot)
            return berth_fail(reterr, BERTH_E_INVALID, "%s needs a value", text_options[i].name);
        return arg[length] == '=' ? 1 : 2;
    }
    return 0;
}

/* Any other option is a parameter: --terminal T is terminal=T. */
static int take_param(struct ctl *ctl, const char *arg, const char *next,
                      struct berth_error *reterr)
{
    size_t size = strlen(arg) + (next ? strlen(next) : 0) + 2;
    char *text;

    if (arg[1] != '-')
        return berth_fail(reterr, BERTH_E_INVALID, "unknown option '%s'; see berthctl help", arg);
    if (!strchr(arg, '=') && !next)
        return berth_fail(reterr, BERTH_E_INVALID, "%s needs a value", arg);
    text = (char *)berth_alloc(size);
    if (strchr(arg, '='))
        berth_copy_text(text, size, arg + 2);
    else
        (void)snprintf(text, size, "%s=%s", arg + 2, next);
    for (char *c = text; *c && *c != '='; c++)
        *c = *c == '-' ? '_' : *c;
    ctl->expanded[ctl->expanded_count++] = text;
    ctl->arg[ctl->args++] = text;
    return strchr(arg, '=') ? 1 : 2;
}

static int take_option(struct ctl *ctl, const char *arg, const char *next,
                       struct berth_error *reterr)
{
    int taken;

    if (take_flag(ctl, arg))
        return 1;
    taken = take_text(ctl, arg, next, reterr);
    return taken ? taken : take_param(ctl, arg, next, reterr);
}

int ctl_options(struct ctl *ctl, int argc, char *const argv[], struct berth_error *reterr)
{
    bool only_arguments = false;

    for (int i = 1; i < argc;) {
        if (ctl->args == CTL_ARGS_MAX)
            return berth_fail(reterr, BERTH_E_INVALID, "more than %d arguments", CTL_ARGS_MAX);
        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
            i++;
        } else if (!only_arguments && argv[i][0] == '-' && argv[i][1]) {
            int taken = take_option(ctl, argv[i], i + 1 < argc ? argv[i + 1] : NULL, reterr);

            if (taken < 0)
                return taken;
            i += taken;
        } else {
            ctl->arg[ctl->args++] = argv[i++];
        }
    }
    return 0;
}

void ctl_clear(struct ctl *ctl)
{
    for (size_t i = 0; i < ctl->expanded_count; i++)
        free(ctl->expanded[i]);
    ctl->expanded_count = 0;
}

/* ---- which verb ---- */

/* How many words the pattern has before its first brace, if the arguments begin with them; else 0.
 */
static size_t words_matched(const struct ctl *ctl, const char *pattern)
{
    size_t words = 0;

    while (*pattern && *pattern != '{') {
        size_t length = strcspn(pattern, " ");

        if (words == ctl->args || strlen(ctl->arg[words]) != length ||
            strncmp(ctl->arg[words], pattern, length) != 0)
            return 0;
        words++;
        pattern += length;
        pattern += strspn(pattern, " ");
    }
    return words;
}

const struct verb *ctl_verb(const struct ctl *ctl, size_t *ret_words)
{
    size_t count;
    const struct verb *verb = verb_table(&count);
    const struct verb *best = NULL;

    *ret_words = 0;
    /* A special verb is before the plain one with the same words in the table, and found first. */
    for (size_t i = 0; i < count; i++) {
        size_t words = words_matched(ctl, verb[i].words);

        if (words > *ret_words) {
            *ret_words = words;
            best = &verb[i];
        }
    }
    return best;
}

const struct record *ctl_record(const struct verb *verb)
{
    return verb->plain ? entity_row(verb->entity)->record : verb->params;
}

/* ---- its parameters ---- */

/* "@settings.txt" for texts of several lines. */
static int read_file(const char *path, json_t **ret, struct berth_error *reterr)
{
    FILE *file = fopen(path, "re");
    char *text;
    size_t size;

    if (!file)
        return berth_fail(reterr, BERTH_E_INVALID, "cannot read '%s'", path);
    text = (char *)berth_alloc(FILE_MAX + 1);
    size = fread(text, 1, FILE_MAX + 1, file);
    (void)fclose(file);
    *ret = size > FILE_MAX ? NULL : json_stringn(text, size);
    free(text);
    if (!*ret)
        return berth_fail(reterr, BERTH_E_INVALID, "'%s' is not a UTF-8 text of at most %d bytes",
                          path, FILE_MAX);
    return 0;
}

static int put(const struct verb *verb, const struct field *field, const char *text, json_t *params,
               struct berth_error *reterr)
{
    json_t *value = NULL;
    int r;

    if (field->type == FIELD_SECRET)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "'%s' must not be given on the command line: berthctl asks for it, or "
                          "reads it from standard input",
                          field->name);
    if (verb->plain && (verb->plain == PLAIN_ADD || verb->plain == PLAIN_SET) &&
        !entity_takes(verb->entity, field) && strcmp(field->name, "version") != 0)
        return berth_fail(reterr, BERTH_E_INVALID, "'%s' is read-only", field->name);
    if (json_object_get(params, field->name))
        return berth_fail(reterr, BERTH_E_INVALID, "'%s' is given twice", field->name);
    if (field->type == FIELD_LINES && text[0] == '@')
        r = read_file(text + 1, &value, reterr);
    else
        r = value_from_text(field, text, &value, reterr);
    if (r == 0)
        (void)json_object_set_new(params, field->name, value);
    return r;
}

/* Parameters of a list that are not fields of the entity. */
static bool is_list_word(const struct verb *verb, const char *name)
{
    if (verb->plain != PLAIN_LIST)
        return false;
    if (entity_row(verb->entity)->can & HAS_PAST &&
        (strcmp(name, "before") == 0 || strcmp(name, "past") == 0))
        return true;
    return strcmp(name, "after") == 0 || strcmp(name, "limit") == 0 ||
           (strncmp(name, "runtime.", 8) == 0 && collection_runtime(verb->entity) &&
            value_field(collection_runtime(verb->entity), name + 8));
}

static int put_list_word(const char *name, const char *text, json_t *params,
                         struct berth_error *reterr)
{
    bool past = false;
    int r = strcmp(name, "past") == 0 ? value_yes_no(name, text, &past, reterr) : 0;

    if (r < 0)
        return r;
    if (json_object_get(params, name))
        return berth_fail(reterr, BERTH_E_INVALID, "'%s' is given twice", name);
    if (strcmp(name, "past") == 0)
        text = past ? "yes" : "no";
    (void)json_object_set_new(params, name, json_string(text));
    return 0;
}

/* Parse name=value, if `name` is a parameter of the verb. Returns 1 when it was used. */
static int take_named(const struct verb *verb, const char *arg, json_t *params,
                      struct berth_error *reterr)
{
    size_t length = strcspn(arg, "=");
    const struct field *field;
    char name[48];
    int r;

    if (!arg[length] || length == 0 || length >= sizeof(name))
        return 0;
    memcpy(name, arg, length);
    name[length] = '\0';
    for (char *c = name; *c; c++)
        *c = *c == '-' ? '_' : *c;
    if (is_list_word(verb, name)) {
        r = put_list_word(name, arg + length + 1, params, reterr);
        return r < 0 ? r : 1;
    }
    field = value_field(ctl_record(verb), name);
    if (!field)
        return 0;
    r = put(verb, field, arg + length + 1, params, reterr);
    return r < 0 ? r : 1;
}

/* Positional arguments, in the order of the braces. When fewer are given, optional ones are omitted
 * from the left: `terminal message tag=icu "text"` has a text and no terminal.
 */
static int take_braces(const struct verb *verb, const char *const *given, size_t count,
                       json_t *params, struct berth_error *reterr)
{
    size_t open = 0;
    size_t next = 0;
    char name[48];

    for (size_t i = 0; verb_brace(verb->words, i, name); i++)
        open += json_object_get(params, name) == NULL;
    for (size_t i = 0; next < count && verb_brace(verb->words, i, name); i++) {
        bool needed = verb->plain || verb_needs(verb, name);
        int r;

        if (json_object_get(params, name))
            continue;
        if (open > count - next && !needed) {
            open--;
            continue;
        }
        open--;
        if (verb->plain && strcmp(name, "id") == 0) {
            (void)json_object_set_new(params, name, json_string(given[next++]));
            continue;
        }
        r = put(verb, value_field(ctl_record(verb), name), given[next++], params, reterr);
        if (r < 0)
            return r;
    }
    if (next < count)
        return berth_fail(reterr, BERTH_E_INVALID,
                          "unexpected argument '%s'; parameters are name=value", given[next]);
    return 0;
}

static int ask_secrets(const struct verb *verb, json_t *params, struct berth_error *reterr)
{
    for (size_t i = 0; !verb->plain && i < verb->params->count; i++) {
        const struct field *field = &verb->params->fields[i];
        struct secret secret = { 0 };
        int r;

        if (field->type != FIELD_SECRET || !verb_needs(verb, field->name))
            continue;
        r = ctl_read_secret(field->name, verb->id != VERB_sign_in, &secret, reterr);
        if (r == 0)
            (void)json_object_set_new(params, field->name, json_string(secret.text));
        secret_wipe(&secret);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_missing(const struct verb *verb, const json_t *params, struct berth_error *reterr)
{
    char name[48];

    for (size_t i = 0; !verb->plain && i < verb->params->count; i++) {
        const struct field *field = &verb->params->fields[i];

        if (verb_needs(verb, field->name) && field->type != FIELD_SECRET &&
            !json_object_get(params, field->name))
            return berth_fail(reterr, BERTH_E_INVALID, "'%s' is missing: %s", field->name,
                              field->sentence);
    }
    for (size_t i = 0; verb_brace(verb->path, i, name); i++)
        if (!json_object_get(params, name))
            return berth_fail(reterr, BERTH_E_INVALID, "an argument is missing; usage: berthctl %s",
                              verb->words);
    return 0;
}

int ctl_params(const struct ctl *ctl, const struct verb *verb, size_t words, json_t **ret,
               struct berth_error *reterr)
{
    const char *plain[CTL_ARGS_MAX];
    size_t count = 0;
    json_t *params = json_object();
    int r = 0;

    for (size_t i = words; r >= 0 && i < ctl->args; i++) {
        r = take_named(verb, ctl->arg[i], params, reterr);
        if (r == 0)
            plain[count++] = ctl->arg[i];
    }
    if (r >= 0)
        r = take_braces(verb, plain, count, params, reterr);
    if (r == 0)
        r = check_missing(verb, params, reterr);
    if (r == 0)
        r = ask_secrets(verb, params, reterr);
    if (r < 0) {
        json_decref(params);
        return r;
    }
    *ret = params;
    return 0;
}
