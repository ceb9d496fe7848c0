/* target.h - strict parsing of the HTTP request target.
 *
 * Module api; no I/O. "/v1/places/house-2%2Fward-3?dry_run=1" becomes decoded segments and pairs of
 * name and value. An escaped slash stays within its segment, which the library's own decoding does
 * not do.
 */
#ifndef BERTH_API_TARGET_H
#define BERTH_API_TARGET_H

#include "berth/error.h"

#define TARGET_MAX 4096
#define TARGET_SEGMENTS 8
#define TARGET_PAIRS 32

struct target {
    char text[TARGET_MAX]; /* decoded in place; the pointers below point here */
    char *segment[TARGET_SEGMENTS];
    size_t segments;
    struct target_pair {
        const char *name;
        const char *value; /* "" when there was no '=' */
    } pair[TARGET_PAIRS];
    size_t pairs;
};

/* Parse `text`. '+' in the query is a space.
 *
 * Errors: TOO_LARGE (longer than TARGET_MAX, too many segments or pairs), INVALID (does not begin
 * with '/', a bad escape, a control character, no UTF-8, a name given twice, an empty name).
 */
int target_parse(const char *text, struct target *ret, struct berth_error *reterr) berth_must_check;

/* Value of a parameter of the query; NULL when absent. */
const char *target_value(const struct target *target, const char *name);

#endif
