/* prepare.h - what a verb needs before its clock starts, made or taken from the cache.
 *
 * A prepared state is the broker's data folder after an orderly stop, the terminals' keys and the
 * numbers of people, in <cache>/<terminals>-<people>. A state that the broker of today cannot start
 * from is made anew.
 */
#ifndef BERTH_STORM_PREPARE_H
#define BERTH_STORM_PREPARE_H

#include "storm.h"

int prepare(struct storm *storm, struct berth_error *reterr) berth_must_check;

#endif
