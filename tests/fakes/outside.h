/* outside.h - what exists whether or not the broker runs: time, dice, and a notebook of what
 * happened.
 *
 * Module tests. The fakes that stand for the world (machines, terminals, the disk) live on these
 * timers; the fakes' broker halves (operations in flight) live on the broker's own, which die with
 * it. One seed gives one run: every delay and every fault is drawn from `dice`.
 */
#ifndef BERTH_TESTS_FAKES_OUTSIDE_H
#define BERTH_TESTS_FAKES_OUTSIDE_H

#include "berth/history.h"
#include "berth/random.h"
#include "berth/timer.h"

#define NOTES_MAX 64
#define NOTE_TEXT 160
#define FAULT_TEXT 240

struct outside {
    struct berth_timers timers;
    struct berth_random dice;
    /* The last events, for whoever must find out why a run went wrong. */
    char notes[NOTES_MAX][NOTE_TEXT];
    uint64_t noted;
    bool deaf; /* nobody will read the notes: they are not made */
    void (*heard)(void *context, const char *note); /* each note, as it is made; or NULL */
    void *context;
    /* What machines, guests and the disk did is written down there; NULL: nowhere. */
    struct history *history;
    /* What must never happen, by the first sentence; counted. Stories end with outside_faults() ==
     * 0. */
    char fault[FAULT_TEXT];
    unsigned faults;
};

void outside_init(struct outside *outside, uint64_t seed);
void outside_free(struct outside *outside);

/* least..most milliseconds, uniformly. */
int64_t outside_draw_ms(struct outside *outside, int64_t least, int64_t most);

/* true in `percent` of the cases. */
bool outside_chance(struct outside *outside, unsigned percent);

/* Remember an event for the report of a failure. */
void outside_note(struct outside *outside, const char *format, ...) berth_printf(2, 3);

/* A line of the history, at the present time; kind and fields are set. */
void outside_record(struct outside *outside, struct history_line *line);

/* Something happened that must never happen. */
void outside_fault(struct outside *outside, const char *format, ...) berth_printf(2, 3);

/* The notebook to standard error. */
void outside_print(const struct outside *outside);

#endif
