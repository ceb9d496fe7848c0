/* host_health.h - a host whose calls have no known outcome is kept out of use until it answers.
 *
 * Module flow. After three consecutive unknown outcomes the host is DEGRADED: nothing new is placed
 * there, and it is listed at intervals until it answers again.
 */
#ifndef BERTH_FLOW_HOST_HEALTH_H
#define BERTH_FLOW_HOST_HEALTH_H

#include "flow/context.h"

/* The result of a call that changes a machine. */
void host_note_outcome(struct host *host, int result);

/* Announce after this time, and then at intervals, that the host must be listed, while it is
 * OPENING or DEGRADED. */
void host_list_later(struct host *host, int64_t delay_ms);
#define HOST_OPENING_RETRY_MS 1000 /* when a listing failed, or was cancelled */

#endif
