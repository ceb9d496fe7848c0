/* tally.c - see tally.h. */
#include "berth/tally.h"

const int64_t tally_bounds_us[TALLY_BOUNDS] = {
    100,    200,    500,    1000,    2000,    3000,     5000,     7000,     10000,
    15000,  20000,  30000,  40000,   50000,   70000,    100000,   150000,   200000,
    300000, 500000, 700000, 1000000, 3000000, 10000000, 30000000, 60000000,
};

void tally_add(struct tally *tally, int64_t us)
{
    int low = 0;
    int high = TALLY_BOUNDS;

    while (low < high) {
        int middle = (low + high) / 2;

        if (us <= tally_bounds_us[middle])
            high = middle;
        else
            low = middle + 1;
    }
    tally->within[low]++;
    tally->count++;
    tally->sum_us += us;
    if (us > tally->longest_us)
        tally->longest_us = us;
}
