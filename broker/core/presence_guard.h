/* presence_guard.h - when much of a site vanishes at once, conclude nothing.
 *
 * Module core, inner header of presence. If more than 30 % of a site (and at least 20 terminals)
 * would become absent within 10 s, the fault is more likely ours or the network's: they stay
 * suspect, an alarm is raised once, and after five minutes they are given up at one in ten seconds.
 */
#ifndef BERTH_CORE_PRESENCE_GUARD_H
#define BERTH_CORE_PRESENCE_GUARD_H

#include "core/presence.h"

#define GUARD_PERCENT 30
#define GUARD_MIN 20
#define GUARD_WINDOW_MS 10000
#define GUARD_HOLD_MS 300000
#define GUARD_PACE_MS 10000

/* The deadline of `presence` has passed: true when it is held instead of given up. */
bool guard_holds(struct presence_table *table, struct presence *presence);

/* It is heard of again, or gone for a known reason. */
void guard_release(struct presence *presence);

/* With their table. */
void guards_free(struct presence_table *table);

/* Of presence.c: make it absent. word: as what it goes into a history. */
void presence_make_absent(struct presence *presence, enum history_presence_event event,
                          const char *why);

#endif
