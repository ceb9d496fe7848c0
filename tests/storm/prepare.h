/* prepare.h - prepares what a verb needs before its clock starts, or takes it from the cache.
 *
 * A prepared state is the broker's data folder after an orderly stop, the terminals' keys and the
 * numbers of people, in <cache>/<terminals>-<people>. A state that the present broker does not
 * start with is made anew.
 */
#ifndef BERTH_STORM_PREPARE_H
#define BERTH_STORM_PREPARE_H

#include "storm.h"

int prepare(struct storm *storm, struct berth_error *reterr) berth_must_check;

#endif
