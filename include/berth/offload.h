/* offload.h - a bounded thread pool for work that would block a loop: hashing, signing, reading
 * files.
 *
 * Module shared. A job owns its data by value. A cancelled job runs to its end, and its result is
 * dropped.
 */
#ifndef BERTH_OFFLOAD_H
#define BERTH_OFFLOAD_H

#include "berth/loop.h"
#include "berth/op.h"

struct offload;

/* Jobs wait in two queues. While both hold jobs, one in OFFLOAD_LOW_SHARE that begins is of low
 * priority, so that none waits for ever. */
enum offload_priority { OFFLOAD_HIGH, OFFLOAD_LOW };
enum { OFFLOAD_PRIORITIES = 2, OFFLOAD_LOW_SHARE = 4 };

/* threads: 1..8; queue: jobs that may wait in each queue before BUSY. */
struct offload *offload_new(struct berth_loop *loop, int threads, size_t queue);
/* Waits for running jobs; jobs that have not begun complete with CLOSING. */
void offload_free(struct offload *offload);

struct offload_job {
    struct list node;
    /* On a pool thread; touches nothing but the job. Returns 0 or a code, and fills error. */
    int (*work)(struct offload_job *job, struct berth_error *error);
    /* On the loop, before op completes, unless cancelled: store the results; may still change
     * job->result and job->error. May be NULL.
     */
    void (*deliver)(struct offload_job *job, int result);
    /* On the loop, always, as the last call: wipe and free the job. */
    void (*release)(struct offload_job *job);
    enum offload_priority priority;
    struct op *op; /* NULL once cancelled */
    struct offload *offload;
    struct loop_mail mail;
    int result;
    struct berth_error error;
};

/* Fails with BUSY when the job's queue is full (the caller then still owns the job). */
int offload_begin(struct offload *offload, struct offload_job *job, struct op *op) berth_must_check;

/* Jobs waiting in that queue, and the recent average duration of a job in milliseconds: for
 * estimates. */
size_t offload_waiting(const struct offload *offload, enum offload_priority priority);
int64_t offload_job_ms(const struct offload *offload);

/* Estimated milliseconds until the last job that waits in that queue has ended, if no more are
 * added; 0: none waits. */
int64_t offload_wait_ms(const struct offload *offload, enum offload_priority priority);

#endif
