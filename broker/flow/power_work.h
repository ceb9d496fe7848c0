/* power_work.h - the work flow of power.c and its steps in power_steps.c.
 *
 * Module flow, inner header.
 */
#ifndef BERTH_FLOW_POWER_WORK_H
#define BERTH_FLOW_POWER_WORK_H

#include "flow/waitq.h"
#include "flow/power.h"

struct work {
    struct flow flow;
    struct context *context;
    struct desktop *desktop; /* pinned */
    enum machine_goal goal;
    int then;            /* step after a host operation that succeeded */
    int unknown;         /* outcomes that had to be settled */
    uint64_t version_id; /* refresh: what the host was told to make the disk from */
    bool untouched;      /* it ended before anything was asked of its host */
    bool host_was_away;  /* since the machine was asked for last */
    bool stopped; /* an event says that the machine stopped; events come late and twice, so its host
                     is asked first */
    bool doubting; /* it is being asked */
    char stopped_why[160];
    int64_t up_since_ms;
    struct virt_result result;
    struct probe_result probe;
    struct waitq_entry wait;
    struct delay delay;
};

#define WORK_UNKNOWN_MAX 3

static inline struct work *work_of(struct flow *flow)
{
    return container_of(flow, struct work, flow);
}

extern const struct flow_kind work_kind;

/* It waits for its host, or for its turn there: nothing was asked of the host yet. */
bool work_waits_to_begin(const struct work *work);

/* power.c: somebody waits for this machine, or it can become the spare that somebody waits for. One
 * that is used already is in no hurry: its user has the picture. */
bool machine_is_awaited(const struct desktop *desktop);

/* power.c: last act of the flow. */
void work_ended(struct flow *flow, const struct berth_error *error);

#endif
