/* rooms_of.h - struct broker: the rooms, the loop and what main needs between start and stop.
 *
 * Room house, inner header.
 */
#ifndef BERTH_ROOMS_OF_H
#define BERTH_ROOMS_OF_H

#include "berth/loop.h"
#include "berth/offload.h"
#include "berth/random.h"

#include "flow/rooms.h"

#include "broker.h"

struct link;
struct api;

struct broker {
    struct options options;
    struct broker_reload reload;
    struct berth_loop loop;
    struct berth_random random;
    struct rooms rooms;
    struct history *history; /* NULL: nothing is recorded */
    struct offload *hashing;
    struct offload *signing;
    struct link *link;
    struct api *api;
    uv_async_t store_wake;
    bool store_wake_open;
    bool flowing;
    bool stopping;
    uv_signal_t signals[3];
    struct berth_timer watchdog;
    struct op quiesce;
    struct berth_error fault; /* why the loop was stopped, when it was not asked to */
};

#endif
