/* power_work.h - the work flow of power.c and its steps in power_steps.c.
 *
 * Module flow, inner header.
 */
#ifndef BERTH_FLOW_POWER_WORK_H
#define BERTH_FLOW_POWER_WORK_H

#include "flow/power.h"
#include "flow/waitq.h"

struct power_work {
    struct flow flow;
    struct context *context;
    struct desktop *desktop; /* pinned */
    enum machine_goal goal;
    int then;            /* step after a host operation that succeeded */
    int unknown;         /* outcomes that had to be found out */
    uint64_t version_id; /* refresh: what the host was told to make the disk from */
    bool untouched;      /* it ended before anything was asked of its host */
    bool host_was_away;  /* since the machine was asked for last */
    bool stopped; /* an event says that the machine stopped; events come late and twice, so its host
                     is asked first */
    bool verifying; /* it is being asked */
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

extern const struct flow_kind power_kind;

/* It waits for its host, or for its turn there: nothing was asked of the host yet. */
bool power_waits_to_begin(const struct power_work *work);

/* power.c: somebody waits for this machine, or it can become the spare that somebody waits for. One
 * that is used already is not urgent: its user has the picture. */
bool machine_is_awaited(const struct desktop *desktop);

/* power.c: last act of the flow. */
void power_ended(struct flow *flow, const struct berth_error *error);

#endif
