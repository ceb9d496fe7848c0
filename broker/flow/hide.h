/* hide.h - telling a terminal to stop showing a session.
 *
 * Module flow.
 */
#ifndef BERTH_FLOW_HIDE_H
#define BERTH_FLOW_HIDE_H

#include "flow/context.h"

/* session: its id and epoch are sent. reason: a word of messages.def; text: for the person. Does
 * nothing when the terminal is not connected: the guest's own rules and the next announcement take
 * effect then.
 */
void session_hide(struct context *context, uint64_t terminal_id, const struct row_session *session,
                  const char *reason, const char *text);

#endif
