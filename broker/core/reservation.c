/* reservation.c - holding a desktop, and returning it. */
#include "core/reservation.h"

#include "core/desktop_class.h"
#include "core/notice.h"

int reservation_new(struct desktop *desktop, uint64_t user_id, struct reservation **ret,
                    struct berth_error *reterr)
{
    struct reservation *reservation;

    if (desktop->reserved)
        return berth_fail(reterr, BERTH_E_STATE, "desktop '%s' is reserved already",
                          desktop->row.name);
    reservation = berth_new(struct reservation);
    *reservation = (struct reservation){ .desktop = desktop,
                                         .user_id = user_id,
                                         .since_ms = desktop->base.core->timers->mono_ms };
    desktop->reserved = reservation;
    desktop_reclassify(desktop);
    entity_pin(&desktop->base);
    *ret = reservation;
    return 0;
}

void reservation_return(struct reservation *reservation)
{
    struct desktop *desktop;

    if (!reservation)
        return;
    desktop = reservation->desktop;
    desktop->reserved = NULL;
    desktop_reclassify(desktop);
    free(reservation);
    core_announce(desktop->base.core, NOTICE_FREED, ENTITY_desktop, desktop->row.id);
    entity_unpin(&desktop->base);
}
