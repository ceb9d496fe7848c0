/* shortage.h - why a pool has fewer desktops ready than it should have, as a sentence for
 * administrators: hosts that do not serve, back-off, maximum, ports, recompose.
 *
 * Module flow. Nothing is changed: the same facts are used as when desktops are made (refill.h,
 * plan.h).
 */
#ifndef BERTH_FLOW_SHORTAGE_H
#define BERTH_FLOW_SHORTAGE_H

#include "core/pool.h"

#define SHORTAGE_TEXT 1024

/* Fill `ret` with what limits the pool, most important first, then the state of its desktops; ""
 * when there are as many spares as its row, its queue and `more` sign-ons need.
 */
void shortage_text(struct core *core, const struct pool *pool, int more, char ret[SHORTAGE_TEXT]);

#endif
