/* machine_requests.h - who wants what of a machine: the list desktop.requests.
 *
 * Module flow, inner header of power.
 */
#ifndef BERTH_FLOW_MACHINE_REQUESTS_H
#define BERTH_FLOW_MACHINE_REQUESTS_H

#include "flow/power.h"

struct goal_request {
    struct list node; /* desktop.requests */
    enum machine_goal goal;
    struct op *op; /* NULL: no caller waits */
};

/* Add a request. op: NULL, or completed by machine_request_done; cancelling it removes the request. */
void machine_request_add(struct desktop *desktop, enum machine_goal goal, struct op *op);

/* Complete and free a request that was removed from the list. */
void machine_request_done(struct goal_request *request, int result,
                          const struct berth_error *error);

/* Has anyone requested this goal? */
bool machine_is_requested(const struct desktop *desktop, enum machine_goal goal);

/* The most urgent goal requested; MACHINE_UP when there is none. */
enum machine_goal machine_most_urgent(const struct desktop *desktop);

/* Does anyone wait for this machine, or can it become a spare that others wait for? A desktop in
 * use is not urgent: its user has the picture. */
bool machine_is_awaited(const struct desktop *desktop);

#endif
