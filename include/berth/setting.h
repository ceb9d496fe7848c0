/* setting.h - the settings of a profile: settings.def as a struct, and the check that broker and
 * agent share.
 *
 * Module shared; no I/O. The broker checks profiles with setting_check when they are changed; the
 * agent fills a whole struct settings with settings_set before it applies any of it, so that a
 * profile is applied completely or not at all.
 */
#ifndef BERTH_SETTING_H
#define BERTH_SETTING_H

#include "berth/error.h"

enum setting_kind { SETTING_BOOL, SETTING_INT, SETTING_CHOICE, SETTING_TEXT };

/* Size of a value as text, the terminating NUL included; the same as in messages.def. */
#define SETTING_VALUE 128

/* CHOICE and TEXT are stored as text. */
#define SETTING_MEMBER_BOOL(key) bool key;
#define SETTING_MEMBER_INT(key) int64_t key;
#define SETTING_MEMBER_CHOICE(key) char key[SETTING_VALUE];
#define SETTING_MEMBER_TEXT(key) char key[SETTING_VALUE];

struct settings {
#define SETTING(key, kind, default_value, allowed, unit, sentence) SETTING_MEMBER_##kind(key)
#include "berth/settings.def"
};

struct setting_row {
    const char *key;
    enum setting_kind kind;
    size_t offset;
    const char *default_value; /* default, as text */
    const char *allowed;       /* "0..86400", "en|de", or "" */
    const char *unit;
    const char *sentence;
};

/* The rows, in the order of the table. */
const struct setting_row *setting_rows(size_t *ret_count);

/* NULL when there is none. */
const struct setting_row *setting_row(const char *key);

/* Check that `key` may have `value`. Errors: NOT_FOUND (no such setting), INVALID (says what is
 * allowed). */
int setting_check(const char *key, const char *value, struct berth_error *reterr) berth_must_check;

/* Set every setting to its default. */
void settings_default(struct settings *settings);

/* Set one value from text. Errors as setting_check; nothing changes then. */
int settings_set(struct settings *settings, const char *key, const char *value,
                 struct berth_error *reterr) berth_must_check;

#endif
