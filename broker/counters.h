/* counters.h - metrics of the link, of auth and of hashing, and the options in force, for the API.
 *
 * Module broker. Called by module api on the loop.
 */
#ifndef BERTH_COUNTERS_H
#define BERTH_COUNTERS_H

#include "api/api.h"

/* Callbacks of struct api_setup; context: struct broker. broker_counters fills up to `max` entries
 * of `out` and returns how many; broker_options returns a new array, owned by the caller. */
size_t broker_counters(void *context, struct api_metric *out, size_t max);
json_t *broker_options(void *context);

#endif
