/* power_check.h - compares a store after a power cut with the decisions that it acknowledged.
 *
 * Test code. After a power cut the store is opened as a broker would open it. It must hold every
 * acknowledged decision and nothing that was not decided.
 */
#ifndef BERTH_TESTS_FAULTS_POWER_CHECK_H
#define BERTH_TESTS_FAULTS_POWER_CHECK_H

#include "power_workload.h"

struct power_finding {
    int lost;     /* acknowledged decisions (or erasures) that are missing: I2 */
    bool corrupt; /* it does not open, a file is damaged, trail or feed are broken: I20 */
    bool phantom; /* a row that was never decided, or half a decision: I3 */
    uint64_t rev; /* up to which everything is there */
    char text[240];
};

enum power_depth {
    /* SQLite alone opens the files: damage, what was acknowledged, feed, number of records, keys.
     */
    POWER_FILES,
    /* The store opens them as a broker would: all of that, every row, the whole trail verified. */
    POWER_STORE,
    /* And the trail is read as an auditor reads it: every sealed field must open. */
    POWER_TRAIL,
};

/* Look at workload->disk, which was cut after `point` entries of the journal that `record` was made
 * with. A store that was never opened whole has no tables: then POWER_FILES is POWER_STORE. */
void power_check(struct power_workload *workload, const struct power_record *record, size_t point,
                 enum power_depth depth, struct power_finding *ret);

#endif
