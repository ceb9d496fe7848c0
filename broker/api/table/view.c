/* view.c - the descriptions of the answers, made from views.def. */
#include "api/table/view.h"

#include <string.h>

/* clang-format off */
#define VIEW(name, sentence) static const struct field name##_fields[] = {
#define VIEW_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence)                                      \
    RECORD_FIELD_ROW(struct view_##record, kind, member, arg, see, unit, sentence)
#define LIST(record, member, sub, cap, see, sentence)                                              \
    RECORD_LIST_ROW(struct view_##record, member, view_##sub##_record, cap, see, sentence)
#include "api/views.def"

#define VIEW(name, sentence) \
    const struct record view_##name##_record = RECORD_OF(name, sentence, struct view_##name, 0);
#include "api/views.def"

#define VIEW(name, sentence) &view_##name##_record,
const struct record *const view_all[] = {
#include "api/views.def"
    NULL
};
/* clang-format on */

const struct record *view_named(const char *name)
{
    for (size_t i = 0; view_all[i]; i++)
        if (strcmp(view_all[i]->name, name) == 0)
            return view_all[i];
    return NULL;
}
