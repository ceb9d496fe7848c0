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
struct identity *identity_by_key(struct core *core, const char *key_hash);

/* Change the state: put the changed row into `changes`. It is visible after core_apply.
 *
 * False when the key cannot become `next`, because it is that already or is revoked; it stays as it
 * is then.
 */
bool identity_transition(struct identity *identity, enum identity_state next,
                         struct changes *changes);

#endif
