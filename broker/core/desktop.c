/* desktop.c - states of desktops, and what follows when the row of one changes. */
#include "core/desktop.h"

#include <stdio.h>
#include <string.h>

#include "berth/log.h"

#include "core/desktop_class.h"
#include "core/hooks.h"
#include "core/notice.h"

void desktop_set_state(struct desktop *desktop, enum desktop_state next, const char *why)
{
    struct core *core = desktop->base.core;
    enum desktop_state was = desktop->state;

    if (was == next)
        return;
    if (!desktop_may_transition(was, next)) {
        log_event(EV_STATE_FORBIDDEN, "desktop", desktop->row.name, "from",
                  desktop_state_names[was], "to", desktop_state_names[next], "why", why);
        return;
    }
    desktop->state = next;
    desktop->state_since_ms = core->timers->mono_ms;
    berth_text(desktop->reason, sizeof(desktop->reason), "%s", why);
    desktop_reclassify(desktop);
    log_event(EV_DESKTOP_STATE, "desktop", desktop->row.name, "from", desktop_state_names[was],
              "to", desktop_state_names[next], "why", why);
    core_announce(core, NOTICE_OBSERVED, ENTITY_desktop, desktop->row.id);
}

void desktop_set_reason(struct desktop *desktop, const char *why)
{
    berth_text(desktop->reason, sizeof(desktop->reason), "%s", why);
}

static void copy_row_address(struct desktop *desktop)
{
    if (desktop->row.port == 0)
        return;
    copy_text(desktop->address, desktop->row.address);
    desktop->port = (int)desktop->row.port;
}

void desktop_added(struct entity *entity, bool loaded)
{
    struct desktop *desktop = container_of(entity, struct desktop, base);

    list_init(&desktop->requests);
    desktop->state_since_ms = entity->core->timers->mono_ms;
    if (desktop->row.quarantined)
        desktop->state = desktop_QUARANTINED;
    else if (!desktop->row.host_id)
        desktop->state =
            desktop_OFF; /* a machine that Berth does not run: unknown until it is probed */
    else
        desktop->state = loaded ? desktop_LOST : desktop_PLANNED;
    copy_row_address(desktop);
    copy_text(desktop->fingerprint, desktop->row.fingerprint);
    desktop->preexisting = loaded;
    list_init(&desktop->in_class);
    desktop_reclassify(desktop);
}

void desktop_changed(struct entity *entity, const union row *was)
{
    struct desktop *desktop = container_of(entity, struct desktop, base);
    const struct row_desktop *old = &was->desktop;

    if (old->port != desktop->row.port || strcmp(old->address, desktop->row.address) != 0)
        copy_row_address(desktop);
    if (strcmp(old->fingerprint, desktop->row.fingerprint) != 0)
        copy_text(desktop->fingerprint, desktop->row.fingerprint);
    if (desktop->row.quarantined && !old->quarantined)
        desktop_set_state(desktop, desktop_QUARANTINED, desktop->row.reason);
    desktop_reclassify(desktop);
}

void desktop_dropped(struct entity *entity)
{
    desktop_unclassify(container_of(entity, struct desktop, base));
}
