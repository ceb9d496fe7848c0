/* options.h - berthd's configuration as a struct, made from options.def.
 *
 * Module broker. lib/conf reads the file into it by options_table.
 */
#ifndef BERTH_OPTIONS_H
#define BERTH_OPTIONS_H

#include "berth/conf.h"

struct options {
#define OPTION(section, key, type, member, given, min, max, unit, reload, sentence) \
    CONF_MEMBER_##type(member)
#include "options.def"
};

extern const struct conf_option options_table[];
extern const size_t options_count;

/* Check what no option can tell by itself: that options fit together, and that the service can keep
 * what it writes to their paths.
 *
 * Errors: CONFIG, naming both options that do not fit, or the option, its path and the folder that
 * the unit hides.
 */
int options_check(const struct options *options, struct berth_error *reterr) berth_must_check;

#endif
