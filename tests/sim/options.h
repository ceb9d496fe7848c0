/* options.h - the command line of berth-sim.
 *
 * Module tests.
 */
#ifndef BERTH_TESTS_SIM_OPTIONS_H
#define BERTH_TESTS_SIM_OPTIONS_H

#include "sim/sim.h"

struct sim_options {
    struct sim_params params; /* seed, hours, terminals, grant, faults */
    uint64_t seeds, first;
    int64_t minutes;  /* stop after this time; 0: after the last seed */
    int64_t shrink_s; /* how long to look for a shorter schedule */
    const char *only; /* --replay SEED:MASK: the mask, or NULL */
    bool replay, json, verbose, digest;
};

/* 0; 1: help was printed; 2: wrong usage, reported on standard error. */
int options_read(int argc, char **argv, struct sim_options *ret);

#endif
