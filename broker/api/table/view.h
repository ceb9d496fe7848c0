/* view.h - the answers of views.def as C structs and as records.
 *
 * Module api, the part that berthctl uses as well: tables only, no I/O.
 */
#ifndef BERTH_API_TABLE_VIEW_H
#define BERTH_API_TABLE_VIEW_H

#include "berth/enums.h"
#include "berth/record.h"
#include "berth/state.h"

/* clang-format off */
#define VIEW(name, sentence) struct view_##name {
#define VIEW_END(name) };
#define FIELD(record, kind, member, arg, see, unit, sentence) RECORD_MEMBER_##kind(member, arg)
#define LIST(record, member, sub, cap, see, sentence) size_t member##_count; struct view_##sub member[cap];
#include "api/views.def"

#define VIEW(name, sentence) extern const struct record view_##name##_record;
#include "api/views.def"
/* clang-format on */

/* All of them, in the order of the table; NULL after the last. */
extern const struct record *const view_all[];

/* The view of this name, or NULL. */
const struct record *view_named(const char *name);

#endif
