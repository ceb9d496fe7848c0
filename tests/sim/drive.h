/* drive.h - berth-sim without its main().
 *
 * Module tests. The program of the mutants links it, too.
 */
#ifndef BERTH_TESTS_SIM_DRIVE_H
#define BERTH_TESTS_SIM_DRIVE_H

#include "sim/figures.h"
#include "sim/options.h"

/* Run the seeds and print; returns the exit code. */
int drive(const struct sim_options *options);

#endif
