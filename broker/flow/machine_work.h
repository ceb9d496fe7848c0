/* machine_work.h - the flow that works on a machine: what the tables of all goals share.
 *
 * Module flow, inner header of power. power.c starts and ends the flow. Each goal has a table in a
 * file of its own; the first step of each is `admit`.
 */
#ifndef BERTH_FLOW_MACHINE_WORK_H
#define BERTH_FLOW_MACHINE_WORK_H

#include "flow/host_call.h"
#include "flow/power.h"

struct machine_work {
    struct flow flow;
    struct context *context;
    struct desktop *desktop; /* pinned */
    enum machine_goal goal;
    bool untouched;        /* it ended before its host was asked for anything */
    struct host_call call; /* the calls whose outcome must be known */
    uint64_t version_id; /* refresh: image version that the host was told to create the disk from */
    struct waitq_entry wait;
    struct delay delay;
    int conflicts; /* writes that met a change of somebody else: the first is tried again at once */

    /* Start only. */
    int64_t up_since_ms; /* the start limit counts from here */
    /* An event said that the machine stopped. Events come late and twice, so the host is asked
     * before that is believed. */
    bool stopped;
    bool verifying; /* the host is being asked */
    char stopped_why[160];
    struct virt_result result; /* of the calls that may be repeated */
    struct probe_result probe;
};

static inline struct machine_work *machine_work_of(struct flow *flow)
{
    return container_of(flow, struct machine_work, flow);
}

/* The image version that its disk is being created from at this moment; 0 = none. */
static inline uint64_t machine_refreshes_to(const struct desktop *desktop)
{
    return desktop->power ? machine_work_of(desktop->power)->version_id : 0;
}

#define MACHINE_ADMIT 0 /* the first step of all tables; nothing was asked of the host yet */

enum { MACHINE_STOP_STEPS = 2, MACHINE_REFRESH_STEPS = 3, MACHINE_DELETE_STEPS = 3 };
extern const struct flow_step machine_stop_steps[MACHINE_STOP_STEPS];
extern const struct flow_step machine_refresh_steps[MACHINE_REFRESH_STEPS];
extern const struct flow_step machine_delete_steps[MACHINE_DELETE_STEPS];

/* Host, pool and image version of its desktop; NULL: none. */
struct host *machine_host(const struct machine_work *work);
struct pool *machine_pool(const struct machine_work *work);
const struct image_version *machine_version(const struct machine_work *work);

/* The session that its desktop is assigned to, or NULL. */
const struct session *machine_session(const struct machine_work *work);

/* Does the memory of the guest belong to the user who sees the desktop next? Either the desktop is
 * dedicated to them, or their session is on it; a session that was never shown has nothing in
 * memory. */
bool machine_memory_is_its_users(const struct machine_work *work);

/* In `admit`: wait until the host can be asked, then go on to `first`. */
int machine_admit(struct flow *flow, int first);

/* Fill the arguments of a call about this machine. */
void machine_args(const struct machine_work *work, struct virt_args *args);

/* In begin: a call whose outcome must be known; `finish` looks at work->call. force: without waiting
 * for the guest. */
int machine_call(struct flow *flow, enum virt_call what, bool force);

/* In finish of a durable write: another decision changed the row meanwhile, or the disk is full.
 * What the host has done must still be recorded: `again` tries that once more. */
int machine_write_again(struct flow *flow, int again);

/* The machine is being stopped, or was: its state. `why` tells for what. */
void machine_set_stopping(struct machine_work *work, const char *why);

/* begin and finish of the step `stop`. finish: next, or `again` when it still runs. */
int machine_stop_begin(struct flow *flow);
int machine_stop_finish(struct flow *flow, int again, int next);

#endif
