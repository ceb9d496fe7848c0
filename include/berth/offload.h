/* offload.h - a bounded pool of threads for work that would hold a loop: hashing, signing, file
 * reading.
 *
 * Module shared. A job's data goes in by value and comes out by value; a cancelled job finishes alone
 * and is dropped.
 */
#ifndef BERTH_OFFLOAD_H
#define BERTH_OFFLOAD_H

#include "berth/loop.h"
#include "berth/op.h"

struct offload;

/* Priority: jobs wait in two queues. While both wait, one in OFFLOAD_LOW_SHARE that
 * begins is of the second, so that the urgent ones are slowed a little and nobody waits for
 * ever. */
enum offload_priority { OFFLOAD_HIGH, OFFLOAD_LOW };
enum { OFFLOAD_PRIORITIES = 2, OFFLOAD_LOW_SHARE = 4 };

/* threads: 1..8; queue: jobs that may wait in each queue before BUSY. */
struct offload *offload_new(struct berth_loop *loop, int threads, size_t queue);
/* Waits for running jobs; those that wait are completed with CLOSING. */
void offload_free(struct offload *offload);

struct offload_job {
    struct list node;
    /* On a pool thread; touches nothing but the job. Returns 0 or a code, and fills error. */
    int (*work)(struct offload_job *job, struct berth_error *error);
    /* On the loop, only when not cancelled, before op completes: hand results out; may still change
     * job->result and job->error. May be NULL.
     */
    void (*deliver)(struct offload_job *job, int result);
    /* On the loop, always, last: wipe and free the job. */
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

/* Jobs waiting in that queue, and milliseconds that one job took lately: for honest estimates. */
size_t offload_waiting(const struct offload *offload, enum offload_priority priority);
int64_t offload_job_ms(const struct offload *offload);

/* Milliseconds until what was begun last in that queue will have ended, as things go now and if
 * nobody comes any more; 0: nothing waits there. */
int64_t offload_wait_ms(const struct offload *offload, enum offload_priority priority);

#endif
