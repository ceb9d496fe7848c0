/* assignment.c - finding and closing assignments; the class of a desktop follows. */
#include "core/assignment.h"

#include "berth/log.h"

#include "core/desktop_class.h"
#include "core/hooks.h"
#include "core/index.h"

struct slot *slot_of(struct core *core, uint64_t desktop_id, int64_t number)
{
    list_each (index_list(core, SLOTS_OF_DESKTOP, desktop_id), node) {
        struct slot *slot = index_at(SLOTS_OF_DESKTOP, node, slot);

        if (slot->row.number == number)
            return slot;
    }
    return NULL;
}

struct assignment *assignment_open_of(struct core *core, uint64_t user_id, uint64_t pool_id)
{
    list_each (index_list(core, ASSIGNMENTS_OF_USER, user_id), node) {
        struct assignment *assignment = index_at(ASSIGNMENTS_OF_USER, node, assignment);

        if (assignment->row.pool_id == pool_id)
            return assignment;
    }
    return NULL;
}

struct assignment *assignment_on(struct core *core, uint64_t desktop_id, int64_t slot)
{
    list_each (index_list(core, ASSIGNMENTS_OF_DESKTOP, desktop_id), node) {
        struct assignment *assignment = index_at(ASSIGNMENTS_OF_DESKTOP, node, assignment);

        if (assignment->row.slot == slot)
            return assignment;
    }
    return NULL;
}

int assignment_transition(struct assignment *assignment, enum assignment_state next,
                          const char *why, struct changes *changes, struct berth_error *reterr)
{
    struct row_assignment *row;

    if (!assignment_may_transition(assignment->row.state, next))
        return entity_refuse("assignment", assignment_state_names[assignment->row.state],
                             assignment_state_names[next], reterr);
    row = entity_change(&assignment->base, changes);
    row->state = next;
    row->closed_ms = assignment->base.core->timers->wall_ms;
    berth_text(row->reason, sizeof(row->reason), "%s", why);
    return 0;
}

static void reclassify(struct core *core, uint64_t desktop_id)
{
    struct desktop *desktop = desktop_find(core, desktop_id);

    if (desktop)
        desktop_reclassify(desktop);
}

void assignment_added(struct entity *entity, berth_unused bool loaded)
{
    reclassify(entity->core, container_of(entity, struct assignment, base)->row.desktop_id);
}

void assignment_changed(struct entity *entity, const union row *was)
{
    struct assignment *assignment = container_of(entity, struct assignment, base);
    const struct row_assignment *old = &was->assignment;

    reclassify(entity->core, assignment->row.desktop_id);
    if (old->state != assignment->row.state)
        log_event(EV_ASSIGNMENT_STATE, "assignment", assignment->row.id, "desktop",
                  assignment->row.desktop_id, "from", assignment_state_names[old->state], "to",
                  assignment_state_names[assignment->row.state], "why", assignment->row.reason);
}

void assignment_dropped(struct entity *entity)
{
    reclassify(entity->core, container_of(entity, struct assignment, base)->row.desktop_id);
}
