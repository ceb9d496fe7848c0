/* options.h - berthd's configuration as a struct, made from options.def.
 *
 * Room house.
 */
#ifndef BERTH_OPTIONS_H
#define BERTH_OPTIONS_H

#include "berth/conf.h"

#define CONF_MEMBER_BOOL(member) bool member;
#define CONF_MEMBER_INT(member) int64_t member;
#define CONF_MEMBER_TEXT(member) char member[CONF_TEXT_MAX];

struct options {
#define OPTION(section, key, type, member, given, min, max, unit, reload, sentence) \
    CONF_MEMBER_##type(member)
#include "options.def"
#undef OPTION
};

extern const struct conf_option options_table[];
extern const size_t options_count;

#endif
