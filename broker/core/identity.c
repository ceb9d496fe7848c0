/* identity.c - changing the states of keys. */
#include "core/identity.h"

bool identity_transition(struct identity *identity, enum identity_state next,
                         struct changes *changes)
{
    struct row_identity *row;

    if (!identity_may_transition(identity->row.state, next))
        return false;
    row = entity_change(&identity->base, changes);
    row->state = next;
    return true;
}
