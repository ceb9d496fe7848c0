/* rows.c - the descriptions of the entities, made from entities.def. */
#include "core/rows.h"

#include <string.h>

/* clang-format off */
#define ENTITY(name, table, write, can, sentence) static const struct field name##_fields[] = {
#define ENTITY_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence)                                      \
    RECORD_FIELD_ROW(struct row_##record, kind, member, arg, see, unit, sentence)
#include "core/entities.def"

#define ENTITY(name, table, write, can, sentence) static const bool name##_given[] = {
#define ENTITY_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence) false,
#define GIVEN(record, kind, member, arg, see, unit, sentence) true,
#include "core/entities.def"

#define ENTITY(name, table, write, can, sentence) \
    static const struct record name##_record = RECORD_OF(name, sentence, struct row_##name, 0);
#include "core/entities.def"

#define ENTITY(name_, table_, write_, can_, sentence_)                                                   \
    [ENTITY_##name_] = { .name = #name_, .table = (table_), .write = (write_),                     \
                         .can = (can_), .record = &name_##_record, .given = name_##_given },
static const struct entity_row rows[ENTITY_KINDS] = {
#include "core/entities.def"
};
/* clang-format on */

const struct entity_row *entity_row(enum entity_kind kind)
{
    if (kind <= ENTITY_NONE || kind >= ENTITY_KINDS)
        abort(); /* never a number from outside: callers come from entity_kind_of */
    return &rows[kind];
}

enum entity_kind entity_kind_of(const char *name)
{
    for (int kind = ENTITY_NONE + 1; kind < ENTITY_KINDS; kind++)
        if (strcmp(rows[kind].name, name) == 0 || strcmp(rows[kind].table, name) == 0)
            return (enum entity_kind)kind;
    return ENTITY_NONE;
}

bool entity_takes(enum entity_kind kind, const struct field *field)
{
    return entity_row(kind)->given[field - entity_row(kind)->record->fields];
}

void entity_merge_given(enum entity_kind kind, void *row, const void *given)
{
    const struct record *record = entity_row(kind)->record;

    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];

        if (entity_takes(kind, field))
            memcpy((char *)row + field->offset, (const char *)given + field->offset, field->size);
    }
}
