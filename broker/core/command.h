/* command.h - instructions that a terminal carries out once.
 *
 * Module core.
 */
#ifndef BERTH_CORE_COMMAND_H
#define BERTH_CORE_COMMAND_H

#include "core/registry.h"

struct command {
    struct entity base;
    struct row_command row;
    bool writing;                /* a change of its state is on its way to disk */
    enum command_state reported; /* by its terminal meanwhile, 0 = no news */
    char reported_result[200];
};
DEFINE_FIND(command)

/* Change the state: check the transition and put the changed row into `changes`. It is visible after
 * core_apply, which logs and announces it.
 *
 * Errors: STATE when states.def does not permit the transition; `changes` are untouched then.
 */
int command_transition(struct command *command, enum command_state next, const char *result,
                       struct changes *changes, struct berth_error *reterr) berth_must_check;

#endif
