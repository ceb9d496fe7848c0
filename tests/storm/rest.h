/* rest.h - the management API from outside: many requests at once over its Unix socket. */
#ifndef BERTH_STORM_REST_H
#define BERTH_STORM_REST_H

#include <jansson.h>

#include "berth/error.h"

struct rest_call {
    const char *method;
    char path[160];
    char *body;  /* JSON text, freed when the call is over; NULL: none */
    long status; /* of the answer */
    char *text;  /* the answer, to free */
    size_t size;
};

/* Carry out all of them, at most 64 at once, in any order; blocks. Fails with the first answer that
 * is no success, naming it; all others have been answered then. The caller owns the texts.
 */
int rest_all(const char *socket, struct rest_call *calls, size_t count,
             struct berth_error *reterr) berth_must_check;

/* One request; *ret_json (may be NULL) is the answer, to json_decref. body is taken over. */
int rest_one(const char *socket, const char *method, const char *path, json_t *body,
             json_t **ret_json, struct berth_error *reterr) berth_must_check;

/* As rest_one for answers that are no JSON: to free. */
int rest_text(const char *socket, const char *path, char **ret_text,
              struct berth_error *reterr) berth_must_check;

#endif
