/* records.c - record descriptions and call table, made from calls.def. */
#include "virt/virt.h"

/* clang-format off */
#define ENTITY(name, table, write, sentence) static const struct field name##_fields[] = {
#define ENTITY_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence)                                      \
    RECORD_FIELD_ROW(struct record, kind, member, arg, see, unit, sentence)
#include "virt/calls.def"

#define ENTITY(name, table, write, sentence) \
    const struct record name##_record = RECORD_OF(name, sentence, struct name, 0);
#include "virt/calls.def"

static const struct virt_call_row rows[VIRT_CALLS] = {
#define CALL(name_, lane_, limit_ms_, sentence)                                                    \
    [VIRT_##name_] = { .name = #name_, .lane = LANE_##lane_, .limit_ms = (limit_ms_) },
#include "virt/calls.def"
};
/* clang-format on */

const struct virt_call_row *virt_call_row(enum virt_call call)
{
    if ((size_t)call >= VIRT_CALLS)
        abort(); /* numbers never come from outside: names are looked up in the table */
    return &rows[call];
}
