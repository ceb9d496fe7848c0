/* options.h - what berth-sim is asked for on its command line.
 *
 * Module tests.
 */
#ifndef BERTH_TESTS_SIM_OPTIONS_H
#define BERTH_TESTS_SIM_OPTIONS_H

#include "sim/sim.h"

struct sim_options {
    struct sim_params params; /* seed, hours, terminals, grant, faults */
    uint64_t seeds, first;
    int64_t minutes;  /* stop after so long; 0: when the seeds are through */
    int64_t shrink_s; /* how long to look for a shorter schedule */
    const char *only; /* --replay SEED:MASK: the mask, or NULL */
    bool replay, json, verbose, digest;
};

/* 0; 2 with a sentence on standard error: usage; 1 when help was asked for and printed. */
int options_read(int argc, char **argv, struct sim_options *ret);

#endif
