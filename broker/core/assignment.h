/* assignment.h - which desktop belongs to whom: slots with their epoch, and assignments.
 *
 * Module core.
 */
#ifndef BERTH_CORE_ASSIGNMENT_H
#define BERTH_CORE_ASSIGNMENT_H

#include "core/registry.h"

DEFINE_ENTITY(slot)
DEFINE_ENTITY(assignment)

/* Lookups; NULL when absent. Of assignments only the open ones are found. */
struct slot *slot_of(struct core *core, uint64_t desktop_id, int64_t number);
struct assignment *assignment_open_of(struct core *core, uint64_t user_id, uint64_t pool_id);
struct assignment *assignment_on(struct core *core, uint64_t desktop_id, int64_t slot);

/* Change the state: check the transition and put the changed row into `changes`. It is visible after
 * core_apply, which logs and announces it.
 *
 * Errors: STATE when states.def does not permit the transition; `changes` are untouched then.
 */
int assignment_transition(struct assignment *assignment, enum assignment_state next,
                          const char *why, struct changes *changes,
                          struct berth_error *reterr) berth_must_check;

#endif
