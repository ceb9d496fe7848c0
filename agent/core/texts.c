/* texts.c - see texts.h. */
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
#undef TEXT
};

#define REFUSED "REFUSED_"

const char *text_in(const char *language, enum text text)
{
    if ((unsigned)text >= TEXT_COUNT)
        return "";
    return strcmp(language, "de") == 0 ? rows[text].german : rows[text].english;
}

const char *text_of_refusal(const char *language, const char *code, const char *words)
{
    if (words[0] && strcmp(language, "de") != 0)
        return words;
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        if (strncmp(rows[i].key, REFUSED, strlen(REFUSED)) == 0 &&
            strcmp(rows[i].key + strlen(REFUSED), code) == 0)
            return text_in(language, (enum text)i);
    }
    return words;
}
