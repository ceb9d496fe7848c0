/* histogram.c - durations counted in buckets with fixed bounds. */
#include "berth/histogram.h"

const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
    100,    200,    500,    1000,    2000,    3000,     5000,     7000,     10000,
    15000,  20000,  30000,  40000,   50000,   70000,    100000,   150000,   200000,
    300000, 500000, 700000, 1000000, 3000000, 10000000, 30000000, 60000000,
};

void histogram_add(struct histogram *histogram, int64_t us)
{
    int low = 0;
    int high = HISTOGRAM_BOUNDS;

    while (low < high) {
        int middle = (low + high) / 2;

        if (us <= histogram_bounds_us[middle])
            high = middle;
        else
            low = middle + 1;
    }
    histogram->within[low]++;
    histogram->count++;
    histogram->sum_us += us;
    if (us > histogram->max_us)
        histogram->max_us = us;
}
