/* rows.h - the entities of entities.def as C structs and as descriptions.
 *
 * Module core. The store binds them to SQL, the API to JSON; fields are listed nowhere else.
 */
#ifndef BERTH_CORE_ROWS_H
#define BERTH_CORE_ROWS_H

#include "berth/enums.h"
#include "berth/record.h"
#include "berth/state.h"

/* clang-format off */
#define ENTITY(name, table, write, can, sentence) struct row_##name {
#define ENTITY_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence) RECORD_MEMBER_##kind(member, arg)
#include "core/entities.def"

enum entity_kind {
    ENTITY_NONE,
#define ENTITY(name, table, write, can, sentence) ENTITY_##name,
#include "core/entities.def"
    ENTITY_KINDS
};

/* Any row, for sizes and for copies by value. All rows begin with id and version. */
union row {
    struct { uint64_t id; int64_t version; };
#define ENTITY(name, table, write, can, sentence) struct row_##name name;
#include "core/entities.def"
};
/* clang-format on */

enum entity_write { BY_BROKER, BY_OPERATOR, BY_ADMIN };
enum entity_can { CAN_ADD = 1, CAN_SET = 2, CAN_DELETE = 4, ADDED_BY_VERB = 8, HAS_PAST = 16 };

struct entity_row {
    const char *name;  /* "image_version" */
    const char *table; /* "image_versions": SQL table and REST collection */
    enum entity_write write;
    unsigned can; /* of enum entity_can */
    const struct record *record;
    const bool *given; /* for each field of the record: may people give it? */
};

/* ENTITY_NONE < kind < ENTITY_KINDS. */
const struct entity_row *entity_row(enum entity_kind kind);

/* By the entity's name or its table's; ENTITY_NONE when there is none. */
enum entity_kind entity_kind_of(const char *name);

/* May people give this field of the entity's record? */
bool entity_takes(enum entity_kind kind, const struct field *field);

/* Copy the fields that people may give from one row of this kind to another. */
void entity_merge_given(enum entity_kind kind, void *row, const void *given);

#endif
