/* lanes.c - threads that carry out calls. */
#include "lanes.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "virt/wire.h"

#include "out.h"

#define KINDS 3

struct lane {
    struct list node;
    struct lanes *lanes;
    enum virt_lane kind;
    virConnectPtr connection;
    unsigned generation;
    struct errand *now; /* being carried out */
    int64_t limit_ms;   /* of it, on the monotonic clock */
    bool abandoned;     /* nobody waits for its answer; it ends by itself if it ever comes back */
};

struct lanes {
    struct hypervisor *hypervisor;
    struct out *out;
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct list waiting[KINDS]; /* struct errand */
    struct list all;            /* struct lane, abandoned ones too */
    unsigned abandoned;
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- choosing what to do next; under the lock ---- */

/* The lane of this kind that is at work on this machine, or NULL. Questions change nothing and need
 * not take turns. What is told to a guest does: of two passwords the later one must stay, and
 * libvirt serves those who wait for one machine in any order.
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

/* Its limit is about to pass in berthd, which then asks what became of the machine: what has not
 * begun by now must not begin any more.
 */
static bool is_late(const struct errand *errand, int64_t now)
{
    return now > errand->given_ms + virt_call_row(errand->call)->limit_ms - LANES_GRACE_MS;
}

static struct errand *next_errand(struct lanes *lanes, enum virt_lane kind)
{
    int64_t now = now_ms();

    list_each (&lanes->waiting[kind], node) {
        struct errand *errand = list_entry(node, struct errand, node);

        if (is_late(errand, now) || working_on(lanes, kind, errand->args.uuid))
            continue; /* lanes_watch answers what is late */
        list_remove(node);
        return errand;
    }
    return NULL;
}

static struct errand *wait_for_errand(struct lane *lane)
{
    struct lanes *lanes = lane->lanes;
    struct errand *errand;

    (void)pthread_mutex_lock(&lanes->lock);
    while (!(errand = next_errand(lanes, lane->kind)))
        (void)pthread_cond_wait(&lanes->given, &lanes->lock);
    lane->now = errand;
    lane->limit_ms = now_ms() + virt_call_row(errand->call)->limit_ms + LANES_GRACE_MS;
    (void)pthread_mutex_unlock(&lanes->lock);
    return errand;
}

/* ---- carrying out ---- */

/* A connection that broke under a call that changes something: nobody knows whether it was done. */
static int judge(const struct errand *errand, enum virt_lane kind, int r)
{
    return r == BERTH_E_HOST_DOWN && kind != LANE_READ && errand->connection
               ? BERTH_E_UNKNOWN_OUTCOME
               : r;
}

static int carry_out(struct lane *lane, struct errand *errand)
{
    struct hypervisor *hypervisor = lane->lanes->hypervisor;
    int64_t limit_ms = virt_call_row(VIRT_open)->limit_ms - LANES_GRACE_MS;
    int r;

    if (errand->call == VIRT_open) {
        r = hypervisor_open(hypervisor, errand->args.uri, limit_ms, &errand->events,
                            &errand->error);
        if (r < 0)
            return r;
    }
    r = hypervisor_lend(hypervisor, &lane->connection, &lane->generation, &errand->error);
    if (r < 0)
        return r;
    errand->connection = lane->connection;
    r = errand_function(errand->call)(errand);
    return judge(errand, lane->kind, r);
}

/* false: the lane was abandoned meanwhile and must end. */
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
    /* The machine it acted on is free: another lane may have waited for that. */
    (void)pthread_cond_broadcast(&lanes->given);
    (void)pthread_mutex_unlock(&lanes->lock);
    return goes_on;
}

static void *run(void *context)
{
    struct lane *lane = context;
    bool goes_on = true;

    while (goes_on) {
        berth_cleanup(errand_freep) struct errand *errand = wait_for_errand(lane);
        int r = carry_out(lane, errand);

        goes_on = finish(lane);
        if (goes_on)
            out_answer(lane->lanes->out, errand->id, r, &errand->result, &errand->error);
    }
    /* Its connection was stuck once and is left behind: closing it might hang again. */
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

/* ---- the doors ---- */

struct lanes *lanes_new(struct hypervisor *hypervisor, struct out *out)
{
    static const unsigned widths[KINDS] = { [LANE_READ] = WIRE_READ_LANES,
                                            [LANE_AGENT] = WIRE_AGENT_LANES,
                                            [LANE_ACTION] = WIRE_ACTION_LANES };
    struct lanes *lanes = berth_new(struct lanes);

    lanes->hypervisor = hypervisor;
    lanes->out = out;
    (void)pthread_mutex_init(&lanes->lock, NULL);
    (void)pthread_cond_init(&lanes->given, NULL);
    list_init(&lanes->all);
    for (int kind = 0; kind < KINDS; kind++)
        list_init(&lanes->waiting[kind]);

    (void)pthread_mutex_lock(&lanes->lock);
    for (int kind = 0; kind < KINDS; kind++) {
        for (unsigned i = 0; i < widths[kind]; i++)
            add_lane(lanes, (enum virt_lane)kind);
    }
    (void)pthread_mutex_unlock(&lanes->lock);
    return lanes;
}

/* It was never begun, and will not be. */
static void turn_away(struct lanes *lanes, struct errand *errand, const char *why)
{
    (void)berth_fail(&errand->error, BERTH_E_BUSY, "machine %s: %s", errand->args.uuid, why);
    out_answer(lanes->out, errand->id, BERTH_E_BUSY, &errand->result, &errand->error);
    errand_free(errand);
}

void lanes_give(struct lanes *lanes, struct errand *errand)
{
    enum virt_lane kind = virt_lane_of(errand->call, &errand->args);
    const struct lane *busy;

    errand->out = lanes->out;
    errand->said.id = errand->id;
    errand->given_ms = now_ms();
    (void)pthread_mutex_lock(&lanes->lock);
    busy = working_on(lanes, kind, errand->args.uuid);
    if (!busy || !busy->abandoned) {
        list_append(&lanes->waiting[kind], &errand->node);
        (void)pthread_cond_broadcast(&lanes->given);
        (void)pthread_mutex_unlock(&lanes->lock);
        return;
    }
    (void)pthread_mutex_unlock(&lanes->lock);

    /* It would wait behind a call that may never come back. */
    turn_away(lanes, errand, "an earlier call is stuck");
}

/* Those that waited for their turn too long, or for a call that was given up meanwhile; under the
 * lock. */
static void turn_away_the_late(struct lanes *lanes, int64_t now)
{
    for (int kind = 0; kind < KINDS; kind++) {
        list_each (&lanes->waiting[kind], node) {
            struct errand *errand = list_entry(node, struct errand, node);
            const struct lane *busy = working_on(lanes, (enum virt_lane)kind, errand->args.uuid);

            if (!is_late(errand, now) && !(busy && busy->abandoned))
                continue;
            list_remove(node);
            turn_away(lanes, errand, "an earlier call takes too long");
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
        out_abandon(lanes->out, &lane->now->said);
        add_lane(lanes, lane->kind);
    }
    turn_away_the_late(lanes, now);
    fine = lanes->abandoned <= LANES_ABANDONED_MAX;
    (void)pthread_mutex_unlock(&lanes->lock);
    return fine;
}
