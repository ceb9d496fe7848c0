/* connection_report.h - the agent's look at the connection that its viewer had.
 *
 * Module viewer of the agent. The step that confines the viewer makes the viewer's one connection and
 * shows it here (SCM_RIGHTS, unix(7)), so that the agent can ask the kernel what came of it.
 */
#ifndef BERTH_AGENT_VIEWER_CONNECTION_REPORT_H
#define BERTH_AGENT_VIEWER_CONNECTION_REPORT_H

#include <stdbool.h>

#include "berth/error.h"

/* Two ends, which the caller closes: ours, and the one that the child gets. Error: IO. */
int connection_report_open(int *ret_ours, int *ret_child, struct berth_error *reterr);

/* In the child: show `connection`, and close the child's end. Nobody has to be there to look. */
void connection_report_send(int connection, int child);

/* Once the viewer has ended: was there a connection on which the other side never said a word?
 * Asked once; closes what was shown. */
bool connection_report_got_no_data(int ours);

#endif
