/* profile.h - the settings that apply to a terminal, sent whole whenever they may have changed.
 *
 * Module flow. The version is the rev of the change that may have caused it, so that it rises over
 * restarts too; a terminal tells in its announcement which one it applies and gets nothing when
 * that is the present one.
 */
#ifndef BERTH_FLOW_PROFILE_H
#define BERTH_FLOW_PROFILE_H

#include "flow/context.h"

/* At the start: what terminals applied before a restart may be older than what is in force now. */
void profile_start(struct context *context);

/* A row changed: mark the terminals whose settings it may change. */
void profile_notice(struct context *context, const struct notice *notice);

/* A marked terminal, at the end of the turn; or one that announced itself with the version it
 * applies. */
void profile_update(struct context *context, uint64_t terminal_id);
void profile_announced(struct context *context, struct terminal *terminal, int64_t applied);

#endif
