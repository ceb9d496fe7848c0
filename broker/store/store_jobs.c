/* store_jobs.c - the queues between the loop and the store's threads, as those threads see them. */
#include <time.h>

#include "store_internal.h"

static struct timespec later(int64_t wait_ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

bool store_take(struct store *store, struct job_queue *queue, int64_t wait_ms, size_t most,
                struct list *ret)
{
    struct timespec until = later(wait_ms);
    bool in_time = wait_ms != 0;
    bool open;

    (void)pthread_mutex_lock(&store->lock);
    while (list_empty(&queue->jobs) && !store->closing && in_time) {
        if (wait_ms < 0)
            (void)pthread_cond_wait(&queue->filled, &store->lock);
        else
            in_time = pthread_cond_timedwait(&queue->filled, &store->lock, &until) == 0;
    }
    for (size_t i = 0; i < most && !list_empty(&queue->jobs); i++) {
        list_append(ret, list_shift(&queue->jobs));
        queue->count--;
    }
    open = !store->closing || !list_empty(&queue->jobs);
    (void)pthread_mutex_unlock(&store->lock);
    return open;
}

void store_done(struct store *store, struct list *jobs)
{
    struct list *node;

    (void)pthread_mutex_lock(&store->lock);
    while ((node = list_shift(jobs)))
        list_append(&store->done, node);
    (void)pthread_mutex_unlock(&store->lock);
    store->setup.wake(store->setup.context);
}

void store_break(struct store *store, const struct berth_error *error)
{
    bool first;

    (void)pthread_mutex_lock(&store->lock);
    first = store->broken.code == 0;
    if (first)
        store->broken = *error;
    (void)pthread_mutex_unlock(&store->lock);
    if (first) /* store_turn then tells the broker, which logs it and exits */
        store->setup.wake(store->setup.context);
}

bool store_broken(struct store *store, struct berth_error *ret)
{
    bool broken;

    (void)pthread_mutex_lock(&store->lock);
    broken = store->broken.code != 0;
    if (broken && ret)
        *ret = store->broken;
    (void)pthread_mutex_unlock(&store->lock);
    return broken;
}
