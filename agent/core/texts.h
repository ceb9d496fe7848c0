/* texts.h - the texts that people at the terminal read, by language.
 *
 * Module core of the agent: pure. The table is texts.def.
 */
#ifndef BERTH_AGENT_CORE_TEXTS_H
#define BERTH_AGENT_CORE_TEXTS_H

#include "berth/base.h"

enum text {
    TEXT_NONE,
#define TEXT(key, english, german) TEXT_##key,
#include "core/texts.def"
    TEXT_COUNT
};

/* The text in a language of settings.def ("en", "de"), English for any other; "" for TEXT_NONE. */
const char *text_in(const char *language, enum text text);

/* The text for a refusal by the broker with this code (a symbol of errors.def) and these words,
 * which are English: the code's row in another language where there is one, else the words.
 */
const char *text_of_refusal(const char *language, const char *code, const char *words);

/* The text for a failed join with this code; TEXT_JOIN_FAILED for a code without a row. */
const char *text_of_join(const char *language, const char *code);

#endif
