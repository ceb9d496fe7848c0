/* runtime.h - the entities as they live in memory: the row, and what is observed or held beside it.
 *
 * Module core. One struct per entity of entities.def; most of them have only the row. Below them
 * are the functions that change states, and lookups by what a flow has at hand.
 *
 * There are two kinds of states:
 *   observed  (desktop, host): change at once, only by desktop_set_state and host_set_state
 *   decided   (terminal, session, connection, assignment, command, image version, identity): change
 *             only by the x_transition functions, which check the transition and put the changed
 *             row into `changes`
 */
#ifndef BERTH_CORE_RUNTIME_H
#define BERTH_CORE_RUNTIME_H

#include "core/core.h"

struct reservation;
struct flow;
struct context; /* of module flow */

struct site {
    struct entity base;
    struct row_site row;
};
struct place {
    struct entity base;
    struct row_place row;
};
struct image {
    struct entity base;
    struct row_image row;
};
struct image_version {
    struct entity base;
    struct row_image_version row;
};
struct slot {
    struct entity base;
    struct row_slot row;
};
struct identity {
    struct entity base;
    struct row_identity row;
};
struct invitation {
    struct entity base;
    struct row_invitation row;
};
struct profile {
    struct entity base;
    struct row_profile row;
};
struct command {
    struct entity base;
    struct row_command row;
    bool writing;                /* a change of its state is on its way to disk */
    enum command_state reported; /* by its terminal meanwhile, 0 = no news */
    char reported_result[200];
};
struct user {
    struct entity base;
    struct row_user row;
};
struct badge {
    struct entity base;
    struct row_badge row;
};
struct group {
    struct entity base;
    struct row_group row;
};
struct membership {
    struct entity base;
    struct row_membership row;
};
struct entitlement {
    struct entity base;
    struct row_entitlement row;
};
struct admin {
    struct entity base;
    struct row_admin row;
};
struct token {
    struct entity base;
    struct row_token row;
};

struct host {
    struct entity base;
    struct row_host row;
    enum host_state state; /* observed */
    int64_t state_since_ms;
    char reason[256];
    int starting;             /* machines being started now, counted when their start is decided */
    int planning;             /* rows of new machines on their way to disk */
    int ready;                /* machines that are up and answer: placement_reclassify */
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

/* What a desktop can be used for now, derived by placement_reclassify. A pool has a list per class.
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
    struct list waiting;  /* its queue of struct queue_entry: flow/refill.h */
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
    struct berth_timer retry;  /* check the pool again then: flow/refill.h */
};

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
    struct list requests;         /* struct machine_request, for its machine: flow/power.c */
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

struct terminal {
    struct entity base;
    struct row_terminal row;
    struct presence *presence; /* core/presence.h; never NULL once loaded */
    uint64_t peer;             /* the link's handle of its connection, 0 = none */
    char from[64];             /* address of that connection */
    struct flow *sign_on;      /* the running sign-on at it, or NULL */
    int64_t profile_sent, profile_applied;
};

struct assignment {
    struct entity base;
    struct row_assignment row;
};

struct session {
    struct entity base;
    struct row_session row;
    struct berth_timer limit;       /* the next limit to end: disconnected or absolute */
    struct context *context;        /* for its timers; set when one is armed */
    enum session_state limit_state; /* the state that `limit` was armed for */
    int64_t begun_ms, since_ms;     /* start of the session, and of limit_state: monotonic */
    int64_t input_idle_ms;          /* as its terminal last reported */
    int64_t input_said_ms;          /* when it reported that, monotonic */
    bool detach_pending;            /* a disconnect that was observed is being written */
    /* The disconnect came before the write that it is shown: when that is written, write the
     * disconnect again. */
    bool detach_after_show;
    /* The terminal reported meanwhile that it shows the claim with this epoch; 0 = it did not. */
    int64_t reattach_epoch;
    int64_t voided_epoch; /* the claim with this epoch is void; that is being written */
    /* Its terminal was told to show the claim with this epoch, which makes the session ACTIVE once
     * that is written. */
    int64_t show_sent_epoch;
    /* Account for which its guest was given a password; empty: none since this broker started. */
    char account[64];
    struct flow *flow;                /* the running sign-on or release, or NULL */
    struct berth_timer release_retry; /* ENDING, and its release failed: start it again */
    struct list waiting;              /* wait queue of flows that wait for its end: berth/wait.h */
};

struct connection {
    struct entity base;
    struct row_connection row;
};

/* Typed lookups; NULL when absent. */
#define DEFINE_FIND(name)                                                  \
    static inline struct name *name##_find(struct core *core, uint64_t id) \
    {                                                                      \
        struct entity *entity = core_find(core, ENTITY_##name, id);        \
        return entity ? container_of(entity, struct name, base) : NULL;    \
    }
DEFINE_FIND(site)
DEFINE_FIND(place)
DEFINE_FIND(host)
DEFINE_FIND(image)
DEFINE_FIND(image_version)
DEFINE_FIND(pool)
DEFINE_FIND(desktop)
DEFINE_FIND(slot)
DEFINE_FIND(terminal)
DEFINE_FIND(identity)
DEFINE_FIND(invitation)
DEFINE_FIND(profile)
DEFINE_FIND(command)
DEFINE_FIND(user)
DEFINE_FIND(badge)
DEFINE_FIND(group)
DEFINE_FIND(membership)
DEFINE_FIND(entitlement)
DEFINE_FIND(assignment)
DEFINE_FIND(session)
DEFINE_FIND(connection)
DEFINE_FIND(admin)
DEFINE_FIND(token)
#undef DEFINE_FIND

/* Set an observed state: check the transition, log old -> new with the reason, announce it. A
 * transition that states.def forbids is logged as an internal error and not made.
 */
void desktop_set_state(struct desktop *desktop, enum desktop_state next, const char *why);
/* Change the reason only. Neither logged nor announced, so it may be called often. */
void desktop_set_reason(struct desktop *desktop, const char *why);
/* With its present state only the reason changes; a new reason is logged and announced. */
void host_set_state(struct host *host, enum host_state next, const char *why);

/* Change a decided state: check the transition and put the changed row into `changes`. It is
 * visible after core_apply, which logs and announces it.
 *
 * ret_row: NULL, or set to the row in `changes`, which may be changed further before the commit.
 * Errors: STATE when states.def does not permit the transition; `changes` are untouched then.
 */
int session_transition(struct session *session, enum session_state next, const char *why,
                       struct changes *changes, struct row_session **ret_row,
                       struct berth_error *reterr) berth_must_check;
int connection_transition(struct connection *connection, enum connection_state next,
                          const char *why, struct changes *changes, struct row_connection **ret_row,
                          struct berth_error *reterr) berth_must_check;
int assignment_transition(struct assignment *assignment, enum assignment_state next,
                          const char *why, struct changes *changes,
                          struct berth_error *reterr) berth_must_check;
int terminal_transition(struct terminal *terminal, enum terminal_state next, const char *why,
                        struct changes *changes, struct row_terminal **ret_row,
                        struct berth_error *reterr) berth_must_check;
int command_transition(struct command *command, enum command_state next, const char *result,
                       struct changes *changes, struct berth_error *reterr) berth_must_check;
int image_version_transition(struct image_version *version, enum image_version_state next,
                             struct changes *changes, struct berth_error *reterr) berth_must_check;
/* False when the key cannot become `next`, because it is that already or is revoked; it stays as it
 * is then. */
bool identity_transition(struct identity *identity, enum identity_state next,
                         struct changes *changes);

/* Lookups by key, name or relation; NULL when absent. */
struct identity *identity_by_key(struct core *core, const char *key_hash);
struct slot *slot_of(struct core *core, uint64_t desktop_id, int64_t number);
struct assignment *assignment_open_of(struct core *core, uint64_t user_id, uint64_t pool_id);
struct assignment *assignment_on(struct core *core, uint64_t desktop_id, int64_t slot);
/* The session that has not ended on an assignment; or of a user, in this pool or, with 0, in any
 * (the oldest). */
struct session *session_on(struct core *core, uint64_t assignment_id);
struct session *session_of_user(struct core *core, uint64_t user_id, uint64_t pool_id);
/* The connection that has not ended, of a session. */
struct connection *connection_of(struct core *core, uint64_t session_id);
/* The connection that has not ended, at a terminal. */
struct connection *connection_at(struct core *core, uint64_t terminal_id);
struct user *user_by_name(struct core *core, const char *name);
struct terminal *terminal_by_name(struct core *core, const char *name);
struct pool *pool_by_name(struct core *core, const char *name);
struct desktop *desktop_by_uuid(struct core *core, const char *uuid);

#endif
