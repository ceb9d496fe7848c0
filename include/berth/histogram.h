/* histogram.h - durations: count, sum, maximum, and a count per bucket.
 *
 * Module shared; no lock, so one thread at a time. For metrics: a monitoring system computes
 * quantiles from the counts below fixed bounds, and may subtract two readings.
 */
#ifndef BERTH_HISTOGRAM_H
#define BERTH_HISTOGRAM_H

#include "berth/base.h"

#define HISTOGRAM_BOUNDS 26

/* Upper bounds of the buckets in microseconds, rising: 100 us to a minute, densest around the
 * broker's latency targets. */
extern const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

struct histogram {
    int64_t count;
    int64_t sum_us;
    int64_t max_us;
    /* values above the previous bound and not above this one; the last: above all bounds */
    int64_t within[HISTOGRAM_BOUNDS + 1];
};

/* Add one duration. */
void histogram_add(struct histogram *histogram, int64_t us);

#endif
