/* context.h - what a flow may use: the modules below it by handle, the link above it by two
 * functions, and what flows keep between turns.
 *
 * Module flow. Each handle is a port: berthd links the real module; stories and the simulator link
 * tests/fakes with the same headers. Flows include this header, those of core,
 * and those of the flows below them.
 *
 * Nothing here calls a flow. What must travel up is marked, or announced as a notice of the core,
 * and reactor.c does what follows.
 */
#ifndef BERTH_FLOW_CONTEXT_H
#define BERTH_FLOW_CONTEXT_H

#include "berth/flow.h"
#include "berth/message.h"

#include "auth/auth.h"
#include "auth/ca.h"
#include "core/assignment.h"
#include "core/command.h"
#include "core/connection.h"
#include "core/desktop.h"
#include "core/host.h"
#include "core/identity.h"
#include "core/image.h"
#include "core/notice.h"
#include "core/place.h"
#include "core/pool.h"
#include "core/session.h"
#include "core/terminal.h"
#include "core/user.h"
#include "flow/dirty_set.h"
#include "rdp/probe.h"
#include "store/store.h"
#include "virt/virt.h"

struct reactor;

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

struct context {
    struct core *core;
    struct store *store;
    struct virt *virt;
    struct auth *auth;
    struct ca *ca;
    struct probe *probe;
    struct flow_engine engine;
    struct berth_timers *timers;
    struct berth_random *random;

    /* Set by the link to terminals: tell sends a message (which is copied), hang_up closes a
     * connection. peer 0 is ignored. NULL while there is no link. */
    void (*tell)(void *link, uint64_t peer, const struct msg *msg);
    void (*hang_up)(void *link, uint64_t peer, int code, const char *why);
    void *link;

    struct {
        int64_t recovery_ms; /* after a start, until when nothing is destroyed */
    } settings;

    /* From here on: between context_start and context_stop. */
    struct reactor *reactor; /* reactor.c; NULL outside of it */
    bool stopping;           /* no new flow or request begins */
    bool closed;             /* no decision begins any more */
    struct op *quiescing;    /* context_quiesce; NULL: nobody waits */
    struct berth_timer quiesce_limit;

    struct map peers;             /* id -> struct peer */
    struct map signing_on;        /* user id -> struct list of struct sign_on.same_user */
    struct map last_sign_ons;     /* user id -> struct last_sign_on */
    struct map resumes;           /* session id -> struct resume: resume.c */
    struct list decisions;        /* decide.c: decisions being written */
    struct list retried_writes;   /* decide.c */
    struct list pending_requests; /* admin*.c */

    struct flow *invitation_flow;      /* join.c: takes a use of an invitation now, or NULL */
    struct list invitation_waitq;      /* join.c: wait queue of the flows after it */
    struct berth_timer command_expiry; /* command.c */

    /* What must be checked at the end of this turn, and the check. */
    struct dirty_set dirty_pools; /* refill.c */
    struct berth_deferred refill;
    struct dirty_set dirty_profiles; /* profile.c: terminals whose settings may have changed */
    struct berth_deferred profile_check;
    struct berth_timer more_profiles; /* checks further ones in the next turn */
    int64_t profile_version;          /* of the latest change that may affect settings */
};

/* By reactor_start, before anything else of this module; and by reactor_stop, after all of it. */
void context_start(struct context *context);
void context_stop(struct context *context);

/* From now on no new flow or request begins. Completes when none is left, or after limit_ms. */
int context_quiesce(struct context *context, int64_t limit_ms, struct op *op) berth_must_check;

/* A decision has ended: completes context_quiesce when nothing is under way any more. The engine
 * reports the ends of flows. */
void context_work_ended(struct context *context);

/* Is this the recovery window? Nothing is destroyed in it: after a restart no machine is touched
 * until terminals had time to come back. */
static inline bool context_recovering(struct context *context)
{
    return context->timers->mono_ms < context->core->recovery_until_ms;
}

/* Announce that a pool must be checked: at the end of this turn, or after this time at the latest.
 * pool_id 0: ignored. */
void context_mark_pool(struct context *context, uint64_t pool_id);
void context_mark_pool_later(struct context *context, struct pool *pool, int64_t delay_ms);

/* Announce that what is known of this machine may be wrong: its host is asked. why: recorded when
 * the machine turns out to be off. */
void context_doubt_machine(struct context *context, const struct desktop *desktop, const char *why);

/* context_peer: NULL when the connection is gone. context_terminal: its terminal; NULL when the
 * peer is no terminal (any more), or was replaced by a newer connection of its terminal.
 * context_terminal_name: its name, for logs and listings; "" when there is none. */
struct peer *context_peer(struct context *context, uint64_t peer);
struct terminal *context_terminal(struct context *context, uint64_t peer);
const char *context_terminal_name(struct context *context, uint64_t peer);

/* The state of a peer, in which messages.def permits messages (enum msg_in); 0: it is gone. Present
 * is who was sent MSG_granted, until MSG_presence_unknown. */
unsigned context_peer_state(struct context *context, uint64_t peer);

/* Add a connection; take it out of the peers, NULL when it is not there; free it after that. */
struct peer *context_peer_add(struct context *context, uint64_t id, const char *address);
struct peer *context_peer_take(struct context *context, uint64_t id);
void context_peer_free(struct peer *peer);

/* Send a message to a peer, if messages.def permits it in the peer's present state; otherwise, and
 * when there is no such peer, nothing happens. A terminal that has connected and not announced
 * itself yet is sent nothing that it could not handle; its announcement asks for the rest.
 */
void context_tell(struct context *context, uint64_t peer, const struct msg *msg);

/* Tell a peer that a message was refused: msg_refuse. */
void context_refuse(struct context *context, uint64_t peer, const char *about, uint64_t ref,
                    const struct berth_error *error, int64_t retry_ms);
#define REFUSED_RETRY_MS 1000

/* For the history: an event of a connection or a key. acted_id: the terminal that a message was
 * carried out for; key: NULL where it does not matter. */
void context_note_peer(struct context *context, enum history_peer_event event, uint64_t terminal_id,
                       uint64_t acted_id, const char *key);

/* Remember how the latest sign-on of this user ended, for explain.h. */
void context_note_last_sign_on(struct context *context, uint64_t user_id, const char *terminal,
                               const char *outcome);

#endif
