/* help.c - help, made from the table of verbs. */
#include <string.h>

#include "api/table/value.h"

#include "ctl.h"

static const char head[] =
    "berthctl - manage a Berth broker\n"
    "\n"
    "usage: berthctl [options] COMMAND [arguments] [name=value ...]\n"
    "\n"
    "Entities are given by name or by number. A parameter is name=value or --name value.\n"
    "A value @FILE is read from a file, for parameters with several lines.\n"
    "berthctl asks for passwords, or reads them from standard input; never give them as "
    "arguments.\n"
    "\n";

static const char options[] =
    "\noptions:\n"
    "  --socket PATH      Unix socket of the broker (BERTH_SOCKET, /run/berth/berthd.sock)\n"
    "  --url URL          a broker elsewhere, https://HOST:PORT\n"
    "  --ca FILE          PEM file of the CA that issued its certificate\n"
    "  --token-file FILE  file with a token; sign-in writes it there\n"
    "  --json             answers as JSON, for programs\n"
    "  --dry-run          only print what would happen\n"
    "  --yes, -y          do not ask for confirmation\n"
    "  --count N          watch: end after so many events\n"
    "\nexit codes:\n"
    "  0 done   1 refused or failed   2 wrong command line   3 no broker answers   4 not found\n"
    "  5 not permitted   6 changed meanwhile, exists already or not in this state   7 try again "
    "later\n";

/* Length of the first word of a command. */
static size_t topic_length(const char *words)
{
    return strcspn(words, " ");
}

static bool is_first_of_topic(const struct verb *verb, size_t index)
{
    size_t length = topic_length(verb[index].words);

    for (size_t i = 0; i < index; i++)
        if (topic_length(verb[i].words) == length &&
            strncmp(verb[i].words, verb[index].words, length) == 0)
            return false;
    return true;
}

/* Is the plain verb hidden by a special one with the same words? */
static bool is_hidden(const struct verb *verb, size_t index)
{
    size_t length = strcspn(verb[index].words, "{");

    for (size_t i = 0; i < index; i++)
        if (strcspn(verb[i].words, "{") == length &&
            strncmp(verb[i].words, verb[index].words, length) == 0)
            return true;
    return false;
}

/* The verbs of a topic on one line: "pool  list show add set delete status recompose". */
static void print_topic(FILE *out, const struct verb *verb, size_t count, const char *words)
{
    size_t length = topic_length(words);

    (void)fprintf(out, "  %-16.*s", (int)length, words);
    for (size_t i = 0; i < count; i++) {
        const char *rest = verb[i].words + length;
        size_t end;

        if (topic_length(verb[i].words) != length || strncmp(verb[i].words, words, length) != 0)
            continue;
        rest += strspn(rest, " ");
        end = strcspn(rest, "{");
        while (end && rest[end - 1] == ' ')
            end--;
        if (end && !is_hidden(verb, i))
            (void)fprintf(out, " %.*s", (int)end, rest);
        if (!end)
            (void)fprintf(out, " %s", verb[i].sentence);
    }
    (void)fputc('\n', out);
}

void ctl_help(FILE *out)
{
    size_t count;
    const struct verb *verb = verb_table(&count);
    const char *sentence;
    const char *name;

    (void)fputs(head, out);
    (void)fputs("commands (for details: berthctl help COMMAND):\n", out);
    for (size_t i = 0; i < count; i++)
        if (is_first_of_topic(verb, i))
            print_topic(out, verb, count, verb[i].words);
    (void)fputs("\ncommands that need no broker:\n", out);
    for (size_t i = 0; (name = ctl_local_row(i, &sentence)); i++)
        (void)fprintf(out, "  %-28s %s\n", name, sentence);
    (void)fputs(options, out);
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* "pool status POOL" for "pool status {pool}". */
static void print_words(FILE *out, const char *words)
{
    bool argument = false;

    for (; *words; words++) {
        bool brace = *words == '{' || *words == '}';

        if (brace)
            argument = *words == '{';
        else
            (void)fprintf(out, "%c", argument ? upper(*words) : *words);
    }
}

static void print_param(FILE *out, const struct field *field, const char *more)
{
    char shorter[48];

    value_short_name(field, shorter);
    (void)fprintf(out, "    %-20s %s%s%s%s\n", shorter, field->sentence,
                  field->unit[0] ? ", in " : "", field->unit, more);
    if (field->type != FIELD_ENUM)
        return;
    (void)fprintf(out, "    %-20s one of:", "");
    for (size_t i = 1; field->names[i]; i++)
        (void)fprintf(out, " %s", field->names[i]);
    (void)fputc('\n', out);
}

static void print_paging(FILE *out, bool past)
{
    (void)fprintf(out, "    %-20s one page of at most so many rows, up to 200\n", "limit");
    (void)fprintf(out, "    %-20s only rows after this number, in order of number\n", "after");
    if (!past)
        return;
    (void)fprintf(out, "    %-20s only rows before this number, newest first\n", "before");
    (void)fprintf(out,
                  "    %-20s yes: only ended rows; no: only open rows; not given: all open rows,\n"
                  "    %-20s then one page of ended ones. With --json `next` is the `before` of\n"
                  "    %-20s the next page of ended rows, or null\n",
                  "past", "", "");
}

static void print_params(FILE *out, const struct verb *verb)
{
    const struct record *record = ctl_record(verb);
    bool row = verb->plain == PLAIN_ADD || verb->plain == PLAIN_SET;

    if (verb->plain == PLAIN_LIST) {
        (void)fputs("    any field, or runtime.x, as name=value: only rows with this value\n", out);
        print_paging(out, entity_row(verb->entity)->can & HAS_PAST);
        return;
    }
    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];

        if (verb->plain && !(row && entity_takes(verb->entity, field)))
            continue;
        print_param(out, field, field->type == FIELD_SECRET ? " (asked for)" : "");
    }
}

void ctl_help_verb(FILE *out, const struct verb *verb)
{
    (void)fputs("berthctl ", out);
    print_words(out, verb->words);
    (void)fprintf(out, "\n  %s\n", verb->sentence);
    print_params(out, verb);
    (void)fputs("    for: ", out);
    for (int role = 1; role < role_END; role++)
        if (verb->roles & ROLE_BIT(role))
            (void)fprintf(out, "%s ", role_names[role]);
    if (verb->flags & VERB_DRY)
        (void)fputs("; has --dry-run", out);
    (void)fputc('\n', out);
}

bool ctl_help_about(FILE *out, const char *word)
{
    size_t count;
    const struct verb *verb = verb_table(&count);
    size_t length = strlen(word);
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        if (topic_length(verb[i].words) != length || strncmp(verb[i].words, word, length) != 0 ||
            is_hidden(verb, i))
            continue;
        if (found)
            (void)fputc('\n', out);
        ctl_help_verb(out, &verb[i]);
        found = true;
    }
    return found;
}
