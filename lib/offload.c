/* offload.c - a bounded thread pool with two queues. */
#include "berth/offload.h"

#define THREADS_MAX 8

struct offload {
    struct berth_loop *loop;
    uv_thread_t threads[THREADS_MAX];
    int thread_count;
    size_t queue_max;

    uv_mutex_t lock; /* guards all below */
    uv_cond_t work;
    struct list waiting[OFFLOAD_PRIORITIES];
    size_t waiting_count[OFFLOAD_PRIORITIES];
    int in_a_row; /* jobs of high priority begun in a row while others waited */
    bool stopping;
    int64_t job_us; /* moving average over about eight jobs */
};

/* On the loop: the job was carried out or cancelled. */
static void finish(struct offload_job *job)
{
    struct op *op = job->op;

    if (op && job->deliver)
        job->deliver(job, job->result);
    if (op) {
        struct berth_error error = job->error;
        int result = job->result;

        job->op = NULL;
        job->release(job);
        op_complete(op, result, &error);
        return;
    }
    job->release(job);
}

static void job_returned(struct loop_mail *mail)
{
    finish(container_of(mail, struct offload_job, mail));
}

/* Called with the lock held. */
static bool nothing_waits(const struct offload *offload)
{
    return offload->waiting_count[OFFLOAD_HIGH] + offload->waiting_count[OFFLOAD_LOW] == 0;
}

/* The next job; at least one waits. Called with the lock held. */
static enum offload_priority next_priority(struct offload *offload)
{
    if (offload->waiting_count[OFFLOAD_LOW] == 0)
        return OFFLOAD_HIGH;
    if (offload->waiting_count[OFFLOAD_HIGH] > 0 && ++offload->in_a_row < OFFLOAD_LOW_SHARE)
        return OFFLOAD_HIGH;
    offload->in_a_row = 0;
    return OFFLOAD_LOW;
}

static struct offload_job *next_job(struct offload *offload)
{
    struct list *node = NULL;

    uv_mutex_lock(&offload->lock);
    while (!offload->stopping && nothing_waits(offload))
        uv_cond_wait(&offload->work, &offload->lock);
    if (!offload->stopping) {
        enum offload_priority priority = next_priority(offload);

        node = list_shift(&offload->waiting[priority]);
        offload->waiting_count[priority]--;
    }
    uv_mutex_unlock(&offload->lock);
    return node ? list_entry(node, struct offload_job, node) : NULL;
}

static void note_time(struct offload *offload, int64_t took_us)
{
    uv_mutex_lock(&offload->lock);
    offload->job_us += offload->job_us ? (took_us - offload->job_us) / 8 : took_us;
    uv_mutex_unlock(&offload->lock);
}

static void worker(void *argument)
{
    struct offload *offload = argument;
    struct offload_job *job;

    while ((job = next_job(offload))) {
        uint64_t began = uv_hrtime();

        job->result = job->work(job, &job->error);
        note_time(offload, (int64_t)((uv_hrtime() - began) / 1000));
        job->mail.run = job_returned;
        loop_post(offload->loop, &job->mail);
    }
}

struct offload *offload_new(struct berth_loop *loop, int threads, size_t queue)
{
    struct offload *offload = berth_new(struct offload);

    offload->loop = loop;
    offload->queue_max = queue;
    for (int priority = 0; priority < OFFLOAD_PRIORITIES; priority++)
        list_init(&offload->waiting[priority]);
    if (uv_mutex_init(&offload->lock) < 0 || uv_cond_init(&offload->work) < 0)
        berth_out_of_memory();

    if (threads < 1)
        threads = 1;
    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    for (int i = 0; i < threads; i++)
        if (uv_thread_create(&offload->threads[i], worker, offload) == 0)
            offload->thread_count++;
        else
            break;
    /* Without a thread no job would complete: treated like out of memory. */
    if (offload->thread_count == 0)
        berth_out_of_memory();
    return offload;
}

static void cancel(struct op *op)
{
    struct offload_job *job = op->handle;
    struct offload *offload = job->offload;
    bool waited;

    job->op = NULL;
    uv_mutex_lock(&offload->lock);
    waited = list_linked(&job->node);
    if (waited) {
        list_remove(&job->node);
        offload->waiting_count[job->priority]--;
    }
    uv_mutex_unlock(&offload->lock);

    /* A running job runs to its end and is then released. */
    if (waited)
        job->release(job);
}

int offload_begin(struct offload *offload, struct offload_job *job, struct op *op)
{
    bool full;

    list_init(&job->node);
    list_init(&job->mail.node);
    job->op = op;
    job->offload = offload;
    job->result = 0;

    uv_mutex_lock(&offload->lock);
    full = offload->stopping || offload->waiting_count[job->priority] >= offload->queue_max;
    if (!full) {
        list_append(&offload->waiting[job->priority], &job->node);
        offload->waiting_count[job->priority]++;
        uv_cond_signal(&offload->work);
    }
    uv_mutex_unlock(&offload->lock);

    if (full) {
        job->op = NULL;
        return berth_fail(&op->error, BERTH_E_BUSY, "the queue is full: %zu jobs are waiting",
                          offload->queue_max);
    }
    return op_begun(op, cancel, job);
}

/* Complete jobs that have not begun. */
static void complete_closing(struct list *waiting)
{
    struct list *node;

    while ((node = list_shift(waiting))) {
        struct offload_job *job = list_entry(node, struct offload_job, node);

        job->result = berth_fail(&job->error, BERTH_E_CLOSING, "the broker is stopping");
        finish(job);
    }
}

void offload_free(struct offload *offload)
{
    if (!offload)
        return;

    uv_mutex_lock(&offload->lock);
    offload->stopping = true;
    uv_cond_broadcast(&offload->work);
    uv_mutex_unlock(&offload->lock);
    for (int i = 0; i < offload->thread_count; i++)
        (void)uv_thread_join(&offload->threads[i]);

    /* Deliver what the threads finished. */
    loop_deliver(offload->loop);
    for (int priority = 0; priority < OFFLOAD_PRIORITIES; priority++)
        complete_closing(&offload->waiting[priority]);
    uv_cond_destroy(&offload->work);
    uv_mutex_destroy(&offload->lock);
    free(offload);
}

size_t offload_waiting(const struct offload *offload, enum offload_priority priority)
{
    struct offload *writable = (struct offload *)(uintptr_t)offload;
    size_t count;

    uv_mutex_lock(&writable->lock);
    count = offload->waiting_count[priority];
    uv_mutex_unlock(&writable->lock);
    return count;
}

int64_t offload_job_ms(const struct offload *offload)
{
    struct offload *writable = (struct offload *)(uintptr_t)offload;
    int64_t us;

    uv_mutex_lock(&writable->lock);
    us = offload->job_us;
    uv_mutex_unlock(&writable->lock);
    return (us + 999) / 1000;
}

/* How many jobs begin before the last one of that queue, itself included; 0: the queue is empty. */
static int64_t count_before(const struct offload *offload, enum offload_priority priority)
{
    int64_t own = (int64_t)offload->waiting_count[priority];
    int64_t others =
        (int64_t)offload->waiting_count[priority == OFFLOAD_HIGH ? OFFLOAD_LOW : OFFLOAD_HIGH];
    int64_t between =
        priority == OFFLOAD_HIGH ? own / (OFFLOAD_LOW_SHARE - 1) : own * (OFFLOAD_LOW_SHARE - 1);

    return own + (between < others ? between : others);
}

int64_t offload_wait_ms(const struct offload *offload, enum offload_priority priority)
{
    struct offload *writable = (struct offload *)(uintptr_t)offload;
    int64_t threads = offload->thread_count;
    int64_t count;
    int64_t us;

    uv_mutex_lock(&writable->lock);
    /* The jobs before it, divided by the number of threads; running jobs are half done on average.
     */
    count = count_before(offload, priority);
    us = count > 0 ? (count * 2 + threads) / threads * offload->job_us / 2 : 0;
    uv_mutex_unlock(&writable->lock);
    return (us + 999) / 1000;
}
