/* value.h - values as people write them in addresses and on command lines.
 *
 * Module api, the part that berthctl stands on too. A field that refers to another entity
 * (`image_id`) may be called without its `_id` and given by name: `image=debian`.
 */
#ifndef BERTH_API_TABLE_VALUE_H
#define BERTH_API_TABLE_VALUE_H

#include "berth/record.h"

/* The field of this name, or the one that `name` stands for without `_id`. NULL when there is none.
 */
const struct field *value_field(const struct record *record, const char *name);

/* Name without `_id` for a field that refers to something; else its name. */
void value_short_name(const struct field *field, char out[48]);

/* Text to JSON as the field wants it: yes/no, numbers, words; a reference stays a name when it is
 * no number.
 *
 * ret:    a new reference.
 * Errors: INVALID (names the field and what is expected), TOO_LARGE.
 */
int value_from_text(const struct field *field, const char *text, json_t **ret,
                    struct berth_error *reterr) berth_must_check;

/* yes, true, 1, on or no, false, 0, off. Errors: INVALID (names `name` and what is expected). */
int value_yes_no(const char *name, const char *text, bool *ret,
                 struct berth_error *reterr) berth_must_check;

/* Digits only, and small enough? */
bool value_is_number(const char *text, uint64_t *ret);

#endif
