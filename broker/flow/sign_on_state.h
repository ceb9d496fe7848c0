/* sign_on_state.h - the state of a sign-on from step to step.
 *
 * Module flow, inner header of sign_on; limits.c cancels the sign-ons of a user through it.
 */
#ifndef BERTH_FLOW_SIGN_ON_STATE_H
#define BERTH_FLOW_SIGN_ON_STATE_H

#include "berth/wait.h"

#include "core/effective.h"
#include "core/policy.h"
#include "flow/claim.h"
#include "flow/pool_queue.h"
#include "flow/resume.h"

struct sign_on {
    struct flow flow;
    struct context *context;
    struct terminal *terminal; /* pinned; its disconnection cancels this */
    uint64_t ref;
    char wanted_pool[64];
    struct msg_evidence evidence[4];
    size_t evidence_count;
    struct resume_claim resume; /* evidence of kind RESUME; session_id 0: none */
    struct auth_result who;

    uint64_t user_id; /* known after identify */
    char user[64];
    struct list same_user; /* node in context.signing_on of the user */
    struct list over;      /* wait queue of sign-ons that wait for the end of this one */
    bool quiet;            /* cancelled by its own terminal: no answer */
    bool choices_sent;     /* the choices were sent: the person chooses a pool and signs on again */

    struct policy_verdict verdict;
    struct queue_entry queue_entry;
    struct claim claim;
    bool desktop_reached; /* resume: its desktop answered before anything was decided */
    bool hide_sent;
    int conflicts;
    int64_t probing_since_ms, secret_since_ms;

    struct waitq_entry wait;
    struct delay delay;
    struct virt_args args;
    struct virt_result result;
    struct probe_result probe;
    struct secret password;
};

static inline struct sign_on *sign_on_of(struct flow *flow)
{
    return container_of(flow, struct sign_on, flow);
}

enum sign_on_step {
    SIGN_ON_IDENTIFY,
    SIGN_ON_CHOOSE,
    SIGN_ON_REACH,
    SIGN_ON_RECORD,
    SIGN_ON_WAKE,
    SIGN_ON_PROBE,
    SIGN_ON_SECRET,
    SIGN_ON_TELL,
    SIGN_ON_STEPS
};

extern const struct flow_kind sign_on_flow_kind;

/* sign_on_select.c: choose the session or the pool, reserve a desktop, and wait for earlier
 * decisions. Then follows `record`, or `reach`
 * for a resume that has not reached its desktop yet. */
int sign_on_select(struct flow *flow);

/* sign_on_desktop.c: steps. */
int sign_on_wake(struct flow *flow);
int sign_on_probe(struct flow *flow);
int sign_on_probed(struct flow *flow);
int sign_on_secret(struct flow *flow);
int sign_on_secret_set(struct flow *flow);

/* sign_on_desktop.c: the desktop that this sign-on has claimed. NULL when the claim is void or the
 * desktop does not exist any more: then the flow has its error. To be called after every wait. */
struct desktop *sign_on_desktop(struct flow *flow);

/* sign_on_resume.c: check the resume again with the present facts. Sets the user and the pool; on
 * failure the flow has its error. */
int sign_on_check_resume(struct flow *flow) berth_must_check;

/* sign_on_resume.c: step of a resume, which probes before it claims: a desktop that cannot be reached
 * costs the session nothing, for no claim and no row is written. Then it chooses again. */
int sign_on_reach(struct flow *flow);
int sign_on_reached(struct flow *flow);

#define SIGN_ON_PROBE_DELAY_MS 250 /* before a desktop is probed again */

/* sign_on_orphans.c: list this sign-on among those of its user, from when the user is known until
 * its end. */
void sign_on_add_to_user(struct sign_on *s);
void sign_on_remove_from_user(struct sign_on *s);

/* sign_on_orphans.c: a sign-on of this user has ended, or has chosen. When it superseded an earlier
 * one and does not continue that one's session, no flow owns the session any more: it becomes
 * DISCONNECTED. user_id 0: nothing happens. */
void sign_on_disconnect_orphans(struct context *context, uint64_t user_id);

/* sign_on_messages.c: the text that the person at the terminal sees for a failed sign-on. For
 * technical failures, such as of a certificate or a host, it does not name the cause: that is in
 * the log, in the audit trail and in `explain`. */
const char *sign_on_error_text(const struct berth_error *error);

/* sign_on_check.c: is the account of s->user_id open, and its terminal accepted?
 *
 * Errors: CREDENTIALS, DISABLED, STATE. The text is shown to the person.
 */
int sign_on_check_account(const struct sign_on *s, struct berth_error *reterr) berth_must_check;

/* sign_on_check.c: may this sign-on, for claim.pool_id, still go on? Fills s->verdict.
 *
 * Errors: CREDENTIALS, DENIED, DISABLED, STATE (its terminal), NOT_FOUND (its pool),
 * NO_ENTITLEMENT. The text is shown to the person.
 */
int sign_on_check(struct sign_on *s, struct berth_error *reterr) berth_must_check;

/* sign_on_messages.c: messages to the terminal. */
void sign_on_send_progress(struct sign_on *s, const char *step, const char *text, int place,
                           int64_t estimate_ms);
void sign_on_send_choices(struct sign_on *s, const struct policy_verdict *verdicts, size_t count);
void sign_on_send_show(struct sign_on *s);

#endif
