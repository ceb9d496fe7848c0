/* desktop.h - desktops: the state of each machine, and who holds or uses it now.
 *
 * Module core. The state is observed (libvirt, probes) and changes at once.
 */
#ifndef BERTH_CORE_DESKTOP_H
#define BERTH_CORE_DESKTOP_H

#include "core/pool.h"

struct reservation;
struct flow;

struct desktop {
    struct entity base;
    struct row_desktop row;
    enum desktop_state state; /* observed */
    int64_t state_since_ms;
    char reason[280];
    char address[128]; /* observed; manual and forwarded: as in the row */
    int port;
    char fingerprint[72];         /* SHA-256 of its certificate, learnt at this boot */
    struct reservation *reserved; /* held while a flow decides, or NULL */
    struct list requests;         /* struct goal_request: flow/machine_requests.h */
    struct flow *power;           /* the running power flow, or NULL */
    struct list in_class;
    enum desktop_class class;
    bool classified;    /* in a list of its pool */
    bool counted_ready; /* counted in pool.ready and host.ready */
    /* Its row was loaded at the start, and this broker has not touched its machine yet. */
    bool preexisting;
    bool defined; /* the host has a domain for it */
    /* pool.failed_inputs when its machine failed, for which it is in quarantine; 0 = it did not
     * fail. */
    uint64_t failed_inputs;
    int64_t inventory_serial; /* number of the inventory that listed it last */
    bool start_slot_held;     /* counted in its host's `starting` */
    int64_t probed_ms;     /* when its RDP server last answered, monotonic; 0 = not in this boot */
    int64_t not_before_ms; /* it failed lately: not tried again before this time, monotonic */
};
DEFINE_FIND(desktop)

/* NULL when absent. */
DEFINE_FIND_TEXT(desktop, desktop_by_uuid, DESKTOP_BY_UUID)

/* Set the observed state: check the transition, log old -> new with the reason, announce it. A
 * transition that states.def forbids is logged as an internal error and not made.
 */
void desktop_set_state(struct desktop *desktop, enum desktop_state next, const char *why);
/* Change the reason only. Neither logged nor announced, so it may be called often. */
void desktop_set_reason(struct desktop *desktop, const char *why);

#endif
