/* texts.c - look up rows of texts.def. */
#include "core/texts.h"

#include <string.h>

struct text_row {
    const char *key;
    const char *english;
    const char *german;
};

static const struct text_row rows[TEXT_COUNT] = {
    [TEXT_NONE] = { "", "", "" },
#define TEXT(key_, english_, german_) [TEXT_##key_] = { #key_, english_, german_ },
#include "core/texts.def"
};

#define REFUSED "REFUSED_"
#define JOIN "JOIN_"

const char *text_in(const char *language, enum text text)
{
    if ((unsigned)text >= TEXT_COUNT)
        return "";
    return strcmp(language, "de") == 0 ? rows[text].german : rows[text].english;
}

/* The row PREFIX_CODE, where code is a symbol of errors.def; `otherwise` when there is none. */
static enum text text_of(const char *prefix, const char *code, enum text otherwise)
{
    for (size_t i = TEXT_NONE + 1; i < TEXT_COUNT; i++)
        if (strncmp(rows[i].key, prefix, strlen(prefix)) == 0 &&
            strcmp(rows[i].key + strlen(prefix), code) == 0)
            return (enum text)i;
    return otherwise;
}

const char *text_of_refusal(const char *language, const char *code, const char *words)
{
    enum text text;

    if (words[0] && strcmp(language, "de") != 0)
        return words;
    text = text_of(REFUSED, code, TEXT_NONE);
    return text == TEXT_NONE ? words : text_in(language, text);
}

const char *text_of_join(const char *language, const char *code)
{
    return text_in(language, text_of(JOIN, code, TEXT_JOIN_FAILED));
}
