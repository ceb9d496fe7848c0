/* admin.h - administrators, and the tokens of the management API.
 *
 * Module core.
 */
#ifndef BERTH_CORE_ADMIN_H
#define BERTH_CORE_ADMIN_H

#include "core/registry.h"

DEFINE_ENTITY(admin)
DEFINE_ENTITY(token)
DEFINE_FIND_TEXT(token, token_by_hash, TOKEN_BY_HASH)

#endif
