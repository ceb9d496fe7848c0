/* identity.h - keys of terminals, and invitations for terminals that have none yet.
 *
 * Module core.
 */
#ifndef BERTH_CORE_IDENTITY_H
#define BERTH_CORE_IDENTITY_H

#include "core/registry.h"

DEFINE_ENTITY(identity)
DEFINE_ENTITY(invitation)

/* The identity with this SHA-256 of a public key; NULL when absent. */
DEFINE_FIND_TEXT(identity, identity_by_key, IDENTITY_BY_KEY)

/* The invitation with this SHA-256 of a token. */
DEFINE_FIND_TEXT(invitation, invitation_by_token, INVITATION_BY_TOKEN)

/* Change the state: put the changed row into `changes`. It is visible after core_apply.
 *
 * False when the key cannot become `next`, because it is that already or is revoked; it stays as it
 * is then.
 */
bool identity_transition(struct identity *identity, enum identity_state next,
                         struct changes *changes);

#endif
