/* sim.h - one simulated site, for one seed: made, run, brought to rest, judged.
 *
 * Module tests. The object code of core and flow of broker and agent under virtual time. Everything
 * is drawn from the seed: the site (site.c), what happens to it (schedule.h) and how long things
 * take. All events go as lines of a history to the recorder (recorder.h), which judges them. A run
 * ends at its first violation.
 */
#ifndef BERTH_TESTS_SIM_H
#define BERTH_TESTS_SIM_H

#include "sim/client.h"
#include "sim/recorder.h"
#include "sim/schedule.h"

/* Presence timing of the site; all 0: drawn from the seed. */
struct sim_params {
    uint64_t seed;
    int64_t hours;
    uint32_t terminals;
    int64_t grant_ms;    /* 0: drawn */
    bool allowed[ACTS];  /* which faults may be drawn */
    const bool *left_in; /* by number of the action minus one; NULL: all */
    /* Called with each line of the story; or NULL. */
    void (*tell)(void *context, const char *line);
    void *context;
};

struct sim_outcome {
    bool broken;
    int invariant;                         /* 0: none in particular */
    bool invariants[JUDGE_INVARIANTS + 1]; /* all that were broken */
    char sentence[FAULT_TEXT];
    int64_t broken_ms; /* since the start of the run */
    uint64_t digest;   /* of all lines of the history */
    uint64_t lines, checks;
    uint64_t injected[ACTS];
    size_t actions; /* in the whole schedule */
    uint32_t last;  /* number of the last action that was done */
    double terminal_hours;
    uint64_t messages, commits, lives;
    uint64_t constraint_refusals; /* decisions that a constraint of the schema refused */
};

/* How many actions the seed's whole schedule has. */
size_t sim_actions(const struct sim_params *params);

/* Run one seed. Repeatable to the bit: the same parameters have the same outcome. */
void sim_run(const struct sim_params *params, struct sim_outcome *ret);

#endif
