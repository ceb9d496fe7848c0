/* environment.h - what exists whether or not the broker runs: time, randomness, and notes of what
 * happened.
 *
 * Module tests. The fakes outside the broker (machines, terminals, the disk) use these timers; the
 * fakes inside it (operations in flight) use the broker's own, which end with it. One seed gives
 * one run: every delay and every fault is drawn from `random`.
 */
#ifndef BERTH_TESTS_FAKES_ENVIRONMENT_H
#define BERTH_TESTS_FAKES_ENVIRONMENT_H

#include "berth/history.h"
#include "berth/random.h"
#include "berth/timer.h"

#define NOTES_MAX 64
#define NOTE_TEXT 160
#define FAULT_TEXT 240

struct environment {
    struct berth_timers timers;
    struct berth_random random;
    /* The last events, to find out why a run failed. */
    char notes[NOTES_MAX][NOTE_TEXT];
    uint64_t notes_count;
    bool notes_off;                                   /* write no notes */
    void (*on_note)(void *context, const char *note); /* called with each note; or NULL */
    void *context;
    /* Record of what machines, guests and the disk did; NULL: none. */
    struct history *history;
    /* Things that must never happen: the first as a sentence, and their number. Stories end with
     * environment_faults() == 0. */
    char fault[FAULT_TEXT];
    unsigned faults;
};

void environment_init(struct environment *environment, uint64_t seed);
void environment_free(struct environment *environment);

/* A time between least and most, uniformly distributed. */
int64_t environment_draw_ms(struct environment *environment, int64_t least, int64_t most);

/* true with a probability of `percent`. */
bool environment_chance(struct environment *environment, unsigned percent);

/* Note an event for the report of a failure. */
void environment_note(struct environment *environment, const char *format, ...) berth_printf(2, 3);

/* A line of the history, at the present time; kind and fields are set. */
void environment_record(struct environment *environment, struct history_line *line);

/* Record something that must never happen. */
void environment_fault(struct environment *environment, const char *format, ...) berth_printf(2, 3);

/* Print the notes to standard error. */
void environment_print(const struct environment *environment);

#endif
