/* image.c - changing the states of image versions. */
#include "core/image.h"

int image_version_transition(struct image_version *version, enum image_version_state next,
                             struct changes *changes, struct berth_error *reterr)
{
    struct row_image_version *row;

    if (!image_version_may_transition(version->row.state, next))
        return entity_refuse("image version", image_version_state_names[version->row.state],
                             image_version_state_names[next], reterr);
    row = entity_change(&version->base, changes);
    row->state = next;
    return 0;
}
