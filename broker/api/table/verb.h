/* verb.h - all operations of the management API, as one table.
 *
 * Module api, the part that berthctl uses as well: tables and parameters, no I/O. The rows are made
 * from verbs.def and, for the five plain verbs of every entity, from entities.def and
 * collections.def.
 *
 * To add a verb: a row in verbs.def, and its function do_<symbol> in broker/api.
 */
#ifndef BERTH_API_TABLE_VERB_H
#define BERTH_API_TABLE_VERB_H

#include "api/table/view.h"
#include "core/rows.h"

enum verb_method { GET, POST, PATCH, DELETE };
extern const char *const verb_method_names[];

/* Masks of roles; ROLE_BIT(0): callers without a role (not signed in). */
#define ROLE_BIT(role) (1u << (role))
#define FOR_ADMIN ROLE_BIT(role_ADMINISTRATOR)
#define FOR_AUDIT (FOR_ADMIN | ROLE_BIT(role_AUDITOR))
#define FOR_OPERATOR (FOR_ADMIN | ROLE_BIT(role_OPERATOR))
#define FOR_HELPDESK (FOR_OPERATOR | ROLE_BIT(role_HELPDESK))
#define FOR_EVERYBODY (FOR_HELPDESK | FOR_AUDIT)
#define FOR_ANYBODY (FOR_EVERYBODY | ROLE_BIT(0))

enum verb_flag { VERB_DRY = 1, VERB_DESTROYS = 2, VERB_SLOW = 4 };

/* The answer: one view, a page of views, a row or a page of rows of an entity, server-sent events,
 * plain text. */
enum verb_shape { ONE, LIST, ROW, ROWS, STREAM, TEXT };

enum verb_plain { PLAIN_NOT, PLAIN_LIST, PLAIN_SHOW, PLAIN_ADD, PLAIN_SET, PLAIN_DELETE };

/* The columns of an entity in berthctl's table, separated by spaces. */
const char *collection_columns(enum entity_kind kind);

/* The record of the runtime facts of an entity, or NULL. */
const struct record *collection_runtime(enum entity_kind kind);

/* clang-format off */
#define VERB(symbol, method, path, roles, flags, words, shape, view, sentence) struct verb_##symbol { char unused_;
#define VERB_END(symbol) };
#define NEED(verb, kind, member, arg, see, unit, sentence) RECORD_MEMBER_##kind(member, arg)
#include "api/verbs.def"

enum verb_id {
#define VERB(symbol, method, path, roles, flags, words, shape, view, sentence) VERB_##symbol,
#include "api/verbs.def"
    VERB_SPECIALS /* ids from here on are plain verbs */
};
/* clang-format on */

struct verb {
    int id;             /* index in the table; below VERB_SPECIALS also an enum verb_id */
    const char *symbol; /* "terminal_invite", "pool_add" */
    enum verb_method method;
    const char *path; /* "/v1/pools/{pool}/status"; plain verbs have {id} */
    unsigned roles;
    unsigned flags;
    const char *words; /* "terminal invite {terminal}" */
    enum verb_shape shape;
    const struct record *view; /* ONE and LIST */
    enum entity_kind entity;   /* ROW and ROWS, and all plain verbs */
    enum verb_plain plain;
    /* NULL for plain verbs: the fields of the entity's record that entity_takes */
    const struct record *params;
    const char *needs; /* names of required parameters, each followed by a space */
    const char *sentence;
};

/* The whole table, without the plain verbs that a collection does not offer. */
const struct verb *verb_table(size_t *ret_count);

/* Is this parameter required? */
bool verb_needs(const struct verb *verb, const char *param);

/* Is this parameter in the path? */
bool verb_in_path(const struct verb *verb, const char *param);

/* Largest number of parameters in a path. */
#define VERB_BRACES 2

/* Find the verb for `segments` (decoded, without the leading slash). ret_values[i], of VERB_BRACES,
 * is the segment for the i-th brace of the path, or NULL. Returns the verb, or NULL with
 * *ret_allowed = mask of 1 << method for the methods of this path (0: no such path).
 */
const struct verb *verb_route(enum verb_method method, char *const *segments, size_t count,
                              const char **ret_values, unsigned *ret_allowed);

/* Copy the name of the i-th brace of a pattern (path or words) to `name`; false when there are
 * fewer. */
bool verb_brace(const char *pattern, size_t index, char name[48]);

/* "image-version" for "image_version": a name as berthctl shows and accepts it. */
void verb_name_for_cli(const char *name, char out[48]);

#endif
