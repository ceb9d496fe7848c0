/* reservation.h - a desktop held for a user while a flow decides.
 *
 * Module core, in memory only. It pins its desktop, so its holder may keep the pointer across
 * waits. A desktop has at most one. It is returned when the outcome of the decision is known: the
 * claim is durable, or it was not made.
 */
#ifndef BERTH_CORE_RESERVATION_H
#define BERTH_CORE_RESERVATION_H

#include "core/desktop.h"

struct reservation {
    struct desktop *desktop;
    uint64_t user_id;
    int64_t slot;
    int64_t since_ms;
};

/* Errors: STATE when the desktop is reserved already. */
int reservation_new(struct desktop *desktop, uint64_t user_id, struct reservation **ret,
                    struct berth_error *reterr) berth_must_check;

/* Return and free it; NULL is allowed. Announces NOTICE_FREED, so that queues are checked again. */
void reservation_return(struct reservation *reservation);

#endif
