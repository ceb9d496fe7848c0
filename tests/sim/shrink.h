/* shrink.h - the shortest schedule found that still breaks the same invariant.
 *
 * Module tests. Delta debugging (Zeller, Hildebrandt 2002) over the numbered actions of a schedule:
 * ever smaller chunks are left out, as long as the run still fails in the same way.
 */
#ifndef BERTH_TESTS_SIM_SHRINK_H
#define BERTH_TESTS_SIM_SHRINK_H

#include "sim/sim.h"

struct shrunk {
    bool *left_in;  /* by number of the action minus one; free() it */
    size_t actions; /* in all */
    size_t count;   /* left in */
    unsigned runs;
    struct sim_outcome outcome; /* of the shortest */
};

typedef void run_fn(const struct sim_params *params, struct sim_outcome *ret);

/* failed: the outcome of the whole schedule. seconds: stop looking for shorter ones then. run:
 * sim_run. */
void shrink(run_fn *run, const struct sim_params *params, const struct sim_outcome *failed,
            double seconds, struct shrunk *ret);

/* "3,7-9" as left_in of so many actions, NULL when it is none; and the other way round. */
bool *mask_read(const char *text, size_t actions);
char *mask_text(const bool *left_in, size_t actions);

#endif
