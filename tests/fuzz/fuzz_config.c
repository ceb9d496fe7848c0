/* fuzz_config.c - any bytes as berthd's configuration file: valid options within their bounds, or
 * an error. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "options.h"

/* One text of a kind that cannot be empty, relative, or another word than the table's. */
static bool text_holds(const struct conf_option *option, const char *text)
{
    char words[CONF_TEXT_MAX], word[CONF_TEXT_MAX];

    if (!memchr(text, '\0', CONF_TEXT_MAX))
        return false;
    if (option->type == CONF_PATH)
        return text[0] == '/' || (!text[0] && option->min == 0);
    (void)snprintf(words, sizeof(words), " %s ", option->unit);
    (void)snprintf(word, sizeof(word), " %.250s ", text);
    return option->type != CONF_CHOICE || strstr(words, word);
}

static bool holds(const struct conf_option *option, const struct options *options)
{
    const char *member = (const char *)options + option->offset;
    int64_t number;
    unsigned char flag;

    switch (option->type) {
    case CONF_BOOL:
        memcpy(&flag, member, sizeof(flag));
        return flag <= 1;
    case CONF_INT:
        memcpy(&number, member, sizeof(number));
        return number >= option->min && number <= option->max;
    case CONF_TEXT:
    case CONF_NAMES:
    case CONF_LISTEN:
    case CONF_ENDPOINTS:
    case CONF_PATH:
    case CONF_CHOICE:
        return text_holds(option, member);
    }
    return false;
}

static void check(const struct options *options)
{
    struct berth_error error = { 0 };

    for (size_t i = 0; i < options_count; i++) {
        if (!holds(&options_table[i], options))
            abort();
    }
    if (options_check(options, &error) < 0 && (error.code != BERTH_E_CONFIG || !error.text[0]))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options options;
    struct berth_error error = { 0 };
    char path[64];
    int file = memfd_create("config", MFD_CLOEXEC);
    int r;

    if (file < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    r = conf_read(options_table, options_count, path, false, &options, &error);
    (void)close(file);
    if (r == 0)
        check(&options);
    else if (error.code != BERTH_E_CONFIG || !strstr(error.text, "line "))
        abort();
    return 0;
}
