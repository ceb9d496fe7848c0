/* reactor.h - what module flow keeps between turns: peers, queues, requests, and what has to be looked at
 * again.
 *
 * Module flow, inner header. One struct reactor per broker, at context->reactor, made by reactor_start.
 *
 * Everything that must react to facts listens here, once: a notice marks what has to be looked at,
 * and the looking is done at the end of the turn. There is no polling.
 */
#ifndef BERTH_FLOW_REACTOR_H
#define BERTH_FLOW_REACTOR_H

#include "flow/context.h"

struct sign_on;

/* A connection of a terminal, or of somebody who wants to become one. */
struct peer {
    struct context *context;
    uint64_t id;
    uint64_t terminal_id; /* 0: at the join listener */
    uint64_t identity_id; /* the key it came with */
    bool present;         /* it has announced itself and was granted */
    char address[64];
    struct flow *flow;         /* joining or renewal at work for it */
    int64_t not_after_ms;      /* of its certificate, by the wall clock */
    struct berth_timer expiry; /* at the link: its certificate ends */
};

/* How the latest sign-on of a user ended, for explain. */
struct last_sign_on {
    uint64_t user_id;
    int64_t at_ms; /* wall clock */
    char terminal[64];
    char outcome[256];
};

/* What somebody asked and still waits for when the broker stops: its own, embedded in the asker's
 * struct. */
struct pending_request {
    struct list node;
    void (*drop)(struct pending_request *pending);
};

/* Something to be looked at, at the end of this turn. */
struct dirty_set {
    struct map ids;    /* id -> struct dirty_id */
    struct list queue; /* of struct dirty_id */
};

struct reactor {
    struct context *context;
    struct flow_counters flow_counters; /* of the engine's flows */
    bool stopping;                      /* nothing new is begun */
    bool closed;                        /* reactor_stop: nothing is decided any more */
    struct notice_listener listener;

    struct map peers;           /* id -> struct peer */
    struct map signing_on;      /* user id -> struct list of struct sign_on.same_user */
    struct map last_sign_ons;   /* user id -> struct last_sign_on */
    struct map resumes;         /* session id -> struct resume: resume.c */
    struct list decisions;      /* decide.c: on their way to disk */
    struct list retried_writes; /* decide.c */
    struct list pending_ends;   /* release.c: sessions that shall end, and nobody waits */
    struct flow
        *invitation_flow; /* join.c: takes a use of an invitation, until its outcome is known */
    struct list invitation_waitq; /* join.c: waitq of those that want to do so after it */

    struct list pending_requests; /* admin*.c */

    struct dirty_set dirty_pools;      /* refill.c */
    struct dirty_set dirty_profiles;   /* profile.c: terminals that may need another one */
    struct berth_deferred flush;       /* at the end of this turn: look */
    struct berth_timer more_profiles;  /* look again in the next turn */
    struct berth_timer recovered;      /* the recovery window is over */
    struct berth_timer command_expiry; /* command.c */

    int64_t profile_version; /* of the latest change that may change somebody's settings */

    struct op *quiescing; /* reactor_quiesce */
    struct berth_timer quiesce_limit;
};

static inline struct reactor *reactor_of(struct context *context)
{
    return context->reactor;
}

/* Nothing may be destroyed yet: a restart touches no machine until its terminals had time to come
 * back. */
static inline bool context_recovering(struct context *context)
{
    return context->timers->mono_ms < context->core->recovery_until_ms;
}

/* Mark for the end of this turn. */
void context_mark_pool(struct context *context, uint64_t pool_id);
void context_mark_all_pools(struct context *context);
void context_mark_profile(struct context *context, uint64_t terminal_id);

/* notices.c: a fact has changed. */
void reactor_notify(struct notice_listener *listener, const struct notice *notice);

/* The next one marked, or 0. */
uint64_t dirty_set_next(struct dirty_set *set);

/* NULL when the peer is gone, or not a terminal (any more), or was replaced by a newer connection
 * of its terminal. */
struct peer *context_peer(struct context *context, uint64_t peer);
/* It is in no map any more. */
void context_peer_free(struct peer *peer);
struct terminal *context_terminal(struct context *context, uint64_t peer);

/* Tell a peer, if it may hear this in its present state (messages.def): a terminal that has
 * connected and not announced itself yet hears of nothing that it would not know what to make of;
 * its announcement asks for the rest. Nobody: nothing happens.
 */
void context_tell(struct context *context, uint64_t peer, const struct msg *msg);

/* For the history: something about a connection or a key. acted_id: whom a message was carried out
 * for; key: NULL where it does not matter. */
void context_note_peer(struct context *context, enum history_peer_event event, uint64_t terminal_id,
                       uint64_t acted_id, const char *key);

/* For explain. */
void context_note_last_sign_on(struct context *context, uint64_t user_id, const char *terminal,
                               const char *outcome);

/* A flow has ended: the orderly stop may be waiting for it. */
void reactor_flow_ended(struct context *context);

#endif
