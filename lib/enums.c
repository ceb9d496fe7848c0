/* enums.c - names of the closed sets of enums.def. */
#include "berth/enums.h"

/* clang-format off */
#define ENUM_BEGIN(name) const char *const name##_names[] = { "",
#define ENUM_VALUE(name, symbol, text, sentence) text,
#define ENUM_END(name) NULL };
#include "berth/enums.def"

#define ENUM_BEGIN(name) const char *const name##_sentences[] = { "",
#define ENUM_VALUE(name, symbol, text, sentence) sentence,
#define ENUM_END(name) NULL };
#include "berth/enums.def"
/* clang-format on */
