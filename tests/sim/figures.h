/* figures.h - the sums over many runs, for people and as one JSON object.
 *
 * Module tests.
 */
#ifndef BERTH_TESTS_SIM_FIGURES_H
#define BERTH_TESTS_SIM_FIGURES_H

#include "sim/sim.h"

struct figures {
    uint64_t seeds, violations, lines, checks, messages, commits, lives;
    uint64_t constraint_refusals;
    uint64_t injected[ACTS];
    uint64_t broken[JUDGE_INVARIANTS + 1]; /* in so many seeds */
    double terminal_hours;
    double seconds;
    double cpu_seconds; /* CPU time of all threads */
};

void figures_add(struct figures *figures, const struct sim_outcome *outcome);
void figures_print(const struct figures *figures, bool json);

#endif
