/* pool.h - pools, with the lists of their desktops and what is known of their failures.
 *
 * Module core.
 */
#ifndef BERTH_CORE_POOL_H
#define BERTH_CORE_POOL_H

#include "core/registry.h"

/* What a desktop can be used for now, derived by core/desktop_class.h. A pool has a list per class.
 * "Unassigned" is: no open assignment and no reservation. */
enum desktop_class {
    CLASS_USED,            /* assigned or reserved */
    CLASS_SPARE,           /* unassigned, ready and clean */
    CLASS_PROVISIONING,    /* unassigned, its machine is on its way to become a spare */
    CLASS_IDLE,            /* unassigned, clean, off */
    CLASS_REFRESH_PENDING, /* unassigned, its disk must be refreshed first */
    CLASS_DELETE_PENDING,  /* unassigned, to be deleted */
    CLASS_QUARANTINED,     /* failed, assigned or not */
    CLASS_LOST,            /* unassigned, its host does not know it or was not asked yet */
    DESKTOP_CLASSES
};

struct pool {
    struct entity base;
    struct row_pool row;
    struct list by_class[DESKTOP_CLASSES]; /* desktops, by in_class */
    int count_of[DESKTOP_CLASSES];
    int ready;            /* READY desktops, of all classes */
    struct list waiting;  /* its queue of struct queue_entry: flow/pool_queue.h */
    int planning;         /* rows of new desktops on their way to disk */
    int planning_current; /* of these, made from the current version of its image */
    int64_t last_number;  /* number in the last name that was given to a desktop */
    int failures;         /* within the present window of ten minutes */
    int64_t failures_since_ms;
    /* Hash of what its desktops were made from when they failed: flow/backoff.c; 0 = none
     * failed. */
    uint64_t failed_inputs;
    uint64_t failed_version_id; /* image version that failed, 0 = none */
    uint64_t proved_version_id; /* image version of which a desktop came up; 0 = none */
    bool fault_is_shared;       /* the cause concerns more than one machine */
    int64_t backoff_until_ms;   /* end of the back-off, monotonic; 0 = none */
    char backoff_why[400];
    char plan_error[160];      /* why the latest new desktop could not be recorded; "" = it was */
    uint64_t replacing_id;     /* desktop being replaced by a recompose: flow/recompose.c */
    int64_t ready_ms_estimate; /* moving average of the time from planned to ready */
    struct berth_timer retry;  /* check the pool again then: flow/context.h */
};
DEFINE_FIND(pool)
DEFINE_FIND_NAME(pool)

#endif
