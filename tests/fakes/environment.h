/* environment.h - what exists whether or not the broker runs: time, randomness, and notes of what
 * happened.
 *
 * Module tests. The fakes that stand for the world (machines, terminals, the disk) live on these
 * timers; the fakes' broker halves (operations in flight) live on the broker's own, which die with
 * it. One seed gives one run: every delay and every fault is drawn from `random`.
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
    /* The last events, for whoever must find out why a run went wrong. */
    char notes[NOTES_MAX][NOTE_TEXT];
    uint64_t notes_count;
    bool notes_off; /* nobody will read the notes: they are not made */
    void (*on_note)(void *context, const char *note); /* each note, as it is made; or NULL */
    void *context;
    /* What machines, guests and the disk did is written down there; NULL: nowhere. */
    struct history *history;
    /* What must never happen, by the first sentence; counted. Stories end with environment_faults() ==
     * 0. */
    char fault[FAULT_TEXT];
    unsigned faults;
};

void environment_init(struct environment *environment, uint64_t seed);
void environment_free(struct environment *environment);

/* least..most milliseconds, uniformly. */
int64_t environment_draw_ms(struct environment *environment, int64_t least, int64_t most);

/* true in `percent` of the cases. */
bool environment_chance(struct environment *environment, unsigned percent);

/* Remember an event for the report of a failure. */
void environment_note(struct environment *environment, const char *format, ...) berth_printf(2, 3);

/* A line of the history, at the present time; kind and fields are set. */
void environment_record(struct environment *environment, struct history_line *line);

/* Something happened that must never happen. */
void environment_fault(struct environment *environment, const char *format, ...) berth_printf(2, 3);

/* The notebook to standard error. */
void environment_print(const struct environment *environment);

#endif
