/* runtime.h - the entities as they live in memory: their row, and what is observed or promised beside
 * it.
 *
 * Module core. One struct per entity of entities.def; small ones have nothing beside the row. Helpers
 * to find them by what a flow has in hand. State of desktops and hosts changes only by
 * desktop_set_state and host_set_state; states that are decisions (terminal, session, ...) change
 * by the x_move functions, which put the checked row into `changes`.
 */
#ifndef BERTH_CORE_RUNTIME_H
#define BERTH_CORE_RUNTIME_H

#include "core/core.h"

struct reservation;
struct flow;

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
    enum command_state reported; /* by its terminal meanwhile, 0 = nothing new */
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
    int starting;             /* machines being started now, counted at decision time */
    int planning;             /* rows of new machines on their way to disk */
    int ready;                /* machines that are up and answer: placement_reclassify */
    int64_t last_port;        /* forwarded port that was given last */
    struct flow *inventory;   /* the listing of its machines at work, or NULL */
    int64_t inventory_serial; /* number of the latest listing */
    int unknown_outcomes;     /* calls in a row whose outcome is unknown */
    struct berth_timer retry; /* degraded: ask it again then */
    int64_t settled_ms;       /* what an earlier broker had asked of it is done or lost by then,
                                 monotonic; 0 = never listed */
    struct list waiting; /* ops of flows that wait for it to be up or to have room: flow/waitq.h */
    int64_t memory_mib;  /* of the machine, from berth-virt; 0 = unknown */
    unsigned capabilities; /* enum virt_capability bits, from berth-virt */
};

/* What a desktop is good for at this moment, derived by placement_reclassify: pools keep a list of
 * each. */
enum desktop_class {
    CLASS_USED,            /* somebody's, or reserved */
    CLASS_SPARE,           /* ready, clean and nobody's */
    CLASS_PROVISIONING,    /* nobody's, and a machine at work to become a spare */
    CLASS_IDLE,            /* nobody's, clean, off */
    CLASS_REFRESH_PENDING, /* nobody's, and its disk must be made anew first */
    CLASS_DELETE_PENDING,  /* nobody's, and to be deleted */
    CLASS_QUARANTINED,     /* failed, whosever it is */
    CLASS_LOST,            /* nobody's, and its host does not know it or was not asked yet */
    DESKTOP_CLASSES
};

struct pool {
    struct entity base;
    struct row_pool row;
    struct list by_class[DESKTOP_CLASSES]; /* desktops, by in_class */
    int count_of[DESKTOP_CLASSES];
    int ready;            /* of all classes */
    struct list waiting;  /* flows in its queue, first come first served: core/placement.h */
    int planning;         /* rows of new desktops on their way to disk */
    int planning_current; /* of these made from the current version of its image */
    int64_t last_number;  /* of the desktop that was named last */
    int failures;         /* within the present ten minutes */
    int64_t failures_since_ms;
    uint64_t failed_inputs;     /* what its desktops are made from, as they failed: backoff.c;
                                    0 = none failed */
    uint64_t failed_version_id; /* of the image, 0 = none */
    uint64_t proved_version_id; /* of the image: a desktop of it came up; 0 = none */
    bool fault_is_shared;       /* it is not one machine alone that failed */
    int64_t backoff_until_ms;   /* circuit breaker, monotonic; 0 = closed */
    char backoff_why[400];
    char plan_error[160];      /* the latest new desktop could not be recorded; "" = it could */
    uint64_t replacing_id;     /* a desktop that goes for a recompose: recompose.c */
    int64_t ready_ms_estimate; /* moving average: planned to ready */
    struct berth_timer retry;  /* look at it again then: flow/refill.h */
};

struct desktop {
    struct entity base;
    struct row_desktop row;
    enum desktop_state state; /* observed */
    int64_t state_since_ms;
    char reason[280];
    char address[128]; /* observed; manual and forwarded: as in the row */
    int port;
    char fingerprint[72];         /* learnt at this boot */
    struct reservation *reserved; /* at most one while a flow decides */
    struct list requests;         /* ops of flows that wait for it to be up: flow/power.h */
    struct flow *power;           /* the power flow at work, or NULL */
    struct list in_class;
    enum desktop_class class;
    bool classified, counted_ready; /* in a list of its pool; in its count of ready ones */
    bool preexisting; /* its row is older than this broker, which has not touched its machine yet */
    bool defined;     /* the host knows its machine */
    uint64_t failed_inputs;   /* its machine failed, made from this (pool.failed_inputs), and is in
                              quarantine for it; 0 = it did not fail */
    int64_t inventory_serial; /* number of the listing that named it last */
    bool start_slot_held;     /* counted in its host's `starting` */
    int64_t probed_ms;     /* when its RDP server last answered, monotonic; 0 = not in this boot */
    int64_t not_before_ms; /* it failed lately: not tried again before, monotonic */
};

struct terminal {
    struct entity base;
    struct row_terminal row;
    struct presence *presence; /* core/presence.h; never NULL once loaded */
    uint64_t peer;             /* link's handle of its connection, 0 = none */
    char from[64];             /* address of that connection */
    struct flow *sign_on;      /* the sign-on at work for it, or NULL */
    int64_t profile_sent, profile_applied;
};

struct assignment {
    struct entity base;
    struct row_assignment row;
};

struct session {
    struct entity base;
    struct row_session row;
    struct berth_timer limit;       /* disconnected, idle or absolute */
    enum session_state limit_state; /* the state that `limit` was armed for */
    int64_t begun_ms, since_ms;     /* it, and that state: monotonic; flow/limits.c */
    int64_t input_idle_ms;          /* as its terminal last said */
    int64_t input_said_ms;          /* when it said so, monotonic */
    bool detach_pending;            /* that its terminal lost it is on its way to disk */
    bool
        detach_after_show; /* before it was on disk that it is shown: if that comes, it is lost again */
    int64_t
        reattach_epoch;   /* meanwhile the terminal said again that it shows this claim; 0 = it did
                            not */
    int64_t voided_epoch; /* this claim is to come off its screen; that is on its way to disk */
    int64_t
        show_sent_epoch; /* its terminal was told to show this claim, which makes it active as soon
                            as that is on disk */
    char account[64];  /* for which its guest was told a password; empty: for none since this broker
                          began */
    struct flow *flow; /* sign-on or release that works on it, or NULL */
    struct berth_timer release_retry; /* ending, and its release failed: begin it again then */
    struct list waiting;              /* ops of flows that wait for its end: flow/waitq.h */
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

/* Observed states; check the transition, log old -> new with the reason, announce. A forbidden
 * transition is logged as an internal error and not made.
 */
void desktop_set_state(struct desktop *desktop, enum desktop_state next, const char *why);
/* Its state stays, and who looks at it sees why; neither logged nor announced, so it may be said
 * often.
 */
void desktop_set_reason(struct desktop *desktop, const char *why);
/* With its present state: the reason alone changes, once per reason. */
void host_set_state(struct host *host, enum host_state next, const char *why);

/* Decided states: check the transition and put the changed row into `changes`; visible after
 * core_apply, which logs and announces it. STATE when it is not permitted. *ret_row, when not NULL,
 * may be changed further before the commit.
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
/* False: the key cannot become that (it is so already, or revoked) and stays what it is. */
bool identity_transition(struct identity *identity, enum identity_state next,
                         struct changes *changes);

/* By what is in hand; NULL when absent. */
struct identity *identity_by_key(struct core *core, const char *key_hash);
struct slot *slot_of(struct core *core, uint64_t desktop_id, int64_t number);
struct assignment *assignment_open_of(struct core *core, uint64_t user_id, uint64_t pool_id);
struct assignment *assignment_on(struct core *core, uint64_t desktop_id, int64_t slot);
/* The living session (not ended) on an assignment, or of a user in any pool. */
struct session *session_on(struct core *core, uint64_t assignment_id);
struct session *session_of_user(struct core *core, uint64_t user_id, uint64_t pool_id);
/* The connection of a session that has not ended. */
struct connection *connection_of(struct core *core, uint64_t session_id);
/* The connection that has not ended on a terminal. */
struct connection *connection_at(struct core *core, uint64_t terminal_id);
struct user *user_by_name(struct core *core, const char *name);
struct terminal *terminal_by_name(struct core *core, const char *name);
struct pool *pool_by_name(struct core *core, const char *name);
struct desktop *desktop_by_uuid(struct core *core, const char *uuid);

#endif
