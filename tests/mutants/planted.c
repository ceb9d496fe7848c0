/* planted.c - which planted bug this run has: the environment's BERTH_PLANT. */
#include "mutants/planted.h"

#include <stdlib.h>
#include <string.h>

static const char *chosen = "";

bool planted(const char *name)
{
    return strcmp(chosen, name) == 0;
}

/* Every program of such a build chooses before its main: none of them needs a line for it. */
__attribute__((constructor)) static void choose(void)
{
    const char *name = getenv("BERTH_PLANT");

    if (name)
        chosen = name;
}
