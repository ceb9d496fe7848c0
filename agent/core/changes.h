/* changes.h - what changed in this turn of the loop, for the reactor to react to at its end.
 *
 * Module core of the agent: no I/O. Whoever changes something that other flows must hear of notes
 * it here and calls none of them; the reactor (flow/reactor.h) hears all notes of a turn at once,
 * when nothing is half-done any more.
 */
#ifndef BERTH_AGENT_CORE_CHANGES_H
#define BERTH_AGENT_CORE_CHANGES_H

#include "berth/error.h"
#include "berth/timer.h"

/* Bits of struct changes. */
enum agent_change {
    CHANGE_STATE = 1,        /* of the terminal: another page is shown */
    CHANGE_SUSPENDED = 2,    /* the terminal slept past its presence deadline; with a reason */
    CHANGE_LINK_BACK = 4,    /* presence is granted after an announcement */
    CHANGE_LINK_LOST = 8,    /* with a reason */
    CHANGE_LINK_WANTED = 16, /* an attempt to reach the broker ended: make the next one */
};

struct changes {
    struct berth_timers *timers;
    void (*react)(struct changes *changes, unsigned what);
    unsigned what;          /* noted and not reacted to yet */
    struct berth_error why; /* the newest reason */
    struct berth_deferred deferred;
};

/* react: called at the end of each turn in which something was noted; it may note more. */
void changes_init(struct changes *changes, struct berth_timers *timers,
                  void (*react)(struct changes *changes, unsigned what));

/* why: copied; NULL for a change without a reason. */
void changes_note(struct changes *changes, enum agent_change change, const struct berth_error *why);

/* Forget what was noted: nothing is called any more, until the next note. */
void changes_forget(struct changes *changes);

#endif
