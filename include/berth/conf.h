/* conf.h - configuration files (INI, by inih) described by a table of options.
 *
 * Module shared. A program's options.def has rows
 *   OPTION(section, key, TYPE, member, "default", min, max, "unit", RELOAD, "sentence")
 *   TYPE: BOOL, INT, or a text (member is char[256]) of one of the kinds of enum conf_type
 *   RELOAD: RELOAD or RESTART
 * Errors name the file, the line, the key, the value that was given and what is allowed. Files
 * *.conf in a folder FILE.d are read after FILE, in order of name.
 */
#ifndef BERTH_CONF_H
#define BERTH_CONF_H

#include "berth/error.h"

enum conf_type {
    CONF_BOOL,
    CONF_INT,
    CONF_TEXT,
    CONF_NAMES,     /* host names and numeric addresses, separated by spaces */
    CONF_LISTEN,    /* ADDRESS:PORT with a numeric address, or empty */
    CONF_ENDPOINTS, /* HOST, HOST:PORT or [ADDRESS]:PORT, separated by spaces or commas */
    CONF_PATH,      /* absolute; empty only where min is 0 */
    CONF_CHOICE     /* one of the words of `unit` */
};

struct conf_option {
    const char *section;
    const char *key;
    enum conf_type type;
    size_t offset;
    const char *default_value; /* default, as text */
    int64_t min, max;          /* INT; PATH: a min of 1 forbids the empty path */
    const char *unit;          /* of an INT; CHOICE: its words, separated by spaces */
    bool reloadable;           /* takes effect on reload */
    const char *sentence;
};

#define CONF_TEXT_MAX 256

/* The member of the program's struct that an option is stored in, by its type in the table. */
#define CONF_MEMBER_BOOL(member) bool member;
#define CONF_MEMBER_INT(member) int64_t member;
#define CONF_MEMBER_TEXT(member) char member[CONF_TEXT_MAX];
#define CONF_MEMBER_NAMES(member) CONF_MEMBER_TEXT(member)
#define CONF_MEMBER_LISTEN(member) CONF_MEMBER_TEXT(member)
#define CONF_MEMBER_ENDPOINTS(member) CONF_MEMBER_TEXT(member)
#define CONF_MEMBER_PATH(member) CONF_MEMBER_TEXT(member)
#define CONF_MEMBER_CHOICE(member) CONF_MEMBER_TEXT(member)

/* Fill *out with the defaults, then from `file` and from the files *.conf of FILE.d. A missing
 * `file` is an error unless `optional`. */
int conf_read(const struct conf_option *options, size_t count, const char *file, bool optional,
              void *out, struct berth_error *reterr) berth_must_check;

/* Set one option from text ("section.key", "value"): for the program's and the kernel's command
 * line. */
int conf_set(const struct conf_option *options, size_t count, const char *name, const char *value,
             void *out, struct berth_error *reterr) berth_must_check;

/* After a reload: copy the reloadable options of `fresh` into `now`. Calls `changed` for each
 * option that differs, with reloadable = false for those that take effect after a restart.
 */
void conf_reload(const struct conf_option *options, size_t count, void *now, const void *fresh,
                 void (*changed)(const struct conf_option *option, bool reloadable));

/* Print a commented example file made from the table; conf_read() accepts it unchanged. */
void conf_print(const struct conf_option *options, size_t count, const char *program);

#endif
