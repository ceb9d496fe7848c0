/* schedule.h - what happens to a site: a list of numbered actions drawn from the seed alone.
 *
 * Module tests. A run never changes its schedule, so any part of the list can be left out and the
 * rest stays the same: so a failing run can be shortened (shrink.h). The target of an action is a
 * random number, taken modulo the number of what exists when its time has come.
 */
#ifndef BERTH_TESTS_SIM_SCHEDULE_H
#define BERTH_TESTS_SIM_SCHEDULE_H

#include "berth/random.h"

/* clang-format off */
enum act {
    ACT_NONE,
#define PERSON(symbol, name, sentence) ACT_##symbol,
#include "sim/actions.def"
    ACT_PEOPLE_END,
    ACT_FAULTS = ACT_PEOPLE_END - 1,
#define FAULT(symbol, name, per_day, sentence) ACT_##symbol,
#include "sim/actions.def"
    ACTS
};
/* clang-format on */

struct act_row {
    const char *name;
    const char *sentence;
    int64_t per_day;
    bool fault;
};

/* ACT_NONE < act < ACTS. */
const struct act_row *act_row(enum act act);
/* ACT_NONE: no fault has this name. */
enum act act_fault(const char *name);

struct action {
    uint32_t number; /* its position in the whole list, from 1 */
    enum act act;
    int64_t at_ms; /* since the start of the run */
    uint32_t who, what, much;
    int64_t ms; /* how long it lasts, where it does */
};

struct schedule {
    struct action *at;
    size_t count, capacity;
};

struct schedule_params {
    uint64_t seed;
    int64_t hours;
    uint32_t terminals, people;
    bool allowed[ACTS]; /* which faults may be drawn */
};

/* In order of time. */
void schedule_make(struct schedule *schedule, const struct schedule_params *params);
void schedule_free(struct schedule *schedule);

#endif
