/* json.h - the strict way in for JSON from outside.
 *
 * Module shared. Size is capped by the caller; depth is counted before jansson sees the text,
 * duplicates are refused.
 */
#ifndef BERTH_JSON_H
#define BERTH_JSON_H

#include <jansson.h>

#include "berth/error.h"

/* A new reference to an object or array, or NULL with PROTOCOL and the place of the fault. depth:
 * allowed nesting. */
json_t *json_parse(const char *text, size_t size, int depth, struct berth_error *reterr);

/* Compact text, free() it. */
char *json_text(const json_t *json);

/* First thing in a program whose JSON holds secrets: what jansson frees is wiped. */
void json_wipe_freed(void);

void json_unrefp(json_t **json); /* for berth_cleanup */

#endif
