/* conf_value.h - check the value of a configuration option (conf.h).
 *
 * Module shared. Values are checked when the file is read, where file and line are known, and not
 * when they are used.
 */
#ifndef BERTH_CONF_VALUE_H
#define BERTH_CONF_VALUE_H

#include "berth/conf.h"

/* Check a value of type NAMES, LISTEN, ENDPOINTS, PATH or CHOICE. Errors: CONFIG, naming the
 * option, the value that was given and what is expected.
 */
int conf_value_check(const struct conf_option *option, const char *value,
                     struct berth_error *reterr) berth_must_check;

#endif
