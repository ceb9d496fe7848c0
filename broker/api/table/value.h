/* value.h - parse values in URLs and on command lines.
 *
 * Module api, the part that berthctl uses as well. A field that refers to another entity
 * (`image_id`) may be named without `_id`, and its value may be a name: `image=debian`.
 */
#ifndef BERTH_API_TABLE_VALUE_H
#define BERTH_API_TABLE_VALUE_H

#include "berth/record.h"

/* The field `name` or `name`_id; NULL when there is none. */
const struct field *value_field(const struct record *record, const char *name);

/* The name of a field, for references without `_id`. */
void value_short_name(const struct field *field, char out[48]);

/* Convert a text to JSON of the field's type: yes/no, numbers, enum names; a reference that is not
 * a number stays a name.
 *
 * ret:    a new reference.
 * Errors: INVALID (names the field and what is expected), TOO_LARGE.
 */
int value_from_text(const struct field *field, const char *text, json_t **ret,
                    struct berth_error *reterr) berth_must_check;

/* Parse yes, true, 1, on or no, false, 0, off. Errors: INVALID (names `name` and what is expected).
 */
int value_yes_no(const char *name, const char *text, bool *ret,
                 struct berth_error *reterr) berth_must_check;

/* Is it a number (digits only, not too large)? */
bool value_is_number(const char *text, uint64_t *ret);

#endif
