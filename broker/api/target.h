/* target.h - the request target of HTTP, taken apart strictly.
 *
 * Module api; pure. "/v1/places/house-2%2Fward-3?dry_run=1" becomes decoded segments and pairs of
 * name and value. An escaped slash stays inside its segment, which is why the library's own
 * decoding is not used.
 */
#ifndef BERTH_API_TARGET_H
#define BERTH_API_TARGET_H

#include "berth/error.h"

#define TARGET_MAX 4096
#define TARGET_SEGMENTS 8
#define TARGET_PAIRS 32

struct target {
    char text[TARGET_MAX]; /* decoded in place; the pointers below lead here */
    char *segment[TARGET_SEGMENTS];
    size_t segments;
    struct target_pair {
        const char *name;
        const char *value; /* "" when there was no '=' */
    } pair[TARGET_PAIRS];
    size_t pairs;
};

/* Take `text` apart. '+' in the query is a blank.
 *
 * Errors: TOO_LARGE (longer than TARGET_MAX, too many segments or pairs), INVALID (does not begin
 * with '/', a bad escape, a control character, no UTF-8, a name given twice, an empty name).
 */
int target_parse(const char *text, struct target *ret, struct berth_error *reterr) berth_must_check;

/* NULL when the query does not have it. */
const char *target_value(const struct target *target, const char *name);

#endif
