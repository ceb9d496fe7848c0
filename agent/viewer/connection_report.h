/* connection_report.h - let the agent examine the connection that its viewer had.
 *
 * Module viewer of the agent. The sandbox (confine.h) makes the viewer's connection and sends a
 * copy of the descriptor to the agent (SCM_RIGHTS, unix(7)), which can then ask the kernel about it
 * when the viewer has ended.
 */
#ifndef BERTH_AGENT_VIEWER_CONNECTION_REPORT_H
#define BERTH_AGENT_VIEWER_CONNECTION_REPORT_H

#include <stdbool.h>

#include "berth/error.h"

/* Create the two ends, the agent's and the child's; the caller closes both. Errors: IO. */
int connection_report_open(int *ret_ours, int *ret_child, struct berth_error *reterr);

/* In the child: send `connection` and close the child's end. Errors are ignored. */
void connection_report_send(int connection, int child);

/* When the viewer has ended: was there a connection, and did it receive no data? Call once; closes
 * the received descriptor. */
bool connection_report_got_no_data(int ours);

#endif
