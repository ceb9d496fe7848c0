/* proxy.h - a hostile network in one process: what berth-proxy's two halves share.
 *
 * Every connection that comes is led on to the target, and what flows suffers what the rules say.
 * Bytes never change and never change their order within a direction: TCP stays TCP. Between
 * connections nothing is in order.
 */
#ifndef BERTH_TESTS_FAULTS_PROXY_H
#define BERTH_TESTS_FAULTS_PROXY_H

#include <uv.h>

#include "berth/list.h"
#include "berth/random.h"

/* up: from who connected to the target; down: back. */
enum proxy_direction { PROXY_UP, PROXY_DOWN, PROXY_DIRECTIONS };

struct proxy_rules {
    int64_t delay_ms, jitter_ms;
    int64_t hold_permille, hold_ms; /* a chunk in so many is held that much longer */
    int64_t split;                  /* pieces of so many bytes, 0: as they come */
    int64_t rate;                   /* bytes a second of one direction, 0: as fast as it goes */
    int64_t truncate_permille;      /* a chunk in so many is torn and the connection reset */
    bool frozen[PROXY_DIRECTIONS];  /* nothing passes; nobody is told */
    bool refuse;                    /* whoever comes is reset */
    bool swallow;                   /* whoever comes is taken and never led on */
};

struct proxy_counts {
    int64_t connections, refused, swallowed, resets, torn, held;
    int64_t chunks, pieces, bytes;
};

/* "127.0.0.1:7443" or "unix:/path". */
struct proxy_place {
    bool local;
    struct sockaddr_in at;
    char path[108];
};

struct proxy {
    uv_loop_t loop;
    struct berth_random random;
    struct proxy_rules rules;
    struct proxy_counts counts;
    struct proxy_place target;
    struct list pairs;
    int64_t open;
};

/* A new connection waits at `listener`. */
void proxy_take(struct proxy *proxy, uv_stream_t *listener, bool local);

/* Reset every connection that there is. */
void proxy_reset_all(struct proxy *proxy);

/* The rules have changed: what was frozen may go on. */
void proxy_thaw(struct proxy *proxy);

#endif
