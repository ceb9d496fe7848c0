/* desktop_class.h - what a desktop can be used for now: which list of its pool it is in.
 *
 * Module core.
 */
#ifndef BERTH_CORE_DESKTOP_CLASS_H
#define BERTH_CORE_DESKTOP_CLASS_H

#include "core/desktop.h"

/* May the desktop's disk hold data of an earlier user? Then it must be refreshed before another
 * user gets it (I14): its pool has release refresh, or had it when the desktop was used. */
bool desktop_must_refresh(const struct desktop *desktop);

/* A user is on the desktop, or has just been: record that in `row`, a copy of its row, with the
 * refresh that the present settings of its pool require. True when `row` now differs from the
 * desktop's row. */
bool desktop_note_use(const struct desktop *desktop, struct row_desktop *row);

/* No open assignment and no reservation. */
bool desktop_is_free(const struct desktop *desktop);

/* Put the desktop into the list of its pool that fits its present class. To be called after every
 * change of a desktop's row, state, assignment, reservation or power flow; cheap.
 */
void desktop_reclassify(struct desktop *desktop);
/* The desktop is being dropped: take it out of the lists. */
void desktop_unclassify(struct desktop *desktop);

/* The desktops of a class:
 *
 *   list_each (pool_list(pool, CLASS_IDLE), node)
 *       desktop = pool_entry(node);
 */
static inline struct list *pool_list(struct pool *pool, enum desktop_class class)
{
    return &pool->by_class[class];
}
static inline struct desktop *pool_entry(struct list *node)
{
    return list_entry(node, struct desktop, in_class);
}

#endif
