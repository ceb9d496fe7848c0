/* record.h - structs described by the rows of a table.
 *
 * Module shared. Thread: any; no state. A .def file lists records and their fields once. It is
 * included several times, with other macros each time, to make the C struct and the array of field
 * descriptions. From the descriptions come JSON in and out (link, REST, berth-virt), SQL columns,
 * OpenAPI schemas and the tables of berthctl, so that they cannot disagree.
 *
 * Grammar of such a file. The macros around the fields are called ENTITY, MESSAGE, VIEW, LINE ...,
 * by what the file describes:
 *
 *   RECORD(name, "sentence")
 *   FIELD(name, TYPE, field, arg, SEE, "unit", "sentence")
 *   LIST(name, field, sub, capacity, SEE, "sentence")
 *   RECORD_END(name)
 *
 * As every table of this project, it undefines its macros at its end, and those that the includer
 * may leave out expand to nothing then.
 *
 *   TYPE    arg                        C member
 *   BOOL    0                          bool
 *   INT     largest value              int64_t, 0 <= x <= arg
 *   TIME    0                          int64_t, wall-clock milliseconds since 1970, 0 = never
 *   ID      record it refers to, or 0  uint64_t, 0 = none
 *   IDS     record they refer to       char[RECORD_IDS_SIZE], ids separated by spaces; described
 *                                      as a TEXT with `refers`
 *   TEXT    size of the buffer         char[arg], UTF-8 without control characters, NUL-terminated
 *   LINES   size of the buffer         char[arg], as TEXT, but line feeds and tabs are allowed
 *                                      (PEM, JSON, messages)
 *   ENUM    name of the enum           enum arg; the names are arg##_names[]
 *   SECRET  0                          struct secret
 *
 *   LIST    size_t <field>_count, and an array of `capacity` structs of the record `sub`
 *
 *   SEE     who may see the field in answers: SEE_ALL, SEE_OPERATOR (operators and administrators),
 *           SEE_ADMIN, SEE_NOBODY
 */
#ifndef BERTH_RECORD_H
#define BERTH_RECORD_H

#include <jansson.h>

#include "berth/error.h"
#include "berth/secret.h"

enum field_type {
    FIELD_BOOL,
    FIELD_INT,
    FIELD_TIME,
    FIELD_ID,
    FIELD_TEXT,
    FIELD_LINES,
    FIELD_ENUM,
    FIELD_SECRET,
    FIELD_LIST,
    FIELD_IDS = FIELD_TEXT, /* bound, stored and compared as text; `refers` is not empty */
};

#define RECORD_IDS_SIZE 256

/* Which callers may see a field: it is shown when its bit is in the caller's mask. */
enum field_see {
    SEE_NOBODY = 0,
    SEE_ADMIN = 1,
    SEE_OPERATOR = 2,
    SEE_ALL = 4,
};
#define SEE_MASK_ADMIN (SEE_ADMIN | SEE_OPERATOR | SEE_ALL)
#define SEE_MASK_OPERATOR (SEE_OPERATOR | SEE_ALL)
#define SEE_MASK_ALL (SEE_ALL)
/* Everything, secrets in clear: only for the receiver of a message, and for the store. */
#define SEE_MASK_WIRE (SEE_ADMIN | SEE_OPERATOR | SEE_ALL | 0x100)

struct record;

struct field {
    const char *name;
    enum field_type type;
    enum field_see see;
    size_t offset;
    size_t size;              /* of the member; TEXT and LINES: of the buffer */
    int64_t max;              /* INT: largest value */
    const char *const *names; /* ENUM: value -> name, NULL-terminated */
    const struct record *sub; /* LIST: the elements; their number is the size_t at count_offset */
    size_t count_offset;      /* LIST */
    size_t capacity;          /* LIST */
    const char *refers;       /* ID, IDS: the record it names, or "" */
    const char *unit;
    const char *sentence;
};

struct record {
    const char *name;
    const char *sentence;
    const struct field *fields;
    size_t count;
    size_t size; /* of the struct */
};

/* Decode a JSON object into *out, which is zeroed first. Missing members stay zero; unknown members
 * are ignored, so that peers of different versions work together. Errors: INVALID, naming record
 * and field: wrong type, out of range, too long, unknown enum name, control characters.
 */
int record_decode(const struct record *record, const json_t *object, void *out,
                  struct berth_error *reterr) berth_must_check;

/* As record_decode, but members that are absent keep the value in *out, and an unknown member fails
 * with INVALID: for changes by administrators.
 */
int record_merge(const struct record *record, const json_t *object, void *out,
                 struct berth_error *reterr) berth_must_check;

/* New JSON object with the fields that `see_mask` shows. Ids and times that are 0 are written as
 * null.
 */
json_t *record_encode(const struct record *record, const void *row, unsigned see_mask);

/* NULL when there is none. */
const struct field *record_field(const struct record *record, const char *name);

/* Wipe every SECRET field (also inside lists). */
void record_wipe(const struct record *record, void *row);

/* ---- macros that make structs and tables from a .def file; usage: broker/core/rows.h ---- */

#define RECORD_MEMBER_BOOL(member, arg) bool member;
#define RECORD_MEMBER_INT(member, arg) int64_t member;
#define RECORD_MEMBER_TIME(member, arg) int64_t member;
#define RECORD_MEMBER_ID(member, arg) uint64_t member;
#define RECORD_MEMBER_TEXT(member, arg) char member[arg];
#define RECORD_MEMBER_IDS(member, arg) char member[RECORD_IDS_SIZE];
#define RECORD_MEMBER_LINES(member, arg) char member[arg];
#define RECORD_MEMBER_ENUM(member, arg) enum arg member;
#define RECORD_MEMBER_SECRET(member, arg) struct secret member;

/* The struct record over the field table name_##_fields, whose last `spare` rows are not counted. */
#define RECORD_OF(name_, sentence_, type_, spare)                             \
    {                                                                         \
        .name = #name_, .sentence = (sentence_), .fields = name_##_fields,    \
        .count = BERTH_COUNT(name_##_fields) - (spare), .size = sizeof(type_) \
    }

#define RECORD_MAX_INT(arg) (arg)
#define RECORD_MAX_BOOL(arg) 1
#define RECORD_MAX_TIME(arg) 0
#define RECORD_MAX_ID(arg) 0
#define RECORD_MAX_TEXT(arg) 0
#define RECORD_MAX_IDS(arg) 0
#define RECORD_MAX_LINES(arg) 0
#define RECORD_MAX_ENUM(arg) 0
#define RECORD_MAX_SECRET(arg) 0

#define RECORD_NAMES_INT(arg) NULL
#define RECORD_NAMES_BOOL(arg) NULL
#define RECORD_NAMES_TIME(arg) NULL
#define RECORD_NAMES_ID(arg) NULL
#define RECORD_NAMES_TEXT(arg) NULL
#define RECORD_NAMES_IDS(arg) NULL
#define RECORD_NAMES_LINES(arg) NULL
#define RECORD_NAMES_ENUM(arg) arg##_names
#define RECORD_NAMES_SECRET(arg) NULL

#define RECORD_REFERS_INT(arg) ""
#define RECORD_REFERS_BOOL(arg) ""
#define RECORD_REFERS_TIME(arg) ""
#define RECORD_REFERS_ID(arg) #arg
#define RECORD_REFERS_TEXT(arg) ""
#define RECORD_REFERS_IDS(arg) #arg
#define RECORD_REFERS_LINES(arg) ""
#define RECORD_REFERS_ENUM(arg) ""
#define RECORD_REFERS_SECRET(arg) ""

/* One element of a field table; `type_` is the struct's type name. */
#define RECORD_FIELD_ROW(type_, kind, member, arg, see_, unit_, sentence_) \
    { .name = #member,                                                     \
      .type = FIELD_##kind,                                                \
      .see = (see_),                                                       \
      .offset = offsetof(type_, member),                                   \
      .size = sizeof(((type_ *)0)->member),                                \
      .max = RECORD_MAX_##kind(arg),                                       \
      .names = RECORD_NAMES_##kind(arg),                                   \
      .refers = RECORD_REFERS_##kind(arg),                                 \
      .unit = (unit_),                                                     \
      .sentence = (sentence_) },

/* A list of up to `cap` elements of record `sub_` (struct prefix given by the including file). */
#define RECORD_LIST_ROW(type_, member, sub_, cap, see_, sentence_) \
    { .name = #member,                                             \
      .type = FIELD_LIST,                                          \
      .see = (see_),                                               \
      .offset = offsetof(type_, member),                           \
      .size = sizeof(((type_ *)0)->member),                        \
      .sub = &(sub_),                                              \
      .count_offset = offsetof(type_, member##_count),             \
      .capacity = (cap),                                           \
      .refers = "",                                                \
      .unit = "",                                                  \
      .sentence = (sentence_) },

#endif
