/* presence_guard.h - when many terminals of a site disappear at once, do not make them absent yet.
 *
 * Module core, inner header of presence. If more than 30 % of a site (and at least 20 terminals)
 * would become absent within 10 s, the fault is more likely the broker's or the network's: they
 * stay SUSPECT, an alert is logged once, and after five minutes they expire, one every ten seconds.
 */
#ifndef BERTH_CORE_PRESENCE_GUARD_H
#define BERTH_CORE_PRESENCE_GUARD_H

#include "core/presence.h"

#define GUARD_PERCENT 30
#define GUARD_MIN 20
#define GUARD_WINDOW_MS 10000
#define GUARD_HOLD_MS 300000
#define GUARD_PACE_MS 10000

/* The deadline of `presence` has passed. True: the guard holds it, and it does not become absent
 * now. */
bool guard_holds(struct presence_table *table, struct presence *presence);

/* The terminal was heard of again, or is absent for a known reason: hold it no longer. */
void guard_release(struct presence *presence);

/* Free all guards; called when their table is freed. */
void guards_free(struct presence_table *table);

#endif
