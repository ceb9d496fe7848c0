/* state.h - the enums of states.def, their names, and which transitions are permitted.
 *
 * Module shared. Each entity has exactly one function that changes its state, in its file of
 * broker/core: x_set_state or x_transition. It calls x_may_transition.
 */
#ifndef BERTH_STATE_H
#define BERTH_STATE_H

#include "berth/base.h"

/* Values start at 1, so that zeroed memory is not a valid state. */
#define STATES(entity)  \
    enum entity##_state \
    {                   \
        entity##_NO_STATE,
#define STATE(entity, symbol, name, sentence) entity##_##symbol,
#define STATES_END(entity)                               \
    entity##_STATES_END                                  \
    }                                                    \
    ;                                                    \
    extern const char *const entity##_state_names[];     \
    extern const char *const entity##_state_sentences[]; \
    bool entity##_may_transition(enum entity##_state from, enum entity##_state to);
#include "berth/states.def"

/* Value of a name in a NULL-terminated array of names; -1 when absent. Index 0 is never found. */
int name_value(const char *const *names, const char *name);

#endif
