/* recompose_advance.h - the next step of a recompose: recompose.h says how it goes.
 *
 * Module flow, part of the check of a pool (refill.c).
 */
#ifndef BERTH_FLOW_RECOMPOSE_ADVANCE_H
#define BERTH_FLOW_RECOMPOSE_ADVANCE_H

#include "flow/context.h"

/* Continue as far as possible now. */
void recompose_advance(struct context *context, struct pool *pool);

#endif
