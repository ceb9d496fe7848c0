/* guest.h - asking the guest whether its session is over.
 *
 * Module flow. A viewer's end only ends the connection: a take-over and a log-off look alike from
 * outside. So after a viewer that had shown the desktop ended, the guest is asked; when it says
 * that the session has ended, and nobody has claimed it since, it has.
 */
#ifndef BERTH_FLOW_GUEST_H
#define BERTH_FLOW_GUEST_H

#include "flow/context.h"

/* The viewer of this session, with its present epoch, ended. Asks a few times, for the guest may
 * need a moment to notice; where there is no agent nothing happens.
 */
void guest_ask(struct context *context, const struct session *session);

#endif
