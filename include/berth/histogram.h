/* histogram.h - how long things took: count, sum, maximum, and how many stayed below which bound.
 *
 * Module shared; passive, one thread's. Made for metrics: from the counts below fixed bounds a
 * monitor computes quantiles, and two readings can be subtracted.
 */
#ifndef BERTH_HISTOGRAM_H
#define BERTH_HISTOGRAM_H

#include "berth/base.h"

#define HISTOGRAM_BOUNDS 26

/* Microseconds, rising: 100 us to a minute, closest where the goals of a broker lie. */
extern const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

struct histogram {
    int64_t count;
    int64_t sum_us;
    int64_t max_us;
    /* not above this bound and above the one before; the last: above all */
    int64_t within[HISTOGRAM_BOUNDS + 1];
};

/* One more that took so long. */
void histogram_add(struct histogram *histogram, int64_t us);

#endif
