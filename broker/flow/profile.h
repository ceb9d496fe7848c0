/* profile.h - sending terminals their settings, whole, whenever they may have changed.
 *
 * Module flow. The version is the rev of the change that may have caused it, so it rises over
 * restarts too. A terminal reports in its announcement which version it applies, and is sent
 * nothing when that is the present one.
 */
#ifndef BERTH_FLOW_PROFILE_H
#define BERTH_FLOW_PROFILE_H

#include "flow/context.h"

/* At the start: sets the present version. What terminals applied before a restart may be older. */
void profile_start(struct context *context);

/* A row changed: at the end of the turn, terminals whose settings that may change are sent them. */
void profile_notice(struct context *context, const struct notice *notice);

/* A terminal announced itself with the version that it applies; it is sent another one. */
void profile_announced(struct context *context, struct terminal *terminal, int64_t applied);

#endif
