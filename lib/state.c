/* state.c - names and permitted transitions, made from states.def. */
#include "berth/state.h"

#include <string.h>

/* clang-format off */
#define STATES(entity) const char *const entity##_state_names[] = { "",
#define STATE(entity, symbol, name, sentence) name,
#define STATES_END(entity) NULL };
#include "berth/states.def"

#define STATES(entity) const char *const entity##_state_sentences[] = { "",
#define STATE(entity, symbol, name, sentence) sentence,
#define STATES_END(entity) NULL };
#include "berth/states.def"

/* Entities as numbers, so that one table holds all transitions. */
enum entity_index {
#define STATES(entity) index_##entity,
#include "berth/states.def"
};

struct transition { enum entity_index entity; int from, to; };

static const struct transition transitions[] = {
#define TRANSITION(entity, FROM, TO) { index_##entity, entity##_##FROM, entity##_##TO },
#include "berth/states.def"
};
/* clang-format on */

static bool may_transition(enum entity_index entity, int from, int to)
{
    for (size_t i = 0; i < BERTH_COUNT(transitions); i++) {
        if (transitions[i].entity == entity && transitions[i].from == from &&
            transitions[i].to == to)
            return true;
    }
    return false;
}

/* clang-format off */
#define STATES(entity) \
    bool entity##_may_transition(enum entity##_state from, enum entity##_state to) \
    { return may_transition(index_##entity, (int)from, (int)to); }
#include "berth/states.def"
/* clang-format on */

int name_value(const char *const *names, const char *name)
{
    for (int i = 1; names[0] && names[i]; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}
