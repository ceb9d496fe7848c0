/* broker_internal.h - struct broker: its modules, the loop, and what lives from start to stop.
 *
 * Module broker, inner header of broker.c and counters.c.
 */
#ifndef BERTH_BROKER_INTERNAL_H
#define BERTH_BROKER_INTERNAL_H

#include <stdatomic.h>

#include "berth/loop.h"
#include "berth/offload.h"
#include "berth/random.h"

#include "flow/context.h"

#include "broker.h"

struct link;
struct api;

struct broker {
    struct options options;
    struct broker_reload reload;
    struct berth_loop loop;
    struct berth_random random;
    struct context context;
    struct history *history; /* NULL: not recorded */
    struct offload *hashing;
    struct offload *signing;
    struct link *link;
    struct api *api;
    struct loop_mail store_mail; /* posted by the store's writer thread */
    atomic_bool store_woke;      /* store_mail is posted and not handled yet */
    bool flows_started;
    bool stopping;
    uv_signal_t signals[3];
    struct berth_timer watchdog;
    struct op quiesce;
    struct berth_error fault; /* why the loop was stopped; code 0: by a signal */
};

#endif
