/* admin_job.h - what the files admin*.c share: changes in the actor's name, and jobs.
 *
 * Module flow, inner header of admin*.c.
 *
 * A job is what is asked by a caller and takes several operations, one after the other: a check or
 * the work of a machine, and a decision. It is the first member of a larger struct without pointers
 * to own. When the broker stops, the caller is completed with CLOSING.
 */
#ifndef BERTH_FLOW_ADMIN_JOB_H
#define BERTH_FLOW_ADMIN_JOB_H

#include "flow/admin.h"
#include "flow/context.h"

/* New changes in the actor's name, with the idempotency key of the request. */
struct changes *admin_changes(const struct admin_actor *actor, const char *action);

struct admin_job {
    struct pending_request pending;
    struct context *context;
    struct admin_actor actor;
    size_t size; /* of the larger struct */
    struct op *caller;
    struct op step; /* the operation that it waits for; op_init before each */
};

/* A zeroed struct of `size` bytes that begins with a job. */
void *admin_job_new(struct context *context, const struct admin_actor *actor, size_t size);

/* At the end of the entry point: `begun` is the result of beginning the first step. Owns the job.
 * Returns what the entry point returns. */
int admin_job_begun(struct admin_job *job, int begun, struct op *caller);

/* Complete the caller with `result` and the error of the step, and wipe and free the job. */
void admin_job_end(struct admin_job *job, int result);

#endif
