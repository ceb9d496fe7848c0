/* options.h - berth-agent's configuration as a struct, made from options.def.
 *
 * Module agent. Read by main with conf_read and conf_set (berth/conf.h).
 */
#ifndef BERTH_AGENT_OPTIONS_H
#define BERTH_AGENT_OPTIONS_H

#include "berth/conf.h"

struct agent_options {
#define OPTION(section, key, type, member, given, min, max, unit, reload, sentence) \
    CONF_MEMBER_##type(member)
#include "options.def"
};

extern const struct conf_option agent_options_table[];
extern const size_t agent_options_count;

/* Replace empty values by their defaults from the environment (display, authority, greeter, control
 * socket) and "none" by "". Errors: CONFIG.
 */
int agent_options_complete(struct agent_options *options,
                           struct berth_error *reterr) berth_must_check;

/* Path of the running executable. */
const char *agent_executable_path(void);

#endif
