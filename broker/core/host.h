/* host.h - hypervisors: what is known of each, and what runs on it.
 *
 * Module core. The state is observed by module virt and changes at once.
 */
#ifndef BERTH_CORE_HOST_H
#define BERTH_CORE_HOST_H

#include "core/registry.h"

struct flow;

struct host {
    struct entity base;
    struct row_host row;
    enum host_state state; /* observed */
    int64_t state_since_ms;
    char reason[256];
    int starting;             /* machines being started now, counted when their start is decided */
    int planning;             /* rows of new machines on their way to disk */
    int ready;                /* machines that are up and answer: desktop_reclassify */
    int64_t last_port;        /* last forwarded port that was given to a desktop */
    struct flow *inventory;   /* running inventory of its machines, or NULL */
    int64_t inventory_serial; /* number of the latest inventory */
    int unknown_outcomes;     /* consecutive calls with an unknown outcome */
    struct berth_timer retry; /* opening or degraded: take its inventory again */
    /* Calls of an earlier broker have been carried out or lost by then, monotonic; 0 = never
     * listed. */
    int64_t settled_ms;
    /* Wait queue of flows that wait for it to be up or to have room: berth/wait.h. */
    struct list waiting;
    int64_t memory_mib;    /* physical memory, from berth-virt; 0 = unknown */
    unsigned capabilities; /* enum virt_capability bits, from berth-virt */
};
DEFINE_FIND(host)

/* Set the observed state: check the transition, log old -> new with the reason, announce it. With
 * its present state only the reason changes; a new reason is logged and announced. A transition that
 * states.def forbids is logged as an internal error and not made.
 */
void host_set_state(struct host *host, enum host_state next, const char *why);

/* Is the host down or not listed yet, so that nothing can be asked? host: may be NULL, which is not
 * away. */
bool host_is_away(const struct host *host);

/* Does the host serve: up, active, not degraded? */
bool host_serves(const struct host *host);

/* May the host start another machine now (max_starting)? */
bool host_may_start(const struct host *host);

#define HOST_TEXT 360
/* The condition of the host, with the reason when it does not serve: "host 'kvm1' is down: ...". */
void host_text(const struct host *host, char *ret, size_t size);

#endif
