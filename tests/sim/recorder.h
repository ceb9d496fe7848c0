/* recorder.h - the history of one run: counted, digested and handed to the judge, line by line.
 *
 * Module tests. A recorder as of berth/history.h. The digest is over the meaning of each line (its
 * fields), so that two builds of the same code have the same one.
 */
#ifndef BERTH_TESTS_SIM_RECORDER_H
#define BERTH_TESTS_SIM_RECORDER_H

#include "fakes/environment.h"
#include "history/judge.h"

struct recorder {
    struct history history;
    struct environment *environment;
    struct judge *judge;
    uint64_t digest, lines;
    int invariant; /* the first that was broken; 0: none */
    /* Called with each line as text; or NULL. */
    void (*tell)(void *context, const char *line);
    void *context;
};

/* Faults go to `environment`. */
void recorder_init(struct recorder *recorder, struct environment *environment);
void recorder_free(struct recorder *recorder);

/* End the history. Returns the number of comparisons made. */
uint64_t recorder_end(struct recorder *recorder);

/* Has this invariant been broken so far? */
bool recorder_broke(const struct recorder *recorder, int invariant);

#endif
