/* texts.h - the terminal's own sentences, by language.
 *
 * Module core of the agent: pure.
 */
#ifndef BERTH_AGENT_CORE_TEXTS_H
#define BERTH_AGENT_CORE_TEXTS_H

#include "berth/base.h"

enum text {
    TEXT_NONE,
#define TEXT(key, english, german) TEXT_##key,
#include "core/texts.def"
#undef TEXT
    TEXT_COUNT
};

/* The sentence in a language of settings.def ("en", "de"); English for any other. "" for TEXT_NONE.
 */
const char *text_in(const char *language, enum text text);

/* What to show for a refusal of the broker: our own sentence for its code (a symbol of errors.def)
 * when the language is not English and there is one, else the broker's own words.
 */
const char *text_of_refusal(const char *language, const char *code, const char *words);

/* Why this terminal has not joined, for its page: our own sentence for the code (a symbol of
 * errors.def), TEXT_JOIN_FAILED's for one that has none. */
const char *text_of_join(const char *language, const char *code);

#endif
