/* reactor.h - the state of module flow between turns: peers, pending requests and writes, and what
 * must be checked at the end of the turn.
 *
 * Module flow, inner header. One struct reactor per broker, at context->reactor, made by
 * reactor_start.
 *
 * Everything that reacts to changes listens here, once: a notice marks what must be checked, and
 * the check runs at the end of the turn. Nothing polls.
 */
#ifndef BERTH_FLOW_REACTOR_H
#define BERTH_FLOW_REACTOR_H

#include "flow/context.h"

struct sign_on;

/* A connection of a terminal, or of a device at the join listener that wants to become one. */
struct peer {
    struct context *context;
    uint64_t id;
    uint64_t terminal_id; /* 0: at the join listener */
    uint64_t identity_id; /* the key it came with */
    bool present;         /* it has announced itself and was granted presence */
    char address[64];
    struct flow *flow;         /* the running join or renewal for it, or NULL */
    int64_t not_after_ms;      /* end of its certificate, by the wall clock */
    struct berth_timer expiry; /* at the link: hang up when its certificate ends */
};

/* How the latest sign-on of a user ended, for explain. */
struct last_sign_on {
    uint64_t user_id;
    int64_t at_ms; /* wall clock */
    char terminal[64];
    char outcome[256];
};

/* A job whose caller still waits when the broker stops; embedded in the struct of the job. */
struct pending_request {
    struct list node;
    void (*drop)(struct pending_request *pending);
};

/* Ids to be checked at the end of this turn, each once, in order. */
struct dirty_set {
    struct map ids;    /* id -> struct dirty_id */
    struct list queue; /* of struct dirty_id */
};

struct reactor {
    struct context *context;
    struct flow_counters flow_counters; /* counters of the engine's flows */
    bool stopping;                      /* no new flow or request begins */
    bool closed;                        /* reactor_stop: no decision begins any more */
    struct notice_listener listener;

    struct map peers;           /* id -> struct peer */
    struct map signing_on;      /* user id -> struct list of struct sign_on.same_user */
    struct map last_sign_ons;   /* user id -> struct last_sign_on */
    struct map resumes;         /* session id -> struct resume: resume.c */
    struct list decisions;      /* decide.c: decisions being written */
    struct list retried_writes; /* decide.c */
    struct list pending_ends;   /* release.c: ends of sessions that no caller waits for */
    /* join.c: the flow that takes a use of an invitation at this moment, or NULL. */
    struct flow *invitation_flow;
    struct list invitation_waitq; /* join.c: wait queue of the flows after it */

    struct list pending_requests; /* admin*.c */

    struct dirty_set dirty_pools;      /* refill.c */
    struct dirty_set dirty_profiles;   /* profile.c: terminals whose settings may have changed */
    struct berth_deferred flush;       /* checks the dirty sets at the end of this turn */
    struct berth_timer more_profiles;  /* checks further dirty profiles in the next turn */
    struct berth_timer recovered;      /* end of the recovery window */
    struct berth_timer command_expiry; /* command.c */

    int64_t profile_version; /* of the latest change that may affect settings */

    struct op *quiescing; /* reactor_quiesce */
    struct berth_timer quiesce_limit;
};

static inline struct reactor *reactor_of(struct context *context)
{
    return context->reactor;
}

/* Is this the recovery window? Nothing is destroyed in it: after a restart no machine is touched
 * until terminals had time to come back. */
static inline bool context_recovering(struct context *context)
{
    return context->timers->mono_ms < context->core->recovery_until_ms;
}

/* Mark a pool or a terminal's profile to be checked at the end of this turn. */
void context_mark_pool(struct context *context, uint64_t pool_id);
void context_mark_all_pools(struct context *context);
void context_mark_profile(struct context *context, uint64_t terminal_id);

/* notices.c: the listener for all notices of the core. */
void reactor_notify(struct notice_listener *listener, const struct notice *notice);

/* context_peer: NULL when the connection is gone. context_terminal: its terminal; NULL when the
 * peer is no terminal (any more), or was replaced by a newer connection of its terminal. */
struct peer *context_peer(struct context *context, uint64_t peer);
struct terminal *context_terminal(struct context *context, uint64_t peer);

/* Free a peer that was removed from the map. */
void context_peer_free(struct peer *peer);

/* Send a message to a peer, if messages.def permits it in the peer's present state; otherwise, and
 * when there is no such peer, nothing happens. A terminal that has connected and not announced
 * itself yet is sent nothing that it could not handle; its announcement asks for the rest.
 */
void context_tell(struct context *context, uint64_t peer, const struct msg *msg);

/* For the history: an event of a connection or a key. acted_id: the terminal that a message was
 * carried out for; key: NULL where it does not matter. */
void context_note_peer(struct context *context, enum history_peer_event event, uint64_t terminal_id,
                       uint64_t acted_id, const char *key);

/* Remember how the latest sign-on of this user ended, for explain.h. */
void context_note_last_sign_on(struct context *context, uint64_t user_id, const char *terminal,
                               const char *outcome);

/* A decision has ended: completes reactor_quiesce when nothing is under way any more. The engine
 * reports the ends of flows. */
void reactor_flow_ended(struct context *context);

#endif
