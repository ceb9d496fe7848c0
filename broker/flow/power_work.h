/* power_work.h - the power flow: started and ended in power.c, its steps in power_steps.c.
 *
 * Module flow, inner header of power.
 */
#ifndef BERTH_FLOW_POWER_WORK_H
#define BERTH_FLOW_POWER_WORK_H

#include "berth/wait.h"

#include "flow/power.h"

struct power_work {
    struct flow flow;
    struct context *context;
    struct desktop *desktop; /* pinned */
    enum machine_goal goal;
    int then;            /* next step after a host operation that succeeded */
    int unknown;         /* calls so far whose outcome was unknown */
    uint64_t version_id; /* refresh: image version that the host was told to create the disk from */
    bool untouched;      /* it ended before its host was asked for anything */
    bool host_was_away;  /* since the last inspection of the machine */
    /* An event said that the machine stopped. Events come late and twice, so the host is asked
     * before that is believed. */
    bool stopped;
    bool verifying; /* the host is being asked */
    char stopped_why[160];
    int64_t up_since_ms;
    struct virt_result result;
    struct probe_result probe;
    struct waitq_entry wait;
    struct delay delay;
};

#define POWER_UNKNOWN_MAX 3

static inline struct power_work *power_work_of(struct flow *flow)
{
    return container_of(flow, struct power_work, flow);
}

/* The image version that the disk of the desktop is being created from at this moment; 0 = none. */
static inline uint64_t machine_refreshes_to(const struct desktop *desktop)
{
    return desktop->power ? power_work_of(desktop->power)->version_id : 0;
}

extern const struct flow_kind power_kind;

/* Does it wait for its host, or for its turn there? Nothing was asked of the host yet then. */
bool power_waits_to_begin(const struct power_work *work);

/* In power.c: does anyone wait for this machine, or can it become a spare that others wait for? A
 * desktop in use is not urgent: its user has the picture. */
bool machine_is_awaited(const struct desktop *desktop);

/* In power.c: the end of the flow, flow_kind.ended. */
void power_ended(struct flow *flow, const struct berth_error *error);

#endif
