/* place.h - sites, and the places in them where terminals stand.
 *
 * Module core.
 */
#ifndef BERTH_CORE_PLACE_H
#define BERTH_CORE_PLACE_H

#include "core/registry.h"

DEFINE_ENTITY(site)
DEFINE_ENTITY(place)

/* The site that a place belongs to; 0 when the place is unknown or belongs to none. */
uint64_t place_site_id(struct core *core, uint64_t place_id);

/* Is a place the other one, or below it? False when either is unknown. */
bool place_is_within(struct core *core, uint64_t place_id, uint64_t outer_id);

#endif
