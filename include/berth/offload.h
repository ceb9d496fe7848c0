/* offload.h - a bounded pool of threads for work that would hold a loop: hashing, signing, file
 * reading.
 *
 * Room shared. A job's data goes in by value and comes out by value; a cancelled job finishes alone
 * and is dropped.
 */
#ifndef BERTH_OFFLOAD_H
#define BERTH_OFFLOAD_H

#include "berth/loop.h"
#include "berth/op.h"

struct offload;

/* threads: 1..8; queue: jobs that may wait before BUSY. */
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
    struct op *op; /* NULL once cancelled */
    struct offload *offload;
    struct loop_mail mail;
    int result;
    struct berth_error error;
};

/* Fails with BUSY when the queue is full (the caller then still owns the job). */
int offload_begin(struct offload *offload, struct offload_job *job, struct op *op) berth_must_check;

/* Jobs waiting, and milliseconds that one job took lately: for honest estimates. */
size_t offload_waiting(const struct offload *offload);
int64_t offload_job_ms(const struct offload *offload);

/* Milliseconds until what was begun last will have ended, as things go now; 0: nothing waits. */
int64_t offload_wait_ms(const struct offload *offload);

#endif
