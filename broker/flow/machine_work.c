/* machine_work.c - what the tables of all goals share: admission, arguments, calls, writes. */
#include "flow/machine_work.h"

#include <stdio.h>

#define RETRY_WRITE_MS 1000

struct host *machine_host(const struct machine_work *work)
{
    return host_find(work->context->core, work->desktop->row.host_id);
}

struct pool *machine_pool(const struct machine_work *work)
{
    return pool_find(work->context->core, work->desktop->row.pool_id);
}

const struct image_version *machine_version(const struct machine_work *work)
{
    return image_version_find(work->context->core, work->version_id
                                                       ? work->version_id
                                                       : work->desktop->row.image_version_id);
}

const struct session *machine_session(const struct machine_work *work)
{
    struct core *core = work->context->core;
    const struct assignment *assignment = assignment_on(core, work->desktop->row.id, 0);

    return assignment ? session_on(core, assignment->row.id) : NULL;
}

bool machine_memory_is_its_users(const struct machine_work *work)
{
    const struct pool *pool = machine_pool(work);
    const struct session *session = machine_session(work);

    if (pool && pool->row.kind == pool_kind_DEDICATED &&
        assignment_on(work->context->core, work->desktop->row.id, 0))
        return true;
    if (!session || session->row.state == session_ENDING)
        return false;
    return session->row.state != session_PREPARING ||
           session->row.changed_ms != session->row.started_ms;
}

int machine_admit(struct flow *flow, int first)
{
    struct machine_work *work = machine_work_of(flow);
    struct host *host = machine_host(work);

    if (!host || host->state == host_DOWN)
        return flow_fail(flow, BERTH_E_HOST_DOWN, "host '%s' does not answer",
                         host ? host->row.name : "?");
    if (host->state == host_OPENING)
        return flow_await_then(flow, waitq_wait(&host->waiting, &work->wait, &flow->op),
                               MACHINE_ADMIT);
    return first;
}

void machine_args(const struct machine_work *work, struct virt_args *args)
{
    const struct row_desktop *desktop = &work->desktop->row;
    const struct pool *pool = machine_pool(work);
    const struct host *host = machine_host(work);
    const struct image_version *version = machine_version(work);

    *args = (struct virt_args){ .desktop_id = desktop->id,
                                .keep_saved = machine_memory_is_its_users(work) };
    copy_text(args->uuid, desktop->uuid);
    copy_text(args->name, desktop->name);
    copy_text(args->volume, desktop->volume);
    if (host)
        copy_text(args->storage, host->row.storage);
    if (version) {
        copy_text(args->image, version->row.path);
        copy_text(args->kernel, version->row.kernel);
        copy_text(args->initrd, version->row.initrd);
    }
    if (!pool)
        return;
    copy_text(args->pool, pool->row.name);
    copy_text(args->template, pool->row.template);
    args->memory_mib = pool->row.memory_mib;
    args->vcpus = pool->row.vcpus;
    args->guest_port = pool->row.port;
    args->address = pool->row.address;
    if (pool->row.address == pool_address_FORWARDED) {
        args->forward_port = desktop->port;
        copy_text(args->forward_address, desktop->address);
    }
}

int machine_call(struct flow *flow, enum virt_call what, bool force)
{
    struct machine_work *work = machine_work_of(flow);
    struct virt_args args;

    machine_args(work, &args);
    args.force = force;
    return flow_await(flow, host_call_begin(&work->call, what, &args, &flow->op));
}

int machine_write_again(struct flow *flow, int again)
{
    struct machine_work *work = machine_work_of(flow);
    int result = flow->op.result;

    if (result == BERTH_E_CONFLICT && work->conflicts++ == 0)
        return again;
    if (result == BERTH_E_CONFLICT || result == BERTH_E_BUSY || result == BERTH_E_NO_SPACE)
        return flow_await_then(flow, delay_begin(&work->delay, RETRY_WRITE_MS, &flow->op), again);
    return flow_fail_with(flow, &flow->op.error);
}

void machine_set_stopping(struct machine_work *work, const char *why)
{
    if (work->desktop->state != desktop_STOPPING)
        desktop_set_state(work->desktop, desktop_STOPPING, why);
}
