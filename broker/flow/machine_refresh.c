/* machine_refresh.c - the disk of a machine is made anew from its pool's image; it is off then. */
#include "flow/decide.h"
#include "flow/machine_work.h"
#include "flow/recompose.h"

static flow_begin_fn admit, refresh, record;
static flow_finish_fn refreshed, recorded;

enum { ADMIT = MACHINE_ADMIT, REFRESH, RECORD, STEPS };

/* clang-format off */
const struct flow_step machine_refresh_steps[STEPS] = {
    /*            name       begin    finish     undo  limit/ms        true after it */
    [ADMIT]   = { "admit",   admit,   NULL,      NULL, FLOW_QUEUED },  /* its host can be asked */
    [REFRESH] = { "refresh", refresh, refreshed, NULL, FLOW_DURABLE }, /* its disk is new */
    [RECORD]  = { "record",  record,  recorded,  NULL, FLOW_DURABLE }, /* that is durable */
};
/* clang-format on */

static int admit(struct flow *flow)
{
    return machine_admit(flow, REFRESH);
}

/* The version for a new disk is chosen when the host is told to create it; an existing disk keeps
 * its version. */
static uint64_t version_for_refresh(const struct machine_work *work)
{
    const struct pool *pool = machine_pool(work);

    return pool ? recompose_version_for(work->context->core, pool, work->desktop)
                : work->desktop->row.image_version_id;
}

static int refresh(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);

    work->desktop->probed_ms = 0;
    machine_set_stopping(work, "its disk is being refreshed");
    work->version_id = version_for_refresh(work);
    return machine_call(flow, VIRT_refresh, true);
}

/* The description of a machine goes and comes while its disk is made anew, and the host was lost
 * between the two. That is not the machine's fault: it is looked at as one that its host lost.
 */
static int nothing_to_refresh(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    const struct host *host = machine_host(work);

    return flow_fail(flow, BERTH_E_UNKNOWN_OUTCOME,
                     "the disk of desktop '%s' was being made anew, and host '%s' does not know "
                     "its machine any more",
                     work->desktop->row.name, host ? host->row.name : "?");
}

static int refreshed(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);

    if (flow->op.result < 0)
        return flow_fail_with(flow, &flow->op.error);
    if (!work->call.inspected)
        return RECORD;
    if (!work->call.result.known)
        return nothing_to_refresh(flow);
    return REFRESH; /* whether the disk is new cannot be seen; creating it again does no harm */
}

/* Only now, when the host has confirmed it, may another user get it. */
static int record(struct flow *flow)
{
    struct machine_work *work = machine_work_of(flow);
    const struct image_version *version = machine_version(work);
    struct row_desktop row = work->desktop->row;
    struct changes *changes;

    work->desktop->defined = true;
    if (work->version_id && !version)
        return REFRESH; /* the version was deleted meanwhile */
    row.dirty = false;
    row.refresh_due = false;
    if (version)
        row.image_version_id = version->row.id;
    changes = changes_new("broker", "broker", "desktop.refresh");
    changes_object(changes, "desktop %s", row.name);
    changes_set(changes, ENTITY_desktop, &row);
    return flow_await(flow, decide_begin(work->context, changes, NULL, &flow->op));
}

static int recorded(struct flow *flow)
{
    if (flow->op.result < 0)
        return machine_write_again(flow, RECORD);
    desktop_set_state(machine_work_of(flow)->desktop, desktop_OFF, "its disk was refreshed");
    return FLOW_DONE;
}
