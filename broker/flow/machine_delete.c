/* machine_delete.c - machine and disk are deleted, then the row of the desktop. */
#include "core/index.h"
#include "flow/decide.h"
#include "flow/machine_work.h"

static flow_begin_fn admit, delete_machine, forget;
static flow_finish_fn deleted, forgotten;

enum { ADMIT = MACHINE_ADMIT, DELETE, FORGET, STEPS };

/* clang-format off */
const struct flow_step machine_delete_steps[STEPS] = {
    /*           name      begin           finish     undo  limit/ms        true after it */
    [ADMIT]  = { "admit",  admit,          NULL,      NULL, FLOW_QUEUED },  /* its host can be asked, if it has one */
    [DELETE] = { "delete", delete_machine, deleted,   NULL, FLOW_DURABLE }, /* machine and disk are gone */
    [FORGET] = { "forget", forget,         forgotten, NULL, FLOW_DURABLE }, /* its row is gone */
};
/* clang-format on */

static int admit(struct flow *flow)
{
    if (!machine_work_of(flow)->desktop->row.host_id)
        return FORGET;
    return machine_admit(flow, DELETE);
}

static int delete_machine(struct flow *flow)
{
    machine_set_stopping(machine_work_of(flow), "it is being deleted");
    return machine_call(flow, VIRT_delete, true);
}

static int deleted(struct flow *flow)
{
    if (flow->op.result < 0)
        return flow_fail_with(flow, &flow->op.error);
    /* The domain may be gone while the disk is still there. */
    return machine_work_of(flow)->call.inspected ? DELETE : FORGET;
}

static int forget(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    struct desktop *desktop = work->desktop;
    struct core *core = work->context->core;
    struct changes *changes;

    desktop->defined = false;
    changes = changes_new("broker", "broker", "desktop.delete");
    changes_object(changes, "desktop %s", desktop->row.name);
    changes_drop_all(changes, core, SLOTS_OF_DESKTOP, desktop->row.id);
    changes_drop(changes, ENTITY_desktop, &desktop->row);
    return flow_await(flow, decide_begin(work->context, changes, NULL, &flow->op));
}

static int forgotten(struct flow *flow)
{
    struct desktop *desktop = machine_work_of(flow)->desktop;

    if (flow->op.result < 0)
        return machine_write_again(flow, FORGET);
    if (desktop->state == desktop_STOPPING)
        desktop_set_state(desktop, desktop_GONE, "it was deleted");
    return FLOW_DONE;
}
