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
    /* Each line as text; NULL: nobody reads it. */
    void (*tell)(void *context, const char *line);
    void *context;
};

/* Faults go to `environment`. */
void recorder_init(struct recorder *recorder, struct environment *environment);
void recorder_free(struct recorder *recorder);

/* Nothing more comes. Returns the comparisons that were made. */
uint64_t recorder_end(struct recorder *recorder);

/* Was this invariant broken, by what was written down so far? */
bool recorder_broke(const struct recorder *recorder, int invariant);

#endif
