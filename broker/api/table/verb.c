/* verb.c - the table of verbs, made from verbs.def, entities.def and collections.def. */
#include "api/table/verb.h"

#include <string.h>

const char *const verb_method_names[] = { "GET", "POST", "PATCH", "DELETE", NULL };

/* clang-format off */
#define COLLECTION(entity, columns) [ENTITY_##entity] = (columns),
static const char *const collection_table[ENTITY_KINDS] = {
#include "api/collections.def"
};

/* ---- parameters of the special verbs ---- */
#define VERB(symbol, method, path, roles, flags, words, shape, view, sentence)                     \
    static const struct field symbol##_fields[] = {
#define VERB_END(symbol) { .name = NULL } };
#define NEED(verb, kind, member, arg, see, unit, sentence)                                         \
    RECORD_FIELD_ROW(struct verb_##verb, kind, member, arg, see, unit, sentence)
#include "api/verbs.def"

#define VERB(symbol, method, path, roles, flags, words, shape, view, sentence) \
    static const struct record symbol##_params = RECORD_OF(symbol, sentence, struct verb_##symbol, 1);
#include "api/verbs.def"

#define VERB(symbol, method, path, roles, flags, words, shape, view, sentence)                     \
    static const char symbol##_needs[] =
#define VERB_END(symbol) "";
#define NEED(verb, kind, member, arg, see, unit, sentence) #member " "
#define FIELD(verb, kind, member, arg, see, unit, sentence)
#include "api/verbs.def"

/* ---- the rows ---- */
#define VIEW_OF_ONE(view) &view_##view##_record
#define VIEW_OF_LIST(view) &view_##view##_record
#define VIEW_OF_STREAM(view) &view_##view##_record
#define VIEW_OF_TEXT(view) NULL
#define VIEW_OF_ROW(entity) NULL
#define ENTITY_OF_ONE(view) ENTITY_NONE
#define ENTITY_OF_LIST(view) ENTITY_NONE
#define ENTITY_OF_STREAM(view) ENTITY_NONE
#define ENTITY_OF_TEXT(view) ENTITY_NONE
#define ENTITY_OF_ROW(entity) ENTITY_##entity

#define VERB(symbol_, method_, path_, roles_, flags_, words_, shape_, view_, sentence_)            \
    { .id = VERB_##symbol_, .symbol = #symbol_, .method = (method_), .path = (path_),              \
      .roles = (roles_), .flags = (flags_), .words = (words_), .shape = (shape_),                  \
      .view = VIEW_OF_##shape_(view_), .entity = ENTITY_OF_##shape_(view_),                        \
      .params = &symbol_##_params, .needs = symbol_##_needs, .sentence = (sentence_) },
static const struct verb specials[] = {
#include "api/verbs.def"
};

#define PLAIN(name, kind_, method_, path_, flags_, words_, shape_, sentence_)                      \
    { .symbol = #name "_" words_, .method = (method_), .path = (path_), .flags = (flags_),         \
      .words = (words_), .shape = (shape_), .entity = ENTITY_##name, .plain = (kind_),             \
      .needs = "", .sentence = (sentence_) },
#define ENTITY(name, table, write, can, sentence)                                                  \
    PLAIN(name, PLAIN_LIST, GET, "/v1/" table, 0, "list", ROWS, "list: " sentence)                 \
    PLAIN(name, PLAIN_SHOW, GET, "/v1/" table "/{id}", 0, "show", ROW, "show one: " sentence)      \
    PLAIN(name, PLAIN_ADD, POST, "/v1/" table, 0, "add", ROW, "make one: " sentence)               \
    PLAIN(name, PLAIN_SET, PATCH, "/v1/" table "/{id}", 0, "set", ROW, "change one: " sentence)    \
    PLAIN(name, PLAIN_DELETE, DELETE, "/v1/" table "/{id}", VERB_DRY | VERB_DESTROYS, "delete",    \
          ONE, "delete one: " sentence)
static const struct verb plains[] = {
#include "core/entities.def"
};
/* clang-format on */

#define TABLE_MAX (BERTH_COUNT(specials) + BERTH_COUNT(plains))

static struct verb table[TABLE_MAX];
static char plain_words[TABLE_MAX][80];
static size_t table_count;

/* Is `name` one of the words in `list`? */
static bool word_in(const char *list, const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || strchr(name, ' '))
        return false;
    for (const char *at = list; (at = strstr(at, name)) != NULL; at += length) {
        bool begins = at == list || at[-1] == ' ';

        if (begins && (at[length] == ' ' || at[length] == '\0'))
            return true;
    }
    return false;
}

const char *collection_columns(enum entity_kind kind)
{
    return collection_table[kind];
}

const struct record *collection_runtime(enum entity_kind kind)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "%s_runtime", entity_row(kind)->name);
    return view_named(name);
}

/* Admins and tokens are visible to administrators and auditors only. */
static unsigned roles_of(const struct verb *verb)
{
    bool keys = verb->entity == ENTITY_admin || verb->entity == ENTITY_token;

    if (verb->plain == PLAIN_LIST || verb->plain == PLAIN_SHOW)
        return keys ? FOR_AUDIT : FOR_EVERYBODY;
    return entity_row(verb->entity)->write == BY_ADMIN ? FOR_ADMIN : FOR_OPERATOR;
}

static bool is_offered(const struct verb *verb)
{
    unsigned can = entity_row(verb->entity)->can;

    switch (verb->plain) {
    case PLAIN_ADD:
        return can & CAN_ADD;
    case PLAIN_SET:
        return can & CAN_SET;
    case PLAIN_DELETE:
        return can & CAN_DELETE;
    case PLAIN_NOT:
    case PLAIN_LIST:
    case PLAIN_SHOW:
        return true;
    }
    return false;
}

/* The argument of a plain add is the name of the new entity, if it has one. */
static const char *words_of(const struct verb *verb, char out[80])
{
    char name[48];
    bool named = record_field(entity_row(verb->entity)->record, "name") != NULL;
    const char *argument = " {id}";

    verb_name_for_cli(entity_row(verb->entity)->name, name);
    if (verb->plain == PLAIN_LIST)
        argument = "";
    if (verb->plain == PLAIN_ADD)
        argument = named ? " {name}" : "";
    (void)snprintf(out, 80, "%s %s%s", name, verb->words, argument);
    return out;
}

static void table_fill(void)
{
    memcpy(table, specials, sizeof(specials));
    table_count = BERTH_COUNT(specials);
    for (size_t i = 0; i < BERTH_COUNT(plains); i++) {
        struct verb *verb = &table[table_count];

        if (!is_offered(&plains[i]))
            continue;
        *verb = plains[i];
        verb->id = (int)table_count;
        verb->roles = roles_of(verb);
        verb->words = words_of(verb, plain_words[table_count]);
        if (verb->plain == PLAIN_DELETE)
            verb->view = &view_result_record;
        if (verb->plain == PLAIN_ADD && record_field(entity_row(verb->entity)->record, "name"))
            verb->needs = "name ";
        table_count++;
    }
}

const struct verb *verb_table(size_t *ret_count)
{
    if (!table_count)
        table_fill();
    *ret_count = table_count;
    return table;
}

bool verb_needs(const struct verb *verb, const char *param)
{
    return word_in(verb->needs, param);
}

bool verb_brace(const char *pattern, size_t index, char name[48])
{
    const char *at = pattern;
    const char *end;
    size_t length;

    for (size_t i = 0; (at = strchr(at, '{')) != NULL; i++, at++) {
        if (i != index)
            continue;
        end = strchr(at, '}');
        length = end ? (size_t)(end - at) - 1 : 0;
        if (!length || length >= 48)
            return false;
        memcpy(name, at + 1, length);
        name[length] = '\0';
        return true;
    }
    return false;
}

bool verb_in_path(const struct verb *verb, const char *param)
{
    char name[48];

    for (size_t i = 0; verb_brace(verb->path, i, name); i++)
        if (strcmp(name, param) == 0)
            return true;
    return false;
}

/* Does a pattern match? Fixed segments must be equal, braces match any non-empty segment. */
static bool matches(const char *path, char *const *segments, size_t count, const char **ret_values)
{
    const char *at = path + 1;
    size_t values = 0;

    for (size_t i = 0; i < count; i++) {
        size_t length = strcspn(at, "/");

        if (!length)
            return false;
        if (*at == '{') {
            if (segments[i][0] == '\0' || values == VERB_BRACES)
                return false;
            ret_values[values++] = segments[i];
        } else if (strncmp(at, segments[i], length) != 0 || segments[i][length] != '\0') {
            return false;
        }
        at += length;
        if (*at == '/')
            at++;
        else if (i + 1 < count)
            return false;
    }
    return *at == '\0';
}

const struct verb *verb_route(enum verb_method method, char *const *segments, size_t count,
                              const char **ret_values, unsigned *ret_allowed)
{
    size_t verbs;
    const struct verb *verb = verb_table(&verbs);
    const struct verb *found = NULL;

    *ret_allowed = 0;
    for (size_t i = 0; i < verbs; i++) {
        const char *values[VERB_BRACES] = { NULL };

        if (!matches(verb[i].path, segments, count, values))
            continue;
        *ret_allowed |= 1u << verb[i].method;
        if (verb[i].method != method || found)
            continue;
        found = &verb[i];
        memcpy(ret_values, values, sizeof(values));
    }
    return found;
}

void verb_name_for_cli(const char *name, char out[48])
{
    size_t i;

    for (i = 0; name[i] && i < 47; i++)
        out[i] = name[i] == '_' ? '-' : name[i];
    out[i] = '\0';
}
