/* place.c - to which site and to which other places a place belongs. */
#include "core/place.h"

#include "core/match.h"

uint64_t place_site_id(struct core *core, uint64_t place_id)
{
    const struct place *place = place_find(core, place_id);

    return place ? place->row.site_id : 0;
}

bool place_is_within(struct core *core, uint64_t place_id, uint64_t outer_id)
{
    const struct place *place = place_find(core, place_id);
    const struct place *outer = place_find(core, outer_id);

    return place && outer && match_below(place->row.name, outer->row.name);
}
