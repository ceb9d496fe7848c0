/* report.h - the JSON object of a run, and the checker's verdict on its history. */
#ifndef BERTH_STORM_REPORT_H
#define BERTH_STORM_REPORT_H

#include <jansson.h>

#include "storm.h"

/* Let berth-check judge what terminals and broker recorded. *ret_violations: how many; -1: nothing
 * was recorded or there is no checker here. *ret: what it printed as its object, or NULL.
 */
int report_judge(struct storm *storm, int64_t *ret_violations, json_t **ret,
                 struct berth_error *reterr) berth_must_check;

/* The whole; verdict may be NULL. With violations nothing counts as served. */
json_t *report_make(struct storm *storm, int64_t violations, json_t *verdict);

/* For people, on standard error. */
void report_say(const json_t *report);

#endif
