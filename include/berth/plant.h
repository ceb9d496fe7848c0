/* plant.h - deliberate bugs, to see whether the proofs notice.
 *
 * Module shared. In the programs `planted` is the constant false, and nothing of a bug is left in
 * their object code. A build for tests alone (BERTH_PLANTS) asks which row of
 * tests/mutants/plants.def was chosen at run time, by the environment's BERTH_PLANT:
 *
 *     if (seq <= presence->seq && !planted(OLD_SEQUENCE))
 */
#ifndef BERTH_PLANT_H
#define BERTH_PLANT_H

#include <stdbool.h>

#ifdef BERTH_PLANTS
enum plant {
    PLANT_NONE,
#define PLANT(symbol, name, invariant, where, faults, sentence) PLANT_##symbol,
#include "mutants/plants.def"
#undef PLANT
    PLANTS
};

/* Is this the bug of the present run? */
bool plant_is(enum plant plant);

#define planted(symbol) plant_is(PLANT_##symbol)
#else
#define planted(symbol) false
#endif

#endif
