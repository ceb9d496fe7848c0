/* json.h - strict parsing of JSON from untrusted sources.
 *
 * Module shared. The caller caps the size; the nesting depth is checked before jansson parses the
 * text; duplicate keys are refused.
 */
#ifndef BERTH_JSON_H
#define BERTH_JSON_H

#include <jansson.h>

#include "berth/error.h"

/* A new reference to an object or array, or NULL with PROTOCOL and the position of the fault.
 * depth: allowed nesting. */
json_t *json_parse(const char *text, size_t size, int depth, struct berth_error *reterr);

/* Compact text, to be freed with free(). */
char *json_text(const json_t *json);

/* Make jansson wipe all memory that it frees. Call it before any other use of jansson, in programs
 * whose JSON holds secrets. */
void json_wipe_freed(void);

void json_unrefp(json_t **json); /* for berth_cleanup */

#endif
