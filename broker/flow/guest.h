/* guest.h - asking the guest whether its session has ended.
 *
 * Module flow. The end of a viewer ends the connection only: from outside a takeover and a log-off
 * look alike. So when a viewer that had shown the desktop ends, the guest is asked. When it answers
 * that the session has ended, and the session was not claimed again since, the session is ended.
 */
#ifndef BERTH_FLOW_GUEST_H
#define BERTH_FLOW_GUEST_H

#include "flow/context.h"

/* The viewer of this session, with its present epoch, ended. Asks several times, because a guest
 * may notice a log-off late. Does nothing on hosts without guest agent.
 */
void guest_ask(struct context *context, const struct session *session);

#endif
