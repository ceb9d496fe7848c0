/* conf_value.h - is a text what an option of a configuration takes (conf.h)?
 *
 * Module shared. Whatever is wrong with it is found when the file is read, where file and line are
 * known, and not by whoever uses it later.
 */
#ifndef BERTH_CONF_VALUE_H
#define BERTH_CONF_VALUE_H

#include "berth/conf.h"

/* Does `value` fit a NAMES, LISTEN, ENDPOINTS, PATH or CHOICE? If not, the error names the option,
 * what was given and what is expected. Errors: CONFIG.
 */
int conf_value_check(const struct conf_option *option, const char *value,
                     struct berth_error *reterr) berth_must_check;

#endif
