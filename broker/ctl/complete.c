/* complete.c - completion for bash: words of commands, parameters, their values, and names from the
 * broker. */
#include <stdio.h>
#include <string.h>

#include "api/table/value.h"

#include "ctl.h"

const char ctl_completion_bash[] =
    "# bash completion for berthctl; load it with: source <(berthctl completion bash)\n"
    "_berthctl() {\n"
    "    # Bash cuts words at '=' and ':'; here only blanks cut.\n"
    "    local line=${COMP_LINE:0:COMP_POINT} words\n"
    "    read -ra words <<<\"${line#* }\"\n"
    "    [[ $line == *' ' ]] && words+=('')\n"
    "    mapfile -t COMPREPLY < <(berthctl complete -- \"${words[@]}\" 2>/dev/null)\n"
    "    if [[ ${line##* } == *=* ]]; then\n"
    "        COMPREPLY=(\"${COMPREPLY[@]#*=}\")\n"
    "    fi\n"
    "    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then\n"
    "        compopt -o nospace\n"
    "    fi\n"
    "}\n"
    "complete -F _berthctl berthctl\n";

static void offer(const char *word, const char *begun)
{
    if (strncmp(word, begun, strlen(begun)) == 0)
        (void)puts(word);
}

/* ---- words of commands ---- */

/* The next word of a command after the words so far; false when it does not begin with them, or
 * ends there. */
static bool next_word(const struct ctl *ctl, const char *words, char word[48])
{
    for (size_t i = 0; i < ctl->args; i++) {
        size_t length = strcspn(words, " ");

        if (strlen(ctl->arg[i]) != length || strncmp(words, ctl->arg[i], length) != 0)
            return false;
        words += length;
        words += strspn(words, " ");
    }
    if (!*words || *words == '{')
        return false;
    (void)snprintf(word, 48, "%.*s", (int)strcspn(words, " "), words);
    return true;
}

static bool offered_before(const struct ctl *ctl, const struct verb *verb, size_t index,
                           const char *word)
{
    char other[48];

    for (size_t i = 0; i < index; i++)
        if (next_word(ctl, verb[i].words, other) && strcmp(other, word) == 0)
            return true;
    return false;
}

/* Print the next word of every command that begins with the words so far, each once. */
static void offer_words(const struct ctl *ctl, const char *begun)
{
    size_t count;
    const struct verb *verb = verb_table(&count);
    char word[48];

    for (size_t i = 0; i < count; i++)
        if (next_word(ctl, verb[i].words, word) && !offered_before(ctl, verb, i, word))
            offer(word, begun);
}

static void offer_local(const char *begun)
{
    const char *sentence;
    const char *name;

    for (size_t i = 0; (name = ctl_local_row(i, &sentence)); i++) {
        char word[48];

        (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(name, " "), name);
        offer(word, begun);
    }
}

/* ---- names from the broker ---- */

static void offer_names(const struct ctl *ctl, enum entity_kind kind, const char *prefix,
                        const char *begun)
{
    size_t count;
    const struct verb *verb = verb_table(&count);
    struct ctl_answer answer;
    json_t *params;
    json_t *page;
    const char *field = record_field(entity_row(kind)->record, "name") ? "name" : "id";

    while (count && !(verb->plain == PLAIN_LIST && verb->entity == kind)) {
        verb++;
        count--;
    }
    if (!count)
        return;
    params = json_pack("{s:s}", "limit", "200");
    if (entity_row(kind)->can & HAS_PAST) /* not ended rows, of which there may be very many */
        (void)json_object_set_new(params, "past", json_string("no"));
    ctl_ask(ctl, verb, params, false, &answer);
    page = answer.status == 200 ? json_parse(answer.text, answer.size, 8, NULL) : NULL;
    for (size_t i = 0; i < json_array_size(json_object_get(page, "items")); i++) {
        const json_t *value =
            json_object_get(json_array_get(json_object_get(page, "items"), i), field);
        char word[256];

        if (json_is_string(value))
            (void)snprintf(word, sizeof(word), "%s%s", prefix, json_string_value(value));
        else
            (void)snprintf(word, sizeof(word), "%s%lld", prefix,
                           (long long)json_integer_value(value));
        offer(word, begun);
    }
    json_decref(page);
    json_decref(params);
    ctl_answer_free(&answer);
}

/* ---- parameters ---- */

static void offer_values(const struct ctl *ctl, const struct field *field, const char *prefix,
                         const char *begun)
{
    enum entity_kind kind = field->type == FIELD_ID ? entity_kind_of(field->refers) : ENTITY_NONE;
    char word[128];

    if (field->type == FIELD_ENUM) {
        for (size_t i = 1; field->names[i]; i++) {
            (void)snprintf(word, sizeof(word), "%s%s", prefix, field->names[i]);
            offer(word, begun);
        }
    }
    if (field->type == FIELD_BOOL) {
        (void)snprintf(word, sizeof(word), "%syes", prefix);
        offer(word, begun);
        (void)snprintf(word, sizeof(word), "%sno", prefix);
        offer(word, begun);
    }
    if (kind != ENTITY_NONE)
        offer_names(ctl, kind, prefix, begun);
}

static bool may_be_given(const struct verb *verb, const struct field *field)
{
    if (field->type == FIELD_SECRET || field->type == FIELD_LIST)
        return false;
    if (verb->plain == PLAIN_ADD || verb->plain == PLAIN_SET)
        return entity_takes(verb->entity, field);
    return verb->plain == PLAIN_NOT || verb->plain == PLAIN_LIST;
}

static void offer_params(const struct verb *verb, const char *begun)
{
    const struct record *record = ctl_record(verb);
    char shorter[48];
    char word[64];

    for (size_t i = 0; i < record->count; i++) {
        if (!may_be_given(verb, &record->fields[i]))
            continue;
        value_short_name(&record->fields[i], shorter);
        (void)snprintf(word, sizeof(word), "%s=", shorter);
        offer(word, begun);
    }
    if (verb->plain == PLAIN_LIST && entity_row(verb->entity)->can & HAS_PAST) {
        offer("before=", begun);
        offer("past=", begun);
    }
}

/* The next positional argument. */
static void offer_brace(const struct ctl *ctl, const struct verb *verb, size_t words,
                        const char *begun)
{
    const struct field *field;
    size_t given = 0;
    char name[48];

    for (size_t i = words; i < ctl->args; i++)
        given += strchr(ctl->arg[i], '=') == NULL;
    if (!verb_brace(verb->words, given, name))
        return;
    if (verb->plain) {
        if (strcmp(name, "id") == 0)
            offer_names(ctl, verb->entity, "", begun);
        return;
    }
    field = record_field(verb->params, name);
    if (field)
        offer_values(ctl, field, "", begun);
}

static void offer_value(const struct ctl *ctl, const struct verb *verb, const char *begun)
{
    size_t length = strcspn(begun, "=");
    const struct field *field;
    char prefix[64];

    if (length + 2 > sizeof(prefix))
        return;
    (void)snprintf(prefix, sizeof(prefix), "%.*s", (int)length, begun);
    field = value_field(ctl_record(verb), prefix);
    (void)snprintf(prefix, sizeof(prefix), "%.*s=", (int)length, begun);
    if (field)
        offer_values(ctl, field, prefix, begun);
}

void ctl_complete(const struct ctl *before, int argc, char *const argv[])
{
    struct ctl ctl = *before;
    const char *begun = argc ? argv[argc - 1] : "";
    const struct verb *verb;
    size_t words;

    ctl.args = 0;
    for (int i = 0; i + 1 < argc && ctl.args < CTL_ARGS_MAX; i++)
        if (argv[i][0] != '-')
            ctl.arg[ctl.args++] = argv[i];
    offer_words(&ctl, begun);
    if (ctl.args == 0)
        offer_local(begun);
    verb = ctl_verb(&ctl, &words);
    if (!verb)
        return;
    if (strchr(begun, '=')) {
        offer_value(&ctl, verb, begun);
        return;
    }
    offer_brace(&ctl, verb, words, begun);
    offer_params(verb, begun);
}
