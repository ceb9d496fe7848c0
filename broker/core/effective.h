/* effective.h - the settings that apply to a terminal, each with the level it came from.
 *
 * Module core. Profiles set values at levels. The narrower level wins (everywhere, site, place,
 * tag, terminal; of places the longer path), within one level the higher priority, then the higher
 * id. Settings that no profile sets have the default of settings.def.
 */
#ifndef BERTH_CORE_EFFECTIVE_H
#define BERTH_CORE_EFFECTIVE_H

#include "berth/setting.h"

#include "core/terminal.h"

#define EFFECTIVE_MAX 32

DEFINE_ENTITY(profile)

struct effective_value {
    const struct setting_row *row;
    char value[SETTING_VALUE];
    char level[80];   /* for display: "place ward-3", "default" */
    char profile[64]; /* the profile that sets it, "" for a default */
};

struct effective {
    size_t count;
    struct effective_value at[EFFECTIVE_MAX]; /* in the order of settings.def */
    struct settings settings;                 /* the same, as values */
};

/* All settings as they apply to this terminal now. *ret is large: allocate it. */
void effective_settings(struct core *core, const struct terminal *terminal, struct effective *ret);

/* Check the lines of a profile. Errors: INVALID naming line and reason, NOT_FOUND (no such
 * setting). */
int effective_check(const char *lines, struct berth_error *reterr) berth_must_check;

/* The next value that the lines at *at set for `key`; *at advances. False when there is none. */
bool effective_next_value(const char **at, const char *key, char value[SETTING_VALUE]);
/* Do the lines set `key` to this value? */
bool effective_has_value(const char *lines, const char *key, const char *value);
/* Set `key` to `to` wherever it is `from`. False: the lines would not fit into `size` and are
 * unchanged. */
bool effective_replace(char *lines, size_t size, const char *key, const char *from, const char *to);

#endif
