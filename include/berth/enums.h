/* enums.h - the enums of enums.def and their names.
 *
 * Module shared.
 */
#ifndef BERTH_ENUMS_H
#define BERTH_ENUMS_H

#include "berth/base.h"

#define ENUM_BEGIN(name) enum name { name##_NONE,
#define ENUM_VALUE(name, symbol, text, sentence) name##_##symbol,
#define ENUM_END(name)                       \
    name##_END                               \
    }                                        \
    ;                                        \
    extern const char *const name##_names[]; \
    extern const char *const name##_sentences[];
#include "berth/enums.def"

#endif
