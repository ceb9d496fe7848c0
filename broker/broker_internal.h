/* broker_internal.h - struct broker: its modules, the loop and what main needs between start and stop.
 *
 * Module broker, inner header.
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
    struct history *history; /* NULL: nothing is recorded */
    struct offload *hashing;
    struct offload *signing;
    struct link *link;
    struct api *api;
    struct loop_mail store_mail; /* the store's writer has something for the loop */
    atomic_bool store_woke;      /* it is on its way */
    bool flows_started;
    bool stopping;
    uv_signal_t signals[3];
    struct berth_timer watchdog;
    struct op quiesce;
    struct berth_error fault; /* why the loop was stopped, when it was not asked to */
};

#endif
