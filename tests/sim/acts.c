/* acts.c - table: action to function. */
#include <stdio.h>

#include "sim/sim_internal.h"

/* clang-format off */
static act_fn *const functions[ACTS] = {
#define PERSON(symbol, name, sentence) [ACT_##symbol] = person_##symbol,
#define FAULT(symbol, name, per_day, sentence) [ACT_##symbol] = fault_##symbol,
#include "sim/actions.def"
};
/* clang-format on */

void act_do(struct sim *sim, const struct action *action)
{
    const struct act_row *row = act_row(action->act);

    if (sim->params.tell)
        environment_note(&sim->w->environment, "[%u] %s (%u %u %u, %lld ms): %s", action->number,
                         row->name, action->who % 1000, action->what % 1000, action->much,
                         (long long)action->ms, row->sentence);
    sim->outcome->injected[action->act]++;
    sim->outcome->last = action->number;
    functions[action->act](sim, action);
}
