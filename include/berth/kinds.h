/* kinds.h - the enums of kinds.def and their names.
 *
 * Room shared.
 */
#ifndef BERTH_KINDS_H
#define BERTH_KINDS_H

#include "berth/base.h"

#define KINDS(name) enum name { name##_NONE,
#define KIND(name, symbol, text, sentence) name##_##symbol,
#define KINDS_END(name)                      \
    name##_END                               \
    }                                        \
    ;                                        \
    extern const char *const name##_names[]; \
    extern const char *const name##_sentences[];
#include "berth/kinds.def"
#undef KINDS
#undef KIND
#undef KINDS_END

#endif
