/* conf.c - read a configuration by a table of options; errors say what to change. */
#include "berth/conf.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "berth/conf_value.h"

#define OPTIONS_MAX 256

struct reading {
    const struct conf_option *options;
    size_t count;
    const char *file;
    FILE *stream;
    void *out;
    int line;
    int seen[OPTIONS_MAX]; /* line on which this file gave the option */
    bool failed;
    int failed_line;
    struct berth_error *error;
};

static const struct {
    const char *text;
    bool value;
} bool_words[] = {
    { "yes", true }, { "true", true },   { "on", true },   { "1", true },
    { "no", false }, { "false", false }, { "off", false }, { "0", false },
};

static const struct conf_option *find(const struct conf_option *options, size_t count,
                                      const char *section, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(options[i].section, section) == 0 && strcmp(options[i].key, key) == 0)
            return &options[i];
    return NULL;
}

/* ---- one value ---- */

static int set_bool(const char *value, void *member)
{
    for (size_t i = 0; i < BERTH_COUNT(bool_words); i++) {
        if (strcasecmp(value, bool_words[i].text) == 0) {
            *(bool *)member = bool_words[i].value;
            return 0;
        }
    }
    return -1;
}

static int set_int(const struct conf_option *option, const char *value, void *member)
{
    char *end;
    long long number;

    errno = 0;
    number = strtoll(value, &end, 10);
    if (!*value || *end || errno != 0 || number < option->min || number > option->max)
        return -1;
    *(int64_t *)member = number;
    return 0;
}

static int set_text(const char *value, void *member)
{
    size_t length = strlen(value);

    if (length >= CONF_TEXT_MAX)
        return -1;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
            return -1;
    memset(member, 0, CONF_TEXT_MAX);
    memcpy(member, value, length);
    return 0;
}

static int set_value(const struct conf_option *option, const char *value, void *out,
                     struct berth_error *reterr)
{
    void *member = (char *)out + option->offset;
    const char *space = *option->unit ? " " : "";
    int r = -1;

    switch (option->type) {
    case CONF_BOOL:
        r = set_bool(value, member);
        break;
    case CONF_INT:
        r = set_int(option, value, member);
        break;
    case CONF_TEXT:
    case CONF_NAMES:
    case CONF_LISTEN:
    case CONF_ENDPOINTS:
    case CONF_PATH:
    case CONF_CHOICE:
        r = set_text(value, member);
        break;
    }
    if (r == 0)
        return conf_value_check(option, value, reterr);

    if (option->type == CONF_BOOL)
        return berth_fail(reterr, BERTH_E_CONFIG, "%s.%s is '%.40s', but must be yes or no",
                          option->section, option->key, value);
    if (option->type == CONF_INT)
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "%s.%s is '%.40s', but must be a whole number from %lld to %lld%s%s",
                          option->section, option->key, value, (long long)option->min,
                          (long long)option->max, space, option->unit);
    return berth_fail(
        reterr, BERTH_E_CONFIG,
        "%s.%s is '%.40s...', but must be a text of at most %d bytes without control characters",
        option->section, option->key, value, CONF_TEXT_MAX - 1);
}

/* ---- unknown names ---- */

/* A list of words separated by commas, each once, truncated to the buffer. */
static void add_word(char *list, size_t size, const char *word)
{
    size_t length = strlen(list);

    (void)snprintf(list + length, size - length, "%s%s", length ? ", " : "", word);
}

static int fail_unknown(const struct conf_option *options, size_t count, const char *section,
                        const char *key, struct berth_error *reterr)
{
    char allowed[160] = "";
    bool known_section = false;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].section, section) != 0)
            continue;
        known_section = true;
        add_word(allowed, sizeof(allowed), options[i].key);
    }
    if (known_section)
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "unknown option '%.40s' in [%s]; its options are: %s", key, section,
                          allowed);

    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(options[i].section, options[i - 1].section) != 0)
            add_word(allowed, sizeof(allowed), options[i].section);
    if (!*section)
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "'%.40s' is before the first [section]; the sections are: %s", key,
                          allowed);
    return berth_fail(reterr, BERTH_E_CONFIG, "unknown section [%.40s]; the sections are: %s",
                      section, allowed);
}

/* ---- a file ---- */

/* Parse line by line, so that errors can name the line. */
static char *read_line(char *line, int size, void *stream)
{
    struct reading *reading = stream;

    if (reading->failed || !fgets(line, size, reading->stream))
        return NULL;
    reading->line++;
    if (!strchr(line, '\n') && !feof(reading->stream)) {
        reading->failed = true;
        reading->failed_line = reading->line;
        (void)berth_fail(reading->error, BERTH_E_CONFIG, "the line is longer than %d characters",
                         size - 2);
        return NULL;
    }
    return line;
}

/* Handler for inih: 1 = success. */
static int take_option(void *user, const char *section, const char *key, const char *value)
{
    struct reading *reading = user;
    const struct conf_option *option = find(reading->options, reading->count, section, key);
    size_t index = option ? (size_t)(option - reading->options) : 0;
    int r;

    if (reading->failed)
        return 0;
    if (!option)
        r = fail_unknown(reading->options, reading->count, section, key, reading->error);
    else if (reading->seen[index])
        r = berth_fail(reading->error, BERTH_E_CONFIG, "%s.%s was given on line %d already",
                       section, key, reading->seen[index]);
    else
        r = set_value(option, value, reading->out, reading->error);
    if (option)
        reading->seen[index] = reading->line;
    if (r < 0) {
        reading->failed = true;
        reading->failed_line = reading->line;
    }
    return r == 0;
}

static int read_one(const struct conf_option *options, size_t count, const char *file,
                    bool optional, void *out, struct berth_error *reterr)
{
    struct berth_error error = { 0 };
    struct reading reading = {
        .options = options, .count = count, .file = file, .out = out, .error = &error
    };
    int r;

    reading.stream = fopen(file, "re");
    if (!reading.stream && errno == ENOENT && optional)
        return 0;
    if (!reading.stream)
        return berth_fail(reterr, BERTH_E_CONFIG, "%s: %s", file, strerror(errno));

    r = ini_parse_stream(read_line, &reading, take_option, &reading);
    if (ferror(reading.stream))
        (void)berth_fail(&error, BERTH_E_CONFIG, "cannot be read");
    else if (r > 0 && (!reading.failed || r < reading.failed_line)) {
        reading.failed_line = r;
        (void)berth_fail(&error, BERTH_E_CONFIG, "expected [section], key = value or # comment");
    }
    (void)fclose(reading.stream);
    if (error.code == 0)
        return 0;
    return berth_fail(reterr, BERTH_E_CONFIG, "%s line %d: %s", file, reading.failed_line,
                      error.text);
}

static int is_fragment(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return entry->d_name[0] != '.' && dot && strcmp(dot, ".conf") == 0;
}

/* Not alphasort(), whose order depends on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_folder(const struct conf_option *options, size_t count, const char *folder,
                       void *out, struct berth_error *reterr)
{
    struct dirent **entries = NULL;
    int found = scandir(folder, &entries, is_fragment, by_name);
    int r = 0;

    if (found < 0 && errno == ENOENT)
        return 0;
    if (found < 0)
        return berth_fail(reterr, BERTH_E_CONFIG, "%s: %s", folder, strerror(errno));

    for (int i = 0; i < found; i++) {
        char path[4096];

        if (r == 0 &&
            snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name) >= (int)sizeof(path))
            r = berth_fail(reterr, BERTH_E_CONFIG, "%s: the name is too long", folder);
        if (r == 0)
            r = read_one(options, count, path, false, out, reterr);
        free(entries[i]);
    }
    free(entries);
    return r;
}

static int set_defaults(const struct conf_option *options, size_t count, void *out,
                        struct berth_error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        int r = set_value(&options[i], options[i].default_value, out, reterr);

        if (r < 0)
            return berth_fail_in(reterr, "default");
    }
    return 0;
}

int conf_read(const struct conf_option *options, size_t count, const char *file, bool optional,
              void *out, struct berth_error *reterr)
{
    char folder[4096];
    int r;

    if (count > OPTIONS_MAX)
        return berth_fail(reterr, BERTH_E_INTERNAL, "more than %d options", OPTIONS_MAX);
    r = set_defaults(options, count, out, reterr);
    if (r < 0 || !file)
        return r;

    r = read_one(options, count, file, optional, out, reterr);
    if (r < 0)
        return r;
    if (snprintf(folder, sizeof(folder), "%s.d", file) >= (int)sizeof(folder))
        return berth_fail(reterr, BERTH_E_CONFIG, "%s: the name is too long", file);
    return read_folder(options, count, folder, out, reterr);
}

int conf_set(const struct conf_option *options, size_t count, const char *name, const char *value,
             void *out, struct berth_error *reterr)
{
    const char *dot = strchr(name, '.');
    const struct conf_option *option;
    char section[64];

    if (!dot || dot == name || (size_t)(dot - name) >= sizeof(section))
        return berth_fail(reterr, BERTH_E_CONFIG,
                          "'%.60s' is not an option name; expected section.key", name);
    (void)snprintf(section, sizeof(section), "%.*s", (int)(dot - name), name);
    option = find(options, count, section, dot + 1);
    if (!option)
        return fail_unknown(options, count, section, dot + 1, reterr);
    return set_value(option, value, out, reterr);
}

/* ---- after a reload ---- */

static size_t member_size(enum conf_type type)
{
    switch (type) {
    case CONF_BOOL:
        return sizeof(bool);
    case CONF_INT:
        return sizeof(int64_t);
    case CONF_TEXT:
    case CONF_NAMES:
    case CONF_LISTEN:
    case CONF_ENDPOINTS:
    case CONF_PATH:
    case CONF_CHOICE:
        return CONF_TEXT_MAX;
    }
    return 0;
}

void conf_reload(const struct conf_option *options, size_t count, void *now, const void *fresh,
                 void (*changed)(const struct conf_option *option, bool reloadable))
{
    for (size_t i = 0; i < count; i++) {
        size_t offset = options[i].offset;
        size_t size = member_size(options[i].type);

        if (memcmp((char *)now + offset, (const char *)fresh + offset, size) == 0)
            continue;
        if (options[i].reloadable)
            memcpy((char *)now + offset, (const char *)fresh + offset, size);
        changed(&options[i], options[i].reloadable);
    }
}

/* ---- the example file ---- */

/* conf_read() refuses lines that are longer than inih's limit. */
#define COMMENT_WIDTH 100

static void print_comment(const char *text)
{
    while (*text) {
        size_t length = strlen(text), most = COMMENT_WIDTH - strlen("# ");

        if (length > most) {
            for (length = most; length > 0 && text[length] != ' '; length--)
                ;
            length = length ? length : most;
        }
        (void)printf("# %.*s\n", (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
}

static void say_allowed(const struct conf_option *option, char *text, size_t size)
{
    switch (option->type) {
    case CONF_BOOL:
        (void)snprintf(text, size, "yes or no");
        break;
    case CONF_INT:
        (void)snprintf(text, size, "%lld to %lld%s%s", (long long)option->min,
                       (long long)option->max, *option->unit ? " " : "", option->unit);
        break;
    case CONF_TEXT:
        (void)snprintf(text, size, "text");
        break;
    case CONF_NAMES:
        (void)snprintf(text, size, "host names and numeric addresses");
        break;
    case CONF_LISTEN:
        (void)snprintf(text, size, "numeric address:port");
        break;
    case CONF_ENDPOINTS:
        (void)snprintf(text, size, "HOST:PORT");
        break;
    case CONF_PATH:
        (void)snprintf(text, size, "absolute path");
        break;
    case CONF_CHOICE:
        (void)snprintf(text, size, "one of: %s", option->unit);
        break;
    }
}

static void print_option(const struct conf_option *option)
{
    char allowed[80], text[1024];

    say_allowed(option, allowed, sizeof(allowed));
    (void)snprintf(text, sizeof(text), "%s (%s; %s)", option->sentence, allowed,
                   option->reloadable ? "takes effect on reload" : "needs a restart");
    print_comment(text);
    (void)printf("#%s = %s\n", option->key, option->default_value);
}

void conf_print(const struct conf_option *options, size_t count, const char *program)
{
    (void)printf("# Configuration of %s. Options that are commented out show the default.\n",
                 program);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(options[i].section, options[i - 1].section) != 0)
            (void)printf("\n[%s]\n", options[i].section);
        print_option(&options[i]);
    }
}
