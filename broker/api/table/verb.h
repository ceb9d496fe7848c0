/* verb.h - everything that callers can ask of the broker, as one table.
 *
 * Module api, the part that berthctl stands on too: tables and their parameters, no I/O. The rows
 * come from verbs.def and, for the five plain verbs of every entity, from entities.def with
 * collections.def.
 *
 * To add a verb: write its row in verbs.def, then its body do_<symbol> in broker/api; nothing else.
 */
#ifndef BERTH_API_TABLE_VERB_H
#define BERTH_API_TABLE_VERB_H

#include "api/table/view.h"
#include "core/rows.h"

enum verb_method { GET, POST, PATCH, DELETE };
extern const char *const verb_method_names[];

/* Bits by role; ROLE_BIT(0) stands for nobody in particular. */
#define ROLE_BIT(role) (1u << (role))
#define FOR_ADMIN ROLE_BIT(role_ADMINISTRATOR)
#define FOR_AUDIT (FOR_ADMIN | ROLE_BIT(role_AUDITOR))
#define FOR_OPERATOR (FOR_ADMIN | ROLE_BIT(role_OPERATOR))
#define FOR_HELPDESK (FOR_OPERATOR | ROLE_BIT(role_HELPDESK))
#define FOR_EVERYBODY (FOR_HELPDESK | FOR_AUDIT)
#define FOR_ANYBODY (FOR_EVERYBODY | ROLE_BIT(0))

enum verb_flag { VERB_DRY = 1, VERB_DESTROYS = 2, VERB_SLOW = 4 };

/* What the answer is: one view, a page of views, a row or a page of rows of an entity, server-sent
 * events, plain text. */
enum verb_shape { ONE, LIST, ROW, ROWS, STREAM, TEXT };

enum verb_plain { PLAIN_NOT, PLAIN_LIST, PLAIN_SHOW, PLAIN_ADD, PLAIN_SET, PLAIN_DELETE };

/* What people may do with the rows of an entity. HAS_PAST: rows that are over stay in the file and
 * are listed, the newest first (core_keeps_history). */
enum collection_can { CAN_ADD = 1, CAN_SET = 2, CAN_DELETE = 4, HAS_PAST = 8 };
struct collection {
    unsigned can;
    const char *columns; /* of a table for people; words separated by spaces */
    const char *fields;  /* that people may give */
};
const struct collection *collection_of(enum entity_kind kind);

/* May people give this field when they add or set? */
bool collection_takes(enum entity_kind kind, const char *field);

/* The runtime facts beside the rows of an entity, or NULL. */
const struct record *collection_runtime(enum entity_kind kind);

/* clang-format off */
#define VERB(symbol, method, path, roles, flags, words, shape, view, sentence) struct verb_##symbol { char unused_;
#define VERB_END(symbol) };
#define NEED(verb, kind, member, arg, see, unit, sentence) RECORD_MEMBER_##kind(member, arg)
#define FIELD NEED
#include "api/verbs.def"
#undef VERB
#undef VERB_END
#undef NEED
#undef FIELD

enum verb_id {
#define VERB(symbol, method, path, roles, flags, words, shape, view, sentence) VERB_##symbol,
#define VERB_END(symbol)
#define NEED(verb, kind, member, arg, see, unit, sentence)
#define FIELD NEED
#include "api/verbs.def"
    VERB_SPECIALS /* ids from here on are plain verbs */
};
#undef VERB
#undef VERB_END
#undef NEED
#undef FIELD
/* clang-format on */

struct verb {
    int id;             /* place in the table; below VERB_SPECIALS also an enum verb_id */
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
    /* NULL for plain verbs: the entity's record with collection_takes */
    const struct record *params;
    const char *needs; /* names of parameters that must be given, each followed by a space */
    const char *sentence;
};

/* The whole table; verbs that are not offered (a plain verb that a collection lacks) are not in it.
 */
const struct verb *verb_table(size_t *ret_count);

/* Must this parameter be given? */
bool verb_needs(const struct verb *verb, const char *param);

/* Is it named in the path? */
bool verb_in_path(const struct verb *verb, const char *param);

/* Arguments that a path may have. */
#define VERB_BRACES 2

/* Match `segments` (already decoded, the leading slash gone) against the table. ret_values[i] is
 * the segment for the i-th brace of the path, NULL beyond the last of VERB_BRACES. Returns the
 * verb; NULL with *ret_allowed = mask of 1 << method for methods that this path has (0: no such
 * path).
 */
const struct verb *verb_route(enum verb_method method, char *const *segments, size_t count,
                              const char **ret_values, unsigned *ret_allowed);

/* Name of the i-th brace of a pattern (path or words) into `name`; false when there are fewer. */
bool verb_brace(const char *pattern, size_t index, char name[48]);

/* "image-version" for "image_version": a name as berthctl shows and accepts it. */
void verb_name_for_cli(const char *name, char out[48]);

#endif
