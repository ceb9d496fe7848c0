/* proxy.h - a hostile network in one process: what the two halves of berth-proxy share.
 *
 * Every connection is forwarded to the target, and the rules apply to its data. Bytes never change,
 * nor their order within a direction, as TCP guarantees. Between connections there is no order.
 */
#ifndef BERTH_TESTS_FAULTS_PROXY_H
#define BERTH_TESTS_FAULTS_PROXY_H

#include <uv.h>

#include "berth/list.h"
#include "berth/random.h"

/* up: from the client to the target; down: back. */
enum proxy_direction { PROXY_UP, PROXY_DOWN, PROXY_DIRECTIONS };

struct proxy_rules {
    int64_t delay_ms, jitter_ms;
    int64_t hold_permille, hold_ms; /* chunks in a thousand: delayed by that much more */
    int64_t split;                  /* pieces of so many bytes, 0: as they come */
    int64_t rate;                   /* bytes a second of one direction, 0: as fast as it goes */
    int64_t truncate_permille;      /* chunks in a thousand: cut, and the connection reset */
    bool frozen[PROXY_DIRECTIONS];  /* nothing passes; neither end is told */
    bool refuse;                    /* new connections are reset */
    bool swallow;                   /* new connections are accepted and never forwarded */
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

/* Reset every connection. */
void proxy_reset_all(struct proxy *proxy);

/* The rules have changed: what was frozen may continue. */
void proxy_thaw(struct proxy *proxy);

#endif
