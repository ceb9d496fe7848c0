/* reservation.h - a desktop promised to a user while a flow decides.
 *
 * Module core, in memory only. It pins its desktop: whoever holds one may keep the pointer across
 * waits. A desktop has at most one. It ends with the known outcome of the decision: the claim is
 * durable, or it was not made.
 */
#ifndef BERTH_CORE_RESERVATION_H
#define BERTH_CORE_RESERVATION_H

#include "core/runtime.h"

struct reservation {
    struct desktop *desktop;
    uint64_t user_id;
    int64_t slot;
    int64_t since_ms;
};

/* Errors: STATE when somebody else has it reserved. */
int reservation_new(struct desktop *desktop, uint64_t user_id, struct reservation **ret,
                    struct berth_error *reterr) berth_must_check;

/* Give it back; NULL is fine. Announces NOTICE_FREED, so that queues look again. */
void reservation_return(struct reservation *reservation);

#endif
