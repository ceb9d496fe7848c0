/* rows.c - the descriptions of the entities, made from entities.def. */
#include "core/rows.h"

#include <string.h>

/* clang-format off */
#define ENTITY(name, table, write, sentence) static const struct field name##_fields[] = {
#define ENTITY_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence)                                      \
    RECORD_FIELD_ROW(struct row_##record, kind, member, arg, see, unit, sentence)
#include "core/entities.def"
#undef ENTITY
#undef ENTITY_END
#undef FIELD

#define ENTITY_END(name)
#define FIELD(record, kind, member, arg, see, unit, sentence)

#define ENTITY(name_, table_, write_, sentence_)                                                   \
    static const struct record name_##_record = { .name = #name_,                                  \
                                                  .sentence = (sentence_),                         \
                                                  .fields = name_##_fields,                        \
                                                  .count = BERTH_COUNT(name_##_fields),            \
                                                  .size = sizeof(struct row_##name_) };
#include "core/entities.def"
#undef ENTITY

#define ENTITY(name_, table_, write_, sentence_)                                                   \
    [ENTITY_##name_] = { .name = #name_, .table = (table_), .write = (write_),                     \
                         .record = &name_##_record },
static const struct entity_row rows[ENTITY_KINDS] = {
#include "core/entities.def"
};
#undef ENTITY
#undef ENTITY_END
#undef FIELD
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
