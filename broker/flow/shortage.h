/* shortage.h - why a pool has fewer desktops ready than it should have, as a sentence for an
 * administrator: hosts that do not serve, a back-off, the maximum, ports, a recompose.
 *
 * Module flow. Nothing is changed: the same facts are asked as when desktops are made (refill.h,
 * plan.h).
 */
#ifndef BERTH_FLOW_SHORTAGE_H
#define BERTH_FLOW_SHORTAGE_H

#include "core/runtime.h"

#define SHORTAGE_TEXT 1024

/* In `ret`: what holds the pool back, most decisive first, then where its desktops are; "" when as
 * many are spare as its row, its queue and `more` sign-ons ask for.
 */
void shortage_text(struct core *core, const struct pool *pool, int more, char ret[SHORTAGE_TEXT]);

#endif
