/* user.h - people: users, their badges and their groups.
 *
 * Module core.
 */
#ifndef BERTH_CORE_USER_H
#define BERTH_CORE_USER_H

#include "core/registry.h"

DEFINE_ENTITY(user)
DEFINE_FIND_NAME(user)
DEFINE_ENTITY(badge)
DEFINE_FIND_TEXT(badge, badge_by_uid, BADGE_BY_UID)
DEFINE_ENTITY(group)
DEFINE_ENTITY(membership)

#endif
