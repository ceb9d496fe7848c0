/* sign_on_request.h - a person (or a kiosk) wants a desktop.
 *
 * Module flow of the agent. The flow: ask the broker with the evidence, wait as long as it takes -
 * the broker says what it is doing, or the place in its queue -, perhaps let the person pick a
 * pool, until there is a desktop to show or a no. Evidence is held while the flow runs and wiped
 * with it. When the broker goes away meanwhile, the flow waits for it and asks again.
 *
 * A picture that breaks is asked for by the same flow: with evidence of kind RESUME instead of a
 * person's, after a pause that doubles with every try, also when the broker is away at first. It
 * ends with the picture, a final no, too many tries, or when the time that the broker gave with the
 * show has passed.
 */
#ifndef BERTH_AGENT_FLOW_SIGN_ON_REQUEST_H
#define BERTH_AGENT_FLOW_SIGN_ON_REQUEST_H

#include "flow/agent_flow.h"

extern const struct flow_kind sign_on_request_kind;

/* Begin with this evidence (copied). pool: "" lets profile and broker choose.
 * Errors: STATE (a desktop is shown, or the broker is away), BUSY (one is under way), INVALID (no
 * name).
 */
int sign_on_request_begin(struct agent_flow *agent, const struct msg_evidence *evidence,
                          const char *pool, struct berth_error *reterr) berth_must_check;

/* The picture of `claim` broke. fresh: it was there; else it is one that was resumed and did not
 * come up. False: it is not asked for (a kiosk, time or tries are over), and nothing was changed.
 */
bool sign_on_request_resume(struct agent_flow *agent, const struct session_claim *claim,
                            bool fresh);

/* A resumed picture is there, or will not come any more. */
void sign_on_request_end_resume(struct agent_flow *agent);

/* Is the picture of this session asked for, at this epoch or an older one? */
bool sign_on_request_is_resuming(const struct agent_flow *agent, uint64_t session_id,
                                 int64_t epoch);

/* The person changed their mind; also while the desktop is being connected. */
void sign_on_request_cancel(struct agent_flow *agent);

/* The person picked one of the offered pools. */
void sign_on_request_pick(struct agent_flow *agent, const char *pool);

/* Is it time for a kiosk to sign on by itself? Called at every change of the terminal's state. */
void sign_on_request_check_kiosk(struct agent_flow *agent);

/* A desktop that was handed out could not be shown: a kiosk waits before it asks again, longer each
 * time, until sign_on_request_reset_back_off.
 */
void sign_on_request_kiosk_back_off(struct agent_flow *agent);
void sign_on_request_reset_back_off(struct agent_flow *agent);

/* The broker went, or is back. */
void sign_on_request_link_lost(struct agent_flow *agent);
void sign_on_request_link_back(struct agent_flow *agent);

/* The agent stops. */
void sign_on_request_stop(struct agent_flow *agent);

/* Messages. A show ends the flow well: viewer_session.c calls sign_on_request_shown before it does
 * anything.
 */
void sign_on_request_progress(struct agent_flow *agent, const struct msg *msg);
void sign_on_request_choose(struct agent_flow *agent, const struct msg *msg);
void sign_on_request_refused(struct agent_flow *agent, const struct msg_refused *refused);
void sign_on_request_shown(struct agent_flow *agent);

#endif
