/* plants.c - selects the planted bug of this run. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/base.h"
#include "berth/plant.h"

/* clang-format off */
static const char *const names[PLANTS] = {
#define PLANT(symbol, name, invariant, where, faults, sentence) [PLANT_##symbol] = (name),
#include "mutants/plants.def"
#undef PLANT
};
/* clang-format on */

static enum plant chosen;

bool plant_is(enum plant plant)
{
    return plant == chosen;
}

/* Every program of such a build chooses before its main: none of them needs a line for it. */
__attribute__((constructor)) static void choose(void)
{
    const char *name = getenv("BERTH_PLANT");

    if (!name || !*name)
        return;
    for (enum plant plant = PLANT_NONE + 1; plant < PLANTS; plant++) {
        if (strcmp(names[plant], name) == 0)
            chosen = plant;
    }
    if (chosen != PLANT_NONE)
        return;
    (void)fprintf(stderr, "there is no planted bug '%s'\n", name);
    _exit(2);
}
