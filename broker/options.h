/* options.h - berthd's configuration as a struct, made from options.def.
 *
 * Module broker.
 */
#ifndef BERTH_OPTIONS_H
#define BERTH_OPTIONS_H

#include "berth/conf.h"

struct options {
#define OPTION(section, key, type, member, given, min, max, unit, reload, sentence) \
    CONF_MEMBER_##type(member)
#include "options.def"
#undef OPTION
};

extern const struct conf_option options_table[];
extern const size_t options_count;

/* Do the options fit together, and can the service use their paths? Errors: CONFIG, with both that
 * do not fit, or the path and the folder that its unit hides.
 */
int options_check(const struct options *options, struct berth_error *reterr) berth_must_check;

#endif
