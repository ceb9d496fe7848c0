/* watch.h - CPU and memory of a server under load, as the kernel counts them.
 *
 * Shared by the peers' programs. Reads /proc only; a server is a process with its children (nginx
 * works in them).
 */
#ifndef BERTH_STORM_PEERS_WATCH_H
#define BERTH_STORM_PEERS_WATCH_H

#include <stdint.h>
#include <sys/types.h>

struct watch_sample {
    int64_t at_us;   /* monotonic */
    int64_t cpu_us;  /* of all present threads, since they began */
    int64_t rss_kib; /* resident */
    int64_t pss_kib; /* resident, shared pages divided among those who share them */
};

/* Read now. Negative: the process has ended or is not readable. */
int watch_take(pid_t pid, struct watch_sample *ret);

/* Monotonic microseconds; CPU of the own process and of the calling thread. */
int64_t watch_now_us(void);
int64_t watch_own_cpu_us(void);
int64_t watch_thread_cpu_us(void);

/* The value at `percent` of the values; sorts them. 0 when there are none. */
int64_t watch_percentile(int64_t *values, size_t count, int percent);

#endif
