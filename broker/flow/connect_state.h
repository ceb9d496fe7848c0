/* connect_state.h - what a sign-on carries from step to step.
 *
 * Module flow, inner header of connect.
 */
#ifndef BERTH_FLOW_CONNECT_STATE_H
#define BERTH_FLOW_CONNECT_STATE_H

#include "core/effective.h"
#include "core/policy.h"
#include "flow/claim.h"
#include "flow/waitq.h"
#include "flow/refill.h"
#include "flow/resume.h"

struct connect {
    struct flow flow;
    struct context *context;
    struct terminal *terminal; /* pinned; its going away cancels this */
    uint64_t ref;
    char wanted_pool[64];
    struct msg_evidence evidence[4];
    size_t evidence_count;
    struct resume_claim resume; /* evidence: a picture that broke; session_id 0: none */
    struct auth_result who;

    uint64_t user_id; /* known after identify */
    char user[64];
    struct list same_user; /* reactor.signing_on of that user */
    struct list over;      /* waitq: others wait until this one has ended */
    bool quiet;            /* called off from its own terminal: no answer */
    bool asked_back;       /* several pools: the person chooses and signs on again */

    struct policy_verdict verdict;
    struct queue_place place;
    struct claim claim;
    bool answers; /* resume: its desktop was reached before anything was decided */
    bool told_hidden;
    int conflicts;
    int64_t probing_since_ms, secret_since_ms;

    struct waitq_entry wait;
    struct delay delay;
    struct virt_args args;
    struct virt_result result;
    struct probe_result probe;
    struct secret password;
};

static inline struct connect *connect_of(struct flow *flow)
{
    return container_of(flow, struct connect, flow);
}

extern const struct flow_kind connect_kind;

/* connect_choose.c: decide which session or pool it shall be, reserve, and wait for earlier
 * decisions. `again`: the step that asks once more, `next`: the one that follows when something is
 * reserved.
 */
int connect_choose(struct flow *flow, int again, int next);

/* connect_resume.c: the claim on a broken picture, as it stands now. Sets whose it is and which
 * pool; on failure the flow has its error. */
int connect_resume_judge(struct flow *flow) berth_must_check;

/* connect_resume.c, two steps: ask the desktop, and judge its answer. One that cannot be reached
 * costs the session nothing: no claim, no row. `again`: the step that asks once more, `next`: the
 * one that follows. */
int connect_reach(struct flow *flow, int next);
int connect_reached(struct flow *flow, int again, int next);

#define CONNECT_PROBE_DELAY_MS 250 /* before a desktop is asked again */

/* connect_settle.c: this sign-on is one of its user's, from when the user is known to its end. */
void connect_join_same_user(struct connect *c);
void connect_leave_same_user(struct connect *c);

/* connect_settle.c: a sign-on of this user has ended, or has chosen. When it overtook an earlier
 * one and does not go on with its session, nobody else does: such a session is settled. user_id 0:
 * nothing happens. */
void connect_settle_leftovers(struct context *context, uint64_t user_id);

/* connect_show.c: what the person at the terminal reads of a sign-on that failed. Of what failed
 * below them, such as a certificate or a host, only that it did: the reason is in the log, in the
 * audit trail and in `explain`. */
const char *connect_words(const struct berth_error *error);

/* connect_right.c: may this sign-on, for claim.pool_id, still go on? Fills c->verdict. The sentence
 * is for the person. Errors: CREDENTIALS, DENIED, DISABLED, STATE (its terminal), NOT_FOUND (its
 * pool), NO_ENTITLEMENT.
 */
int connect_judge(struct connect *c, struct berth_error *reterr) berth_must_check;

/* connect_show.c: what the terminal is told. */
void connect_progress(struct connect *c, const char *step, const char *text, int place,
                      int64_t estimate_ms);
void connect_ask_pool(struct connect *c, const struct policy_verdict *verdicts, size_t count);
void connect_show(struct connect *c);

#endif
