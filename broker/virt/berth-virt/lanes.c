/* lanes.c - worker threads for calls. */
#include "lanes.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "virt/wire.h"

#include "out.h"

#define LANE_KINDS 3

struct lane {
    struct list node;
    struct lanes *lanes;
    enum virt_lane kind;
    virConnectPtr connection;
    unsigned generation;
    struct virt_request *now; /* being carried out */
    int64_t limit_ms;         /* deadline of it, on the monotonic clock */
    bool abandoned;           /* replaced; the thread ends if its call ever returns */
};

struct lanes {
    struct hypervisor *hypervisor;
    struct out *out;
    pthread_mutex_t lock;
    pthread_cond_t submitted;
    struct list waiting[LANE_KINDS]; /* struct virt_request */
    struct list all;                 /* struct lane, also abandoned ones */
    unsigned abandoned;
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- choosing the next request; with the lock held ---- */

/* The lane of this kind that works on this machine, or NULL. Queries change nothing and may run in
 * parallel. Calls into a guest may not: of two passwords the later one must win, and libvirt serves
 * threads that wait for the same machine in any order.
 */
static const struct lane *working_on(const struct lanes *lanes, enum virt_lane kind,
                                     const char *uuid)
{
    list_each (&lanes->all, node) {
        const struct lane *lane = list_entry(node, struct lane, node);

        if (kind != LANE_READ && lane->kind == kind && lane->now && uuid[0] &&
            strcmp(lane->now->args.uuid, uuid) == 0)
            return lane;
    }
    return NULL;
}

/* Its limit is about to pass in berthd, which then inspects the machine: a call that has not begun
 * by now must not begin any more.
 */
static bool is_late(const struct virt_request *request, int64_t now)
{
    return now > request->received_ms + virt_call_row(request->call)->limit_ms - LANES_GRACE_MS;
}

static struct virt_request *next_request(struct lanes *lanes, enum virt_lane kind)
{
    int64_t now = now_ms();

    list_each (&lanes->waiting[kind], node) {
        struct virt_request *request = list_entry(node, struct virt_request, node);

        if (is_late(request, now) || working_on(lanes, kind, request->args.uuid))
            continue; /* lanes_watch fails late requests */
        list_remove(node);
        return request;
    }
    return NULL;
}

static struct virt_request *wait_for_request(struct lane *lane)
{
    struct lanes *lanes = lane->lanes;
    struct virt_request *request;

    (void)pthread_mutex_lock(&lanes->lock);
    while (!(request = next_request(lanes, lane->kind)))
        (void)pthread_cond_wait(&lanes->submitted, &lanes->lock);
    lane->now = request;
    lane->limit_ms = now_ms() + virt_call_row(request->call)->limit_ms + LANES_GRACE_MS;
    (void)pthread_mutex_unlock(&lanes->lock);
    return request;
}

/* ---- carrying out a request ---- */

/* The connection broke during a call that changes something: it is unknown whether it was done. */
static int judge(const struct virt_request *request, enum virt_lane kind, int r)
{
    return r == BERTH_E_HOST_DOWN && kind != LANE_READ && request->connection
               ? BERTH_E_UNKNOWN_OUTCOME
               : r;
}

static int carry_out(struct lane *lane, struct virt_request *request)
{
    struct hypervisor *hypervisor = lane->lanes->hypervisor;
    int64_t limit_ms = virt_call_row(VIRT_open)->limit_ms - LANES_GRACE_MS;
    int r;

    if (request->call == VIRT_open) {
        r = hypervisor_open(hypervisor, request->args.uri, limit_ms, &request->events,
                            &request->error);
        if (r < 0)
            return r;
    }
    r = hypervisor_lane_connection(hypervisor, &lane->connection, &lane->generation,
                                   &request->error);
    if (r < 0)
        return r;
    request->connection = lane->connection;
    r = virt_request_function(request->call)(request);
    return judge(request, lane->kind, r);
}

/* False: the lane was abandoned meanwhile and must end. */
static bool finish(struct lane *lane)
{
    struct lanes *lanes = lane->lanes;
    bool goes_on;

    (void)pthread_mutex_lock(&lanes->lock);
    lane->now = NULL;
    goes_on = !lane->abandoned;
    if (!goes_on) {
        list_remove(&lane->node);
        lanes->abandoned--;
    }
    /* The machine is free: another lane may wait for it. */
    (void)pthread_cond_broadcast(&lanes->submitted);
    (void)pthread_mutex_unlock(&lanes->lock);
    return goes_on;
}

static void *run(void *context)
{
    struct lane *lane = context;
    bool goes_on = true;

    while (goes_on) {
        berth_cleanup(virt_request_freep) struct virt_request *request = wait_for_request(lane);
        int r = carry_out(lane, request);

        goes_on = finish(lane);
        if (goes_on)
            out_answer(lane->lanes->out, request->id, r, &request->result, &request->error);
    }
    /* Its connection hung once and is abandoned: closing it might hang again. */
    free(lane);
    return NULL;
}

static void add_lane(struct lanes *lanes, enum virt_lane kind)
{
    struct lane *lane = berth_new(struct lane);
    pthread_t thread;

    lane->lanes = lanes;
    lane->kind = kind;
    list_append(&lanes->all, &lane->node);
    if (pthread_create(&thread, NULL, run, lane) != 0) {
        (void)fputs("berth-virt: cannot start a thread\n", stderr);
        abort();
    }
    (void)pthread_detach(thread);
}

/* ---- the interface ---- */

struct lanes *lanes_new(struct hypervisor *hypervisor, struct out *out)
{
    static const unsigned widths[LANE_KINDS] = { [LANE_READ] = WIRE_READ_LANES,
                                                 [LANE_AGENT] = WIRE_AGENT_LANES,
                                                 [LANE_ACTION] = WIRE_ACTION_LANES };
    struct lanes *lanes = berth_new(struct lanes);

    lanes->hypervisor = hypervisor;
    lanes->out = out;
    (void)pthread_mutex_init(&lanes->lock, NULL);
    (void)pthread_cond_init(&lanes->submitted, NULL);
    list_init(&lanes->all);
    for (int kind = 0; kind < LANE_KINDS; kind++)
        list_init(&lanes->waiting[kind]);

    (void)pthread_mutex_lock(&lanes->lock);
    for (int kind = 0; kind < LANE_KINDS; kind++) {
        for (unsigned i = 0; i < widths[kind]; i++)
            add_lane(lanes, (enum virt_lane)kind);
    }
    (void)pthread_mutex_unlock(&lanes->lock);
    return lanes;
}

/* Fail a request that was not begun. */
static void refuse(struct lanes *lanes, struct virt_request *request, const char *why)
{
    (void)berth_fail(&request->error, BERTH_E_BUSY, "machine %s: %s", request->args.uuid, why);
    out_answer(lanes->out, request->id, BERTH_E_BUSY, &request->result, &request->error);
    virt_request_free(request);
}

void lanes_submit(struct lanes *lanes, struct virt_request *request)
{
    enum virt_lane kind = virt_lane_of(request->call, &request->args);
    const struct lane *busy;

    request->out = lanes->out;
    request->out_call.id = request->id;
    request->received_ms = now_ms();
    (void)pthread_mutex_lock(&lanes->lock);
    busy = working_on(lanes, kind, request->args.uuid);
    if (!busy || !busy->abandoned) {
        list_append(&lanes->waiting[kind], &request->node);
        (void)pthread_cond_broadcast(&lanes->submitted);
        (void)pthread_mutex_unlock(&lanes->lock);
        return;
    }
    (void)pthread_mutex_unlock(&lanes->lock);

    /* It would wait for a call that may never return. */
    refuse(lanes, request, "an earlier call is stuck");
}

/* Fail requests that waited too long, or for a call that was abandoned meanwhile; with the lock
 * held. */
static void refuse_late(struct lanes *lanes, int64_t now)
{
    for (int kind = 0; kind < LANE_KINDS; kind++) {
        list_each (&lanes->waiting[kind], node) {
            struct virt_request *request = list_entry(node, struct virt_request, node);
            const struct lane *busy = working_on(lanes, (enum virt_lane)kind, request->args.uuid);

            if (!is_late(request, now) && !(busy && busy->abandoned))
                continue;
            list_remove(node);
            refuse(lanes, request, "an earlier call takes too long");
        }
    }
}

bool lanes_watch(struct lanes *lanes)
{
    int64_t now = now_ms();
    bool fine;

    (void)pthread_mutex_lock(&lanes->lock);
    list_each (&lanes->all, node) {
        struct lane *lane = list_entry(node, struct lane, node);

        if (lane->abandoned || !lane->now || now < lane->limit_ms)
            continue;
        lane->abandoned = true;
        lanes->abandoned++;
        out_abandon(lanes->out, &lane->now->out_call);
        add_lane(lanes, lane->kind);
    }
    refuse_late(lanes, now);
    fine = lanes->abandoned <= LANES_ABANDONED_MAX;
    (void)pthread_mutex_unlock(&lanes->lock);
    return fine;
}
