/* sign_on_request.h - request a desktop for a person or a kiosk, or again for a lost picture.
 *
 * Module flow of the agent. The flow: send the evidence to the broker; wait for its answer, which
 * has no time limit and is preceded by progress messages; let the person pick a pool when the
 * broker offers several. It ends with a show or a refusal. The evidence is kept while the flow runs
 * and wiped at its end. When the link is lost meanwhile, the flow asks again once it is back, for
 * up to a minute.
 *
 * The same flow resumes a lost picture: with evidence of kind RESUME, after a delay that doubles
 * with every attempt, also while the broker is away. It ends when the picture is back, with a final
 * refusal, after too many attempts, or after show.resume_ms.
 */
#ifndef BERTH_AGENT_FLOW_SIGN_ON_REQUEST_H
#define BERTH_AGENT_FLOW_SIGN_ON_REQUEST_H

#include "flow/agent_flow.h"

extern const struct flow_kind sign_on_request_kind;

/* Begin with this evidence (copied). pool: "" = the profile's, else the broker's choice.
 * Errors: STATE (a desktop is shown, or the broker is away), BUSY (a sign-on is running), INVALID
 * (no user name).
 */
int sign_on_request_begin(struct agent_flow *agent, const struct msg_evidence *evidence,
                          const char *pool, struct berth_error *reterr) berth_must_check;

/* The viewer of `claim` was lost: begin to resume. fresh: its picture was on the screen, and the
 * time limit starts now; else it was a resumed one without a picture yet. False: it is not resumed
 * (a kiosk, or the time or the attempts are used up), and nothing was changed.
 */
bool sign_on_request_resume(struct agent_flow *agent, const struct session_claim *claim,
                            bool fresh);

/* The resumed picture is on the screen, or was given up. */
void sign_on_request_end_resume(struct agent_flow *agent);

/* Is this session being resumed, at this epoch or an older one? */
bool sign_on_request_is_resuming(const struct agent_flow *agent, uint64_t session_id,
                                 int64_t epoch);

/* Cancel a running one, on behalf of the person. */
void sign_on_request_cancel(struct agent_flow *agent);

/* The person picked one of the offered pools. */
void sign_on_request_pick(struct agent_flow *agent, const char *pool);

/* Sign a kiosk on when nothing prevents it. Called after every change of the terminal's
 * state. */
void sign_on_request_check_kiosk(struct agent_flow *agent);

/* A kiosk's desktop could not be shown: delay its next sign-on, longer each time until
 * sign_on_request_reset_back_off.
 */
void sign_on_request_kiosk_back_off(struct agent_flow *agent);
void sign_on_request_reset_back_off(struct agent_flow *agent);

/* The link was lost, or presence is granted again. */
void sign_on_request_link_lost(struct agent_flow *agent);
void sign_on_request_link_back(struct agent_flow *agent);

/* The agent stops: cancel. */
void sign_on_request_stop(struct agent_flow *agent);

/* Handlers of progress, choose, and of refused about sign_on; viewer_session.c calls
 * sign_on_request_shown for every permitted show, which ends the flow with success.
 */
void sign_on_request_progress(struct agent_flow *agent, const struct msg *msg);
void sign_on_request_choose(struct agent_flow *agent, const struct msg *msg);
bool sign_on_request_refused(struct agent_flow *agent, const struct msg_refused *refused, int code);
void sign_on_request_shown(struct agent_flow *agent);

#endif
