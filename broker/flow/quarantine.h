/* quarantine.h - desktops that are kept out of use because they failed.
 *
 * Module flow.
 */
#ifndef BERTH_FLOW_QUARANTINE_H
#define BERTH_FLOW_QUARANTINE_H

#include "flow/context.h"

/* Put a desktop into quarantine, durably, with a reason. */
void desktop_quarantine(struct context *context, struct desktop *desktop, const char *why);

/* Its row is out of quarantine: its observed state follows, and its host is asked whether its
 * machine runs. */
void desktop_released(struct context *context, struct desktop *desktop);

#endif
