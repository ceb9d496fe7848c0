/* admin_job.c - changes in the actor's name, and jobs of several operations. */
#include "flow/admin_job.h"

#include <string.h>

struct changes *admin_changes(const struct admin_actor *actor, const char *action)
{
    struct changes *changes = changes_new(actor->name, role_names[actor->role], action);

    memcpy(changes->request_id, actor->request_id, sizeof(changes->request_id));
    memcpy(changes->request_fingerprint, actor->request_fingerprint,
           sizeof(changes->request_fingerprint));
    return changes;
}

int admin_check_right(const struct admin_actor *actor, struct berth_error *reterr)
{
    if (!actor->holds || actor->holds(actor->asker))
        return 0;
    return berth_fail(reterr, BERTH_E_CREDENTIALS, "the right to ask this ended meanwhile");
}

void *admin_job_new(struct context *context, const struct admin_actor *actor, size_t size)
{
    struct admin_job *job = berth_alloc(size);

    job->context = context;
    job->actor = *actor;
    job->size = size;
    return job;
}

static void drop(struct pending_request *pending)
{
    struct admin_job *job = container_of(pending, struct admin_job, pending);
    struct op *caller = job->caller;

    op_cancel(&job->step);
    berth_wipe_free(job, job->size);
    op_complete(caller, BERTH_E_CLOSING, NULL);
}

int admin_job_begun(struct admin_job *job, int begun, struct op *caller)
{
    if (begun < 0) {
        caller->error = job->step.error;
        berth_wipe_free(job, job->size);
        return begun;
    }
    job->caller = caller;
    job->pending.drop = drop;
    list_append(&job->context->pending_requests, &job->pending.node);
    return op_begun(caller, NULL, job);
}

void admin_job_end(struct admin_job *job, int result)
{
    struct op *caller = job->caller;
    struct berth_error error = job->step.error;

    list_remove(&job->pending.node);
    berth_wipe_free(job, job->size);
    op_complete(caller, result, &error);
}
