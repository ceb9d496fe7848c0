/* presence_state.h - the state of a presence, and saving what changed.
 *
 * Module core, inner header of presence.
 */
#ifndef BERTH_CORE_PRESENCE_STATE_H
#define BERTH_CORE_PRESENCE_STATE_H

#include "core/presence.h"

static inline struct presence_table *presence_table_of(const struct presence *presence)
{
    return presence->terminal->base.core->presence;
}

static inline struct berth_timers *presence_timers(const struct presence *presence)
{
    return presence->terminal->base.core->timers;
}

/* Is a presence in this state counted in table.doubtful? */
static inline bool presence_is_doubtful(enum presence_state state)
{
    return state == presence_SUSPECT || state == presence_PRESUMED;
}

/* The one place where the state changes: check the transition, count, log and announce it. */
void presence_set_state(struct presence *presence, enum presence_state next, const char *why);

/* The terminal is absent: its timers end, its id is invalid. event: how the history records it. */
void presence_make_absent(struct presence *presence, enum history_presence_event event,
                          const char *why);

/* What the store knows of it is out of date: it goes with the next batch. */
void presence_note_unsaved(struct presence *presence);

#endif
