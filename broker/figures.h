/* figures.h - figures and options of the other rooms, for the people's door.
 *
 * Room house.
 */
#ifndef BERTH_FIGURES_H
#define BERTH_FIGURES_H

#include "api/api.h"

/* For struct api_setup; context is struct broker. */
size_t broker_figures(void *context, struct api_figure *out, size_t max);
json_t *broker_options(void *context);

#endif
