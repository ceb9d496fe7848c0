/* changes.c - collect the changes of a turn. */
#include "core/changes.h"

void changes_init(struct changes *changes, struct berth_timers *timers,
                  void (*react)(struct changes *changes, unsigned what))
{
    *changes = (struct changes){ .timers = timers, .react = react };
}

static void turn_ends(struct berth_deferred *deferred)
{
    struct changes *changes = container_of(deferred, struct changes, deferred);
    unsigned what = changes->what;

    changes->what = 0;
    changes->react(changes, what);
}

void changes_note(struct changes *changes, enum agent_change change, const struct berth_error *why)
{
    if (why)
        changes->why = *why;
    if (!changes->what)
        deferred_add(changes->timers, &changes->deferred, turn_ends);
    changes->what |= (unsigned)change;
}

void changes_forget(struct changes *changes)
{
    changes->what = 0;
    deferred_cancel(&changes->deferred);
}
