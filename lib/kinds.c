/* kinds.c - names of the closed sets of kinds.def. */
#include "berth/kinds.h"

/* clang-format off */
#define KINDS(name) const char *const name##_names[] = { "",
#define KIND(name, symbol, text, sentence) text,
#define KINDS_END(name) NULL };
#include "berth/kinds.def"
#undef KINDS
#undef KIND
#undef KINDS_END

#define KINDS(name) const char *const name##_sentences[] = { "",
#define KIND(name, symbol, text, sentence) sentence,
#define KINDS_END(name) NULL };
#include "berth/kinds.def"
/* clang-format on */
