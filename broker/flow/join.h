/* join.h - how a terminal gets an identity: joining, and the next certificate of a known one.
 *
 * Module flow. The request carries evidence; what good evidence leads to is the policy of the site:
 * accept, quarantine (admitted without users) or approve (it waits outside, holding nothing, until
 * somebody compares the code it shows). Serial number and MAC are hints for people, never evidence.
 * An expired key that is not revoked may renew for the site's renew_days.
 *
 * Those who come with one invitation take its uses one after the other. Who is in line is told so
 * every few seconds, so that terminal and listener keep the connection. For an invitation's end the
 * time of asking counts: who asked in time gets in, however long the line is. One that was
 * withdrawn or used up meanwhile opens nothing.
 */
#ifndef BERTH_FLOW_JOIN_H
#define BERTH_FLOW_JOIN_H

#include "flow/context.h"

#endif
