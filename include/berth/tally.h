/* tally.h - how long things took: count, sum, longest, and how many stayed below which bound.
 *
 * Room shared; passive, one thread's. Made for figures: from the counts below fixed bounds a
 * monitor computes quantiles, and two readings can be subtracted.
 */
#ifndef BERTH_TALLY_H
#define BERTH_TALLY_H

#include "berth/base.h"

#define TALLY_BOUNDS 26

/* Microseconds, rising: 100 us to a minute, closest where the goals of a broker lie. */
extern const int64_t tally_bounds_us[TALLY_BOUNDS];

struct tally {
    int64_t count;
    int64_t sum_us;
    int64_t longest_us;
    int64_t within[TALLY_BOUNDS + 1]; /* not above this bound and above the one before; the last:
                                         above all */
};

/* One more that took so long. */
void tally_add(struct tally *tally, int64_t us);

#endif
