/* counters.h - counters and options of the other modules, for the API.
 *
 * Module broker.
 */
#ifndef BERTH_COUNTERS_H
#define BERTH_COUNTERS_H

#include "api/api.h"

/* For struct api_setup; context is struct broker. */
size_t broker_counters(void *context, struct api_metric *out, size_t max);
json_t *broker_options(void *context);

#endif
