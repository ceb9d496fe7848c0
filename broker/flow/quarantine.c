/* quarantine.c - into quarantine by a write that is repeated until it is durable, and out again. */
#include "flow/quarantine.h"

#include "flow/decide.h"

struct quarantine {
    struct retried_write write; /* id: the desktop */
    char why[300];
};

static struct changes *quarantine_changes(struct context *context, struct retried_write *write)
{
    const struct quarantine *quarantine = container_of(write, struct quarantine, write);
    struct desktop *desktop = desktop_find(context->core, write->id);
    struct changes *changes;
    struct row_desktop row;

    if (!desktop || desktop->row.quarantined)
        return NULL;
    row = desktop->row;
    row.quarantined = true;
    berth_text(row.reason, sizeof(row.reason), "%s", quarantine->why);
    changes = changes_new("broker", "broker", write->kind->action);
    changes_object(changes, "desktop %s", row.name);
    changes_detail(changes, "%s", quarantine->why);
    changes_set(changes, ENTITY_desktop, &row);
    return changes;
}

static const struct retried_write_kind quarantine_kind = { "desktop.quarantine",
                                                           quarantine_changes };

void desktop_quarantine(struct context *context, struct desktop *desktop, const char *why)
{
    struct quarantine *quarantine = berth_new(struct quarantine);

    quarantine->write = (struct retried_write){ &quarantine_kind, desktop->row.id };
    berth_text(quarantine->why, sizeof(quarantine->why), "%s", why);
    desktop_set_state(desktop, desktop_QUARANTINED, why);
    retried_write_start(context, &quarantine->write);
}

void desktop_released(struct context *context, struct desktop *desktop)
{
    if (desktop->state != desktop_QUARANTINED)
        return;
    if (!desktop->row.host_id || !desktop->defined) {
        desktop_set_state(desktop, desktop_OFF, "released from quarantine");
        return;
    }
    desktop_set_state(desktop, desktop_LOST, "released from quarantine");
    context_doubt_machine(context, desktop, "it was found off");
}
