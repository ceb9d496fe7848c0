/* quarantine.c - into quarantine by a write that is repeated until it is durable, and out again. */
#include "flow/quarantine.h"

#include "flow/decide.h"

static struct changes *quarantine_changes(struct context *context, struct retried_write *write,
                                          berth_unused struct berth_error *reterr)
{
    struct desktop *desktop = desktop_find(context->core, write->id);
    struct changes *changes;
    struct row_desktop row;

    if (!desktop || desktop->row.quarantined)
        return NULL;
    row = desktop->row;
    row.quarantined = true;
    berth_text(row.reason, sizeof(row.reason), "%s", write->why);
    changes = changes_new("broker", "broker", write->kind->action);
    changes_object(changes, "desktop %s", row.name);
    changes_detail(changes, "%s", write->why);
    changes_set(changes, ENTITY_desktop, &row);
    return changes;
}

static const struct retried_write_kind quarantine_kind = { .action = "desktop.quarantine",
                                                           .build = quarantine_changes };

void desktop_quarantine(struct context *context, struct desktop *desktop, const char *why)
{
    struct retried_write *write = retried_write_new(desktop->row.id, 0, why);

    write->kind = &quarantine_kind;
    desktop_set_state(desktop, desktop_QUARANTINED, why);
    retried_write_start(context, write);
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
