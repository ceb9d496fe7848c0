/* judge.h - checks a history against the invariants.
 *
 * Module tests. It takes lines one by one, in order of time, and reports violations as sentences
 * with the invariant and the line. Time is linear in the length of the history, memory linear in
 * the number of entities (terminals, desktops, users, expired ids). The same judge serves
 * berth-check (files), the simulator (structs), the storm and the fault runs. It knows nothing of
 * the broker's code: only the rows of berth/history.def.
 *
 * The line `run` says how complete the history is. Program "berthd" and `whole`: every line was
 * written at once, so only lines in flight are missing when the broker dies. "berth-sim" and
 * `whole`: one recorder wrote everything in its true order, store, hypervisors and guests included;
 * nothing is missing. Any other program with `whole` wrote all requests of clients. The program
 * that kills or unplugs a terminal writes "off" for it. The client "root" of an operation is the
 * local administrator; the id of a sign-on is that of its badge, or 0.
 */
#ifndef BERTH_TESTS_HISTORY_JUDGE_H
#define BERTH_TESTS_HISTORY_JUDGE_H

#include "berth/history.h"

#define JUDGE_INVARIANTS 29

struct judge;

struct judge_verdict {
    uint64_t lines;
    uint64_t checks;                        /* comparisons made, over all invariants */
    uint64_t checked[JUDGE_INVARIANTS + 1]; /* by invariant; 0: the history has no lines for it */
    uint64_t violations;
    uint64_t broken[JUDGE_INVARIANTS + 1]; /* by invariant */
};

/* Called for each violation, with its sentence; line: the number given to judge_take. */
typedef void judge_fault_fn(void *context, int invariant, uint64_t line, const char *sentence);

struct judge *judge_new(judge_fault_fn *fault, void *context);
void judge_free(struct judge *judge);

/* Take the next line. number: used in reports (a line of a file, or a count). */
void judge_take(struct judge *judge, const struct history_line *line, uint64_t number);

/* End of the history: judge what is only known at the end. */
void judge_end(struct judge *judge);

const struct judge_verdict *judge_verdict(const struct judge *judge);

/* "single owner", ... for tables. 1 <= invariant <= JUDGE_INVARIANTS. */
const char *judge_invariant(int invariant);
/* The kinds of lines that it needs, as "row, result", and its sentence. */
const char *judge_invariant_lines(int invariant);
const char *judge_invariant_sentence(int invariant);

/* The terminal's picture ended at an unknown time: its recorder was killed, and viewers die with
 * their agent. */
void judge_dark(struct judge *judge, const char *terminal);

/* Steps of work so far, to prove that they are linear in the lines. */
uint64_t judge_steps(const struct judge *judge);

#endif
