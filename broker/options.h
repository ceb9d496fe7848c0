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
#define CONF_MEMBER_NAMES(member) CONF_MEMBER_TEXT(member)
#define CONF_MEMBER_LISTEN(member) CONF_MEMBER_TEXT(member)
#define CONF_MEMBER_ENDPOINTS(member) CONF_MEMBER_TEXT(member)
#define CONF_MEMBER_PATH(member) CONF_MEMBER_TEXT(member)
#define CONF_MEMBER_WORD(member) CONF_MEMBER_TEXT(member)

struct options {
#define OPTION(section, key, type, member, given, min, max, unit, reload, sentence) \
    CONF_MEMBER_##type(member)
#include "options.def"
#undef OPTION
};

extern const struct conf_option options_table[];
extern const size_t options_count;

/* Do the options fit together? Errors: CONFIG, with both that do not. */
int options_check(const struct options *options, struct berth_error *reterr) berth_must_check;

#endif
