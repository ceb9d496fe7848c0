/* enroll.h - how a terminal gets an identity: joining, and the next certificate of a known one.
 *
 * Room flow. The request carries evidence; what good evidence leads to is the policy of the site:
 * accept, quarantine (admitted without users) or approve (it waits outside, holding nothing, until
 * somebody compares the code it shows). Serial number and MAC are hints for people, never evidence.
 * An expired key that is not revoked may renew for the site's renew_days.
 */
#ifndef BERTH_FLOW_ENROLL_H
#define BERTH_FLOW_ENROLL_H

#include "flow/rooms.h"

#endif
